// A query as text of SQL: a condition over one table, and what orders its rows
// (query-language.md section 21, with the column forms of docs/internals/storage.md). Text and
// parameters only, so no database is known here; names of tables and columns come from the schema
// (model::Class), constants are always parameters.
//
// SQL says what it can say exactly, above all what an index answers, and for other parts a
// condition that lets no match go by. What is left is `residual`: the caller asks the other
// evaluator (evaluate.hpp) of the rows that come out. That needs no function of ours inside the
// database, so that PostgreSQL is served the same way, and each row is decoded once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "query/tree/tree.hpp"

namespace realmsync::query {

enum class Dialect : std::uint8_t { sqlite, postgresql };

struct SqlOptions {
    Dialect dialect = Dialect::sqlite;
    // Whether tables hold the rows of many partitions, told apart by a first column of the key.
    bool is_partitioned = false;
};

// The alias of the queried table in every condition.
inline constexpr const char* kRow = "t";

// A constant in the form of the column that it meets; what that is, the store knows.
struct SqlParameter {
    enum class Form : std::uint8_t {
        column, // as a column of the property holds it
        blob,   // a date in the form of those outside the years that have a text
    };
    const model::Property* property = nullptr; // of the query's schema
    model::Value value;
    Form form = Form::column;
};

struct SqlCondition {
    std::string text;                     // of WHERE: true where it matches, else false or NULL
    std::vector<SqlParameter> parameters; // in the order of the placeholders
    // What the rows must still be asked, all of it; empty: the text says all.
    std::vector<PredicatePtr> residual;
};

SqlCondition to_sql(const PredicatePtr& predicate, const SqlOptions& options = {});

// What follows ORDER BY, but for the last tie-breaker; nothing when SQL does not order these values
// as the language does.
std::optional<std::string> order_by(const Sort& sort, const SqlOptions& options = {});

} // namespace realmsync::query
