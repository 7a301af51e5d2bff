#include "query/tree/equalities.hpp"

#include <utility>

#include "query/tree/normal_comparison.hpp"
#include "query/tree/tree_bytes.hpp"
#include "query/tree/tree_copies.hpp"

namespace realmsync::query {

namespace {

bool is_any(Quantifier quantifier) {
    return quantifier == Quantifier::unsaid || quantifier == Quantifier::any;
}

// Columns whose equalities the language itself turns into memberships (10.3).
bool has_membership(const Path& path) {
    return path.is_column() && (path.type == Type::integer || path.type == Type::string ||
                                path.type == Type::object_id || path.type == Type::uuid);
}

// Whether p == a OR p == b may become p == {a, b}. The other columns keep their comparisons: they
// have rules that depend on the single constant (8.3).
bool is_mergeable(const Comparison& comparison) {
    const auto* path = std::get_if<PathOperand>(&comparison.left.of);
    if (path == nullptr || !is_any(comparison.left.quantifier) ||
        !is_any(comparison.right.quantifier))
        return false;
    const auto* constant = std::get_if<Constant>(&comparison.right.of);
    if (has_membership(path->path))
        return constant != nullptr && !comparison.ignore_case &&
               (constant->value.is_null() || constant->value.type() == path->path.type);
    const bool is_other_column = path->path.is_column() && path->path.type != kMixed;
    return comparison.meeting == Meeting::generic && !is_other_column &&
           (constant != nullptr || std::holds_alternative<ConstantList>(comparison.right.of));
}

Comparison without_constants(const Comparison& comparison) {
    Comparison out;
    out.op = Operator::equal;
    out.ignore_case = comparison.ignore_case;
    out.meeting = comparison.meeting;
    out.left = copy(comparison.left);
    return out;
}

Comparison of_column(const Path& path) {
    Comparison out;
    out.meeting = path.type == Type::string ? Meeting::string_column : Meeting::generic;
    out.left.of = PathOperand{path};
    out.left.type = path.type;
    return out;
}

} // namespace

bool Equalities::take(const Predicate& member) {
    const auto* negation = std::get_if<Not>(&member.of);
    if (is_negated_ && negation == nullptr) {
        const auto* comparison = std::get_if<Comparison>(&member.of);
        return comparison != nullptr && comparison->op == Operator::not_equal &&
               complement(*comparison) && take(*comparison);
    }
    if (!is_negated_ && negation != nullptr)
        return false;
    const Predicate& equality = is_negated_ ? *negation->of : member;
    if (const auto* membership = std::get_if<Membership>(&equality.of))
        return take(*membership);
    const auto* comparison = std::get_if<Comparison>(&equality.of);
    return comparison != nullptr && comparison->op == Operator::equal && take(*comparison);
}

bool Equalities::take(const Comparison& comparison) {
    if (!is_mergeable(comparison))
        return false;
    auto& items = entry(comparison).items;
    auto add = [&](const Constant& constant) {
        items.try_emplace(tree_bytes(constant), copy(constant));
    };
    if (const auto* constant = std::get_if<Constant>(&comparison.right.of))
        add(*constant);
    else
        for (const Constant& item : std::get<ConstantList>(comparison.right.of).items)
            add(item);
    return true;
}

bool Equalities::take(const Membership& membership) {
    if (!has_membership(membership.path))
        return false;
    auto& items = entry(of_column(membership.path)).items;
    for (const Constant& item : membership.items)
        items.try_emplace(tree_bytes(item), copy(item));
    return true;
}

Equalities::Entry& Equalities::entry(const Comparison& comparison) {
    std::string key = tree_bytes(comparison.left);
    key += comparison.ignore_case ? 'c' : ' ';
    auto [found, is_new] = entries_.try_emplace(std::move(key));
    if (is_new)
        found->second.first = without_constants(comparison);
    return found->second;
}

std::vector<PredicatePtr> Equalities::merged() const {
    std::vector<PredicatePtr> out;
    for (const auto& [key, entry] : entries_) {
        if (entry.items.size() == 1) {
            Comparison single = without_constants(entry.first);
            single.right.of = copy(entry.items.begin()->second);
            single.right.type = entry.items.begin()->second.value.type();
            if (is_negated_)
                if (std::optional<Operator> op = complement(single)) {
                    single.op = *op;
                    out.push_back(make_predicate(std::move(single)));
                    continue;
                }
            out.push_back(make_predicate(std::move(single)));
        } else {
            out.push_back(one_of(entry));
        }
        if (is_negated_)
            out.back() = make_predicate(Not{out.back()});
    }
    return out;
}

PredicatePtr Equalities::one_of(const Entry& entry) const {
    std::vector<Constant> items;
    items.reserve(entry.items.size());
    for (const auto& [bytes, item] : entry.items)
        items.push_back(copy(item));
    const Path& path = std::get<PathOperand>(entry.first.left.of).path;
    if (has_membership(path))
        return make_predicate(Membership{path, std::move(items)});
    Comparison list = without_constants(entry.first);
    list.right.of = ConstantList{std::move(items)};
    list.right.is_multiple = true;
    list.right.quantifier = Quantifier::any;
    return make_predicate(std::move(list));
}

} // namespace realmsync::query
