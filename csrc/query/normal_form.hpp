// One form for all trees that are known to mean the same (query-language.md 19.3): NOT stands at
// the leaves where a comparison has a complement, groups are flat and sorted, equalities of one
// column are one membership. Equal forms select equal objects; the reverse is not promised.
#pragma once

#include <string>

#include "query/tree.hpp"

namespace realmsync::query {

PredicatePtr normalize(const PredicatePtr& predicate);
// The bytes of the normal form: equal for equal meaning, to be hashed or compared. Stable across
// processes and versions of one format number, which is its first byte.
std::string canonical_bytes(const Query& query);

} // namespace realmsync::query
