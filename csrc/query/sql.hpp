// A query as text of SQL: a condition over one table, and what orders its rows
// (query-language.md section 21). Text and parameters only, so no database is known here; names of
// tables and columns come from the schema (model::Class), constants are always parameters.
//
// What a dialect cannot say exactly is left to the other evaluator: `residual` holds those atoms,
// each called as a function of the columns that it needs, where the dialect can call back (SQLite),
// or to be asked of the images of the rows that come out (PostgreSQL).
#pragma once

#include <string>
#include <vector>

#include "query/tree.hpp"

namespace realmsync::query {

enum class Dialect : std::uint8_t { sqlite, postgresql };

struct SqlCondition {
    std::string text;                     // of WHERE, over alias t; never NULL where it matters
    std::vector<model::Value> parameters; // in order of ?1, ?2, … ($1, $2, …)
    // Atoms that the text calls as rs_matches(number, …) in SQLite.
    std::vector<PredicatePtr> residual;
    bool is_exact = true; // false: rows that come out must still be asked of `residual`
};

SqlCondition to_sql(const Predicate& predicate, const model::Class& cls, Dialect dialect);

} // namespace realmsync::query
