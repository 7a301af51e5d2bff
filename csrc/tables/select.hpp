// What a query selects of the rows of a partition: SQL where it says what the language means, above
// all by indexes, and the evaluator for the rest (query/sql/sql.hpp,
// query/evaluation/evaluate.hpp). Natural order is that of creation. Nothing here opens a
// transaction: what is read over several statements is one version only inside of the caller's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/key_list.hpp"
#include "query/tree/tree.hpp"
#include "tables/tables.hpp"

namespace realmsync::tables {

// The keys of the selected objects, in the query's order. The query's classes are of a schema with
// the same content as the partition's. O(rows that the condition of SQL leaves, sorted); links to
// other objects cost O(log n) for each object that is met, links backwards one scan of their class.
// Throws query::QueryFault (limit) when the evaluator has too much work.
// `means`: the evaluator alone must come to the same, and is there to be compared with.
enum class Means : std::uint8_t { sql, evaluator };
model::KeyList select(Tables& tables, std::int64_t partition, const query::Query& query,
                      Means means = Means::sql);

// The same asked of some objects of the class instead of all, which are in natural order as they
// come; what is among them twice is selected twice, what does not exist is left out. O(their number
// · log n) without the clauses.
model::KeyList select_among(Tables& tables, std::int64_t partition, const query::Query& query,
                            const model::KeyList& members);

// The statement that finds the rows. Constants are parameters: another constant, the same text.
std::string statement(Tables& tables, const query::Query& query);
// How SQLite goes about it, a line for each step: which index it uses.
std::vector<std::string> explain(Tables& tables, const query::Query& query);

} // namespace realmsync::tables
