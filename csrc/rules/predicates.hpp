// Predicates put together so that what is decided falls away, groups are flat, and no group has a
// member twice (app-configuration.md 6.5). Their text stays readable; the form that equal ones
// share is that of query/tree/normal_form.hpp.
#pragma once

#include <vector>

#include "query/tree/tree.hpp"

namespace realmsync::rules {

query::PredicatePtr truth(bool value);
query::PredicatePtr all_of(std::vector<query::PredicatePtr> members);
query::PredicatePtr any_of(std::vector<query::PredicatePtr> members);
query::PredicatePtr negated(const query::PredicatePtr& predicate);

} // namespace realmsync::rules
