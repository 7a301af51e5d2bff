#include "rules/predicates.hpp"

#include <set>
#include <string>
#include <utility>

#include "query/tree/normal_comparison.hpp"
#include "query/tree/tree_bytes.hpp"
#include "query/tree/tree_copies.hpp"

namespace realmsync::rules {

namespace {

using query::PredicatePtr;

PredicatePtr group_of(bool conjunction, std::vector<PredicatePtr> parts) {
    query::Group group;
    group.conjunction = conjunction;
    std::set<std::string> known;
    auto take = [&](PredicatePtr member) {
        if (known.insert(query::tree_bytes(*member)).second)
            group.members.push_back(std::move(member));
    };
    for (PredicatePtr& part : parts) {
        const auto* value = std::get_if<query::Truth>(&part->of);
        const auto* inner = std::get_if<query::Group>(&part->of);
        if (value != nullptr) {
            if (value->value != conjunction)
                return truth(!conjunction);
        } else if (inner != nullptr && inner->conjunction == conjunction) {
            for (const PredicatePtr& member : inner->members)
                take(member);
        } else {
            take(std::move(part));
        }
    }
    if (group.members.empty())
        return truth(conjunction);
    if (group.members.size() == 1)
        return group.members.front();
    return query::make_predicate(std::move(group));
}

// As the language has it within NOT: chains of OR keep their parentheses (query-language.md 19.1).
PredicatePtr nested(const PredicatePtr& predicate) {
    const auto* group = std::get_if<query::Group>(&predicate->of);
    if (group == nullptr)
        return predicate;
    query::Group made;
    made.conjunction = group->conjunction;
    made.is_left_nested = !group->conjunction && group->members.size() > 2;
    for (const PredicatePtr& member : group->members)
        made.members.push_back(nested(member));
    return query::make_predicate(std::move(made));
}

} // namespace

PredicatePtr truth(bool value) { return query::make_predicate(query::Truth{value}); }

PredicatePtr all_of(std::vector<PredicatePtr> members) {
    return group_of(true, std::move(members));
}

PredicatePtr any_of(std::vector<PredicatePtr> members) {
    return group_of(false, std::move(members));
}

PredicatePtr negated(const PredicatePtr& predicate) {
    if (const auto* value = std::get_if<query::Truth>(&predicate->of))
        return truth(!value->value);
    if (const auto* inner = std::get_if<query::Not>(&predicate->of))
        return inner->of;
    const auto* comparison = std::get_if<query::Comparison>(&predicate->of);
    // Relations keep their Not: an object may lack what its class requires.
    const bool is_equality =
        comparison != nullptr &&
        (comparison->op == query::Operator::equal || comparison->op == query::Operator::not_equal);
    if (const auto op = is_equality ? query::complement(*comparison) : std::nullopt) {
        query::Comparison other;
        other.op = *op;
        other.meeting = comparison->meeting;
        other.left = query::copy(comparison->left);
        other.right = query::copy(comparison->right);
        return query::make_predicate(std::move(other));
    }
    return query::make_predicate(query::Not{nested(predicate)});
}

} // namespace realmsync::rules
