// How much work an expression may be, for one user: the limits of queries, told as a fault of the
// expression.
#pragma once

#include "query/work.hpp"
#include "rules/fault.hpp"

namespace realmsync::rules {

// Steps of work for what is kept in memory, so that the limit on work bounds that, too.
inline constexpr std::size_t kKeptStep = 64;       // for each step of weight() of a copied value
inline constexpr std::size_t kKeptPredicate = 512; // for a comparison in a predicate

template <class Task> auto within_limits(Task task) {
    query::Work work;
    try {
        return task(work);
    } catch (const query::QueryFault&) {
        throw ExpressionFault("the expression compares so much that it takes too long");
    }
}

} // namespace realmsync::rules
