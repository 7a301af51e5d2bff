// One form for all trees that are known to mean the same (query-language.md 19.3): NOT stands at
// the leaves, and only where a comparison has no complement; groups are flat, sorted and without
// equal members; equalities of one path under OR are one membership. Equal forms select equal
// objects; the reverse is not promised.
#pragma once

#include <string>

#include "query/tree/tree.hpp"

namespace realmsync::query {

// O(n log n) comparisons of the bytes of n terms, at each level of nesting. Normal forms are
// evaluated as other trees are; they are not for print().
PredicatePtr normalize(const PredicatePtr& predicate);

// The bytes of the normal form of a query and of what it is asked of: equal for equal meaning, to
// be hashed or compared. Stable across processes and versions of one format number, which is its
// first byte.
std::string canonical_bytes(const Query& query);

} // namespace realmsync::query
