// One comparison of a property, whose right side is known, as a predicate (app-configuration.md
// 6.5).
#pragma once

#include "model/schema.hpp"
#include "query/tree/tree.hpp"
#include "query/work.hpp"
#include "rules/nodes.hpp"
#include "rules/terms.hpp"

namespace realmsync::rules {

// Of lists of objects and of dictionaries rules know nothing: every comparison of them is false.
// Throws QueryFault (limit) when the predicate would take more work than is left.
query::PredicatePtr test_property(const model::Class& cls, std::size_t property, Comparator op,
                                  const Resolved& right, query::Work& work);

} // namespace realmsync::rules
