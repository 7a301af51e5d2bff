// Columns in conditions of SQL: which paths are one, and how a column meets a constant
// (query-language.md sections 8, 9 and 21.3). The rest of a condition is sql.cpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "query/sql/sql.hpp"

namespace realmsync::query {

// Part of a condition. Where it is not exact it is true for more objects, never for fewer.
struct SqlText {
    std::string text; // in parentheses where it needs them
    bool is_exact = true;
};

std::string sql_quote(const std::string& name);

// What a path is in SQL: a column of the row, or of the row that single links lead to.
struct SqlColumn {
    std::string text; // NULL where a link on the way is null or dangling
    const model::Property* property = nullptr;
    bool is_direct = false;
    bool has_blob_null = false; // a nullable key, whose null is an empty blob
};

// The parameters of a condition under construction. What cannot be finished is taken back.
class SqlParameters {
  public:
    explicit SqlParameters(Dialect dialect) : dialect_(dialect) {}

    // The placeholder.
    std::string add(const model::Property& property, const model::Value& value,
                    SqlParameter::Form form = SqlParameter::Form::column);
    std::size_t size() const { return all_.size(); }
    void take_back(std::size_t size) { all_.resize(size); }
    std::vector<SqlParameter> take() { return std::move(all_); }

  private:
    Dialect dialect_;
    std::vector<SqlParameter> all_;
};

class SqlColumns {
  public:
    explicit SqlColumns(const SqlOptions& options)
        : options_(options), parameters_(options.dialect) {}

    SqlParameters& parameters() { return parameters_; }
    bool is_sqlite() const { return options_.dialect == Dialect::sqlite; }
    bool has_text_indexes() const { return is_sqlite() && !options_.is_partitioned; }
    std::string truth(bool value) const;
    // Whether a condition is false or null. SQLite takes TRUE for a column, if the class has one of
    // that name in any case.
    std::string is_not_true(const std::string& condition) const {
        return "(" + condition + (is_sqlite() ? ") IS NOT 1" : ") IS NOT TRUE");
    }

    std::optional<SqlColumn> column(const Path& path);
    // `column op value`.
    std::optional<SqlText> compare(const SqlColumn& column, Operator op, const model::Value& value,
                                   Meeting meeting);
    std::optional<SqlText> compare(const SqlColumn& left, Operator op, const SqlColumn& right);
    std::optional<SqlText> is_one_of(const SqlColumn& column, const std::vector<Constant>& items);
    // What ORDER BY says of it; nothing where SQL has another order.
    std::optional<std::string> order(const SqlColumn& column, bool ascending) const;

  private:
    std::string is_null(const SqlColumn& column) const;
    std::optional<SqlText> compare_null(const SqlColumn& column, Operator op, Meeting meeting);
    std::optional<SqlText> compare_plain(const SqlColumn& column, Operator op,
                                         const model::Value& value);
    std::optional<SqlText> compare_string(const SqlColumn& column, Operator op,
                                          const model::Value& value, Meeting meeting);
    std::optional<SqlText> compare_real(const SqlColumn& column, Operator op,
                                        const model::Value& value, Meeting meeting);
    std::optional<SqlText> compare_date(const SqlColumn& column, Operator op,
                                        const model::Value& value);
    std::optional<SqlText> compare_mixed(const SqlColumn& column, Operator op,
                                         const model::Value& value);
    std::optional<SqlText> begins_with(const SqlColumn& column, const model::Value& value);

    SqlOptions options_;
    SqlParameters parameters_;
    unsigned aliases_ = 0;
};

} // namespace realmsync::query
