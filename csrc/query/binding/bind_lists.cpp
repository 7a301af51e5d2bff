// IN over a list of constants, and BETWEEN (query-language.md 10.2, 10.3).
#include <algorithm>
#include <numeric>

#include "query/binding/binder.hpp"

namespace realmsync::query {

namespace {

// Whether the members of one list are a set to look in: such a membership prints with IN.
bool is_set_kind(Kind kind) {
    return kind == Kind::integer || kind == Kind::string || kind == Kind::object_id ||
           kind == Kind::uuid;
}

// The members in their order, none twice.
std::vector<Constant> distinct(std::vector<Constant> items) {
    std::vector<std::size_t> order(items.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    auto before = [&](std::size_t a, std::size_t b) {
        int difference = model::compare(items[a].value, items[b].value);
        return difference != 0 ? difference < 0 : a < b;
    };
    std::sort(order.begin(), order.end(), before);
    std::vector<bool> is_first(items.size(), true);
    for (std::size_t i = 1; i < order.size(); ++i)
        is_first[order[i]] = model::compare(items[order[i - 1]].value, items[order[i]].value) != 0;
    std::vector<Constant> kept;
    kept.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i)
        if (is_first[i])
            kept.push_back(std::move(items[i]));
    return kept;
}

} // namespace

// Members that are of no use to the column are passed over; if none is left, nothing matches.
PredicatePtr Binder::membership(Bound left, Bound right) {
    std::vector<Constant> items;
    for (Constant& item : std::get<ConstantList>(right.operand.of).items) {
        Kind kind = kind_of(item.value);
        if (kind == Kind::nothing || kind == left.kind)
            items.push_back(std::move(item));
    }
    if (items.empty())
        return make_predicate(Truth{false});
    const Path& path = *left.path();
    if (is_set_kind(left.kind))
        return make_predicate(Membership{path, distinct(std::move(items))});
    Group group;
    group.conjunction = false;
    for (Constant& item : items) {
        Comparison made;
        made.meeting = column_meeting(left.kind);
        made.left.of = PathOperand{path};
        made.left.type = left.operand.type;
        made.right.type = item.value.is_null() ? Type::null : left.operand.type;
        made.right.of = std::move(item);
        group.members.push_back(make_predicate(std::move(made)));
    }
    if (group.members.size() == 1)
        return group.members[0];
    return make_predicate(std::move(group));
}

// `p >= a AND p <= b`; for integers and timestamps of the object itself one condition.
PredicatePtr Binder::between(const syntax::Comparison& text) {
    const auto& limits = std::get<syntax::ListOf>(text.right.of).items;
    if (limits.size() != 2)
        refuse("Operator 'BETWEEN' requires list with 2 elements.", text.position);
    if (is_constant(text.left))
        refuse("Cannot compare two constants", text.position);
    Bound left = operand(text.left, Kind::integer);
    if (left.is_collection && left.operand.quantifier != Quantifier::all)
        refuse("Only 'ALL' supported for operator 'BETWEEN' when applied to lists.", left.position);
    if (left.is_column() && (left.kind == Kind::integer || left.kind == Kind::timestamp)) {
        Bound low = constant(limits[0], left.kind), high = constant(limits[1], left.kind);
        for (const Bound* limit : {&low, &high})
            if (limit->kind != left.kind)
                refuse("Unsupported comparison between type '" + name(left.kind) + "' and type '" +
                           name(limit->kind) + "'",
                       limit->position);
        Between made;
        made.path = *left.path();
        made.low = std::move(std::get<Constant>(low.operand.of));
        made.high = std::move(std::get<Constant>(high.operand.of));
        return make_predicate(std::move(made));
    }
    Group group;
    for (const syntax::Literal* limit : {&limits[0], &limits[1]}) {
        Operator op = limit == &limits[0] ? Operator::greater_equal : Operator::less_equal;
        Bound property = operand(text.left, Kind::integer);
        Bound bound = constant(*limit, property.kind);
        if (PredicatePtr made =
                relation(op, {std::move(property), std::move(bound)}, text.position))
            group.members.push_back(std::move(made));
    }
    return make_predicate(std::move(group));
}

} // namespace realmsync::query
