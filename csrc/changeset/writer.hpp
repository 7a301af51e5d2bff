// Writes the changeset of one local transaction straight to bytes, interning names just before
// their first use in the order of changeset-format.md section 10 rule 2. Which instructions a user
// write needs (section 11) is decided by the store; column batches are in store/bulk.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/values.hpp"
#include "changeset/instruction.hpp"

namespace realmsync::changeset {

// One step of a path below a property: an index, or a dictionary key / embedded property name.
struct Step {
    bool is_string;
    std::uint32_t index;
    std::string_view name;
};

// class → object → field → path. All views are borrowed for the call.
struct Address {
    std::string_view table;
    Key key;
    std::string_view field;
    std::span<const Step> path;
};

class Writer {
  public:
    void add_table(std::string_view table, TableKind kind, std::string_view pk_field, Type pk_type,
                   bool pk_nullable);
    void erase_table(std::string_view table);
    void add_column(std::string_view table, std::string_view field, Type type, bool nullable,
                    Collection collection, std::string_view target);
    void erase_column(std::string_view table, std::string_view field);
    void create_object(std::string_view table, const Key& key);
    void erase_object(std::string_view table, const Key& key);
    // `extra` is is_default (0 or 1) or, where the path ends in an index, prior_size.
    void update(const Address& address, const Scalar& value, std::uint32_t extra);
    void add_integer(const Address& address, std::int64_t amount);
    void array_insert(const Address& address, const Scalar& value, std::uint32_t prior_size);
    void array_move(const Address& address, std::uint32_t to, std::uint32_t prior_size);
    void array_erase(const Address& address, std::uint32_t prior_size);
    void clear(const Address& address, Collection collection);
    void set_insert(const Address& address, const Scalar& value);
    void set_erase(const Address& address, const Scalar& value);

    // For batches: the id of a name, defined now if it is new; then instructions by id.
    StringId intern(std::string_view name);
    void create_object(StringId table, const Key& key);
    void update(StringId table, const Key& key, StringId field, const Scalar& value,
                bool is_default);

    bool empty() const { return bytes_.empty(); } // definitions only count as not empty
    std::size_t size() const { return bytes_.size(); }
    // A point to return to when a later step of the transaction fails.
    struct Mark {
        std::size_t bytes, strings;
    };
    Mark mark() const;
    void rewind(const Mark& mark);
    std::string take(); // the bytes; the writer is empty afterwards

  private:
    std::string bytes_;
    std::unordered_map<std::string, StringId> ids_;
    std::vector<std::string> names_; // in definition order, for rewind
};

} // namespace realmsync::changeset
