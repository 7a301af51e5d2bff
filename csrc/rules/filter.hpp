// From an expression about documents to a predicate of the query language, for one user: expansions
// become constants, what is decided by them alone falls away (app-configuration.md 6.5). The
// evaluators of query/ do the rest, in memory and as SQL.
#pragma once

#include "model/schema.hpp"
#include "query/tree/tree.hpp"
#include "rules/expression.hpp"

namespace realmsync::rules {

// The predicate of a filter in a class. Properties that the class lacks count as null. Equal
// filters of different users give equal predicates, so that views can be shared. Throws
// ExpressionFault when it would be too large.
query::PredicatePtr expand(const Expression& filter, const Context& context,
                           const model::Class& cls);

} // namespace realmsync::rules
