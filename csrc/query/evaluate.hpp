// Whether an object matches a query, and in which order objects stand: on images in memory, without
// SQL (query-language.md section 22). The other evaluator, for rows of SQL, is sql.hpp; both read
// the same tree and must agree on every object.
#pragma once

#include "query/image.hpp"
#include "query/tree.hpp"
#include <span>

namespace realmsync::query {

// O(size of the predicate and of the collections that it reads). Allocates nothing for columns.
bool matches(const Predicate& predicate, const Image& object, Graph& graph);

// The objects that a query selects of `objects` (in natural order), in its order: positions in
// `objects`. O(n log n) with a SORT, else O(n).
std::vector<std::size_t> select(const Query& query, std::span<const Image> objects, Graph& graph);

} // namespace realmsync::query
