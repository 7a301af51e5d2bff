// The SQL form of every property: column definitions, values to parameters, columns to values
// (docs/internals/storage.md has the table). All forms are lossless.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "model/schema.hpp"
#include "model/value.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::tables {

// The column of client tables that tells in which order objects were created: ascending, where
// nothing is known null. Objects with equal numbers stand in the order of their keys.
inline constexpr const char* kOrderColumn = "rs$n";

std::string quote(std::string_view name); // as an SQL identifier

// Type, NOT NULL and DEFAULT of a column, without its name. The default is what zero_value() is.
std::string column_definition(const model::Property& property);
std::string zero_literal(const model::Property& property); // SQL literal of that default
std::string key_definition(Type key_type, bool nullable);

// Texts made for parameters; they must outlive the statement's run. Reused to save allocations.
class Scratch {
  public:
    std::string& next() {
        if (used_ == texts_.size())
            texts_.emplace_back();
        std::string& text = texts_[used_++];
        text.clear();
        return text;
    }
    void reset() { used_ = 0; }
    std::size_t bytes() const {
        std::size_t sum = 0;
        for (std::size_t i = 0; i < used_; ++i)
            sum += texts_[i].size();
        return sum;
    }

  private:
    std::deque<std::string> texts_;
    std::size_t used_ = 0;
};

void bind_key(sqlite::Statement& statement, int index, const Key& key, Scratch& scratch);
// A scalar, link or null of a single property.
void bind_scalar(sqlite::Statement& statement, int index, const model::Property& property,
                 const Scalar& value, Scratch& scratch);
// A date in the form that the years outside of the text form have.
void bind_date_bytes(sqlite::Statement& statement, int index, const Timestamp& time,
                     Scratch& scratch);
// Any value of the property.
void bind_value(sqlite::Statement& statement, int index, const model::Property& property,
                const model::Schema& schema, const model::Value& value, Scratch& scratch);

Key read_key(const sqlite::Statement& statement, int column,
             Type key_type); // borrows the column's text
model::Value read_value(const sqlite::Statement& statement, int column,
                        const model::Property& property, const model::Schema& schema);

} // namespace realmsync::tables
