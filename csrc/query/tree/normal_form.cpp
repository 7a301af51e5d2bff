#include "query/tree/normal_form.hpp"

#include <utility>
#include <vector>

#include "base/sorted_unique.hpp"
#include "query/tree/equalities.hpp"
#include "query/tree/normal_comparison.hpp"
#include "query/tree/tree_bytes.hpp"
#include "query/tree/tree_copies.hpp"

namespace realmsync::query {

namespace {

constexpr char kFormat = 1; // first byte of canonical bytes

struct Member {
    PredicatePtr predicate;
    std::string bytes;
};

// A predicate on its way into the group around it: groups are open, so that one of the same kind
// takes its members.
struct Open {
    enum class Kind : std::uint8_t { truth, single, group };
    Kind kind = Kind::single;
    bool flag = true;            // the truth, or whether the group is a conjunction
    std::vector<Member> members; // of a group two or more
};

Open truth(bool value) { return {Open::Kind::truth, value, {}}; }

Open single(PredicatePtr predicate) {
    std::string bytes = tree_bytes(*predicate);
    Open open;
    open.members.push_back({std::move(predicate), std::move(bytes)});
    return open;
}

PredicatePtr close(Open open) {
    if (open.kind == Open::Kind::truth)
        return make_predicate(Truth{open.flag});
    if (open.kind == Open::Kind::single)
        return open.members.front().predicate;
    Group group;
    group.conjunction = open.flag;
    group.members.reserve(open.members.size());
    for (Member& member : open.members)
        group.members.push_back(std::move(member.predicate));
    return make_predicate(std::move(group));
}

Open normal(const Predicate& predicate, bool is_negated);

Operand normal_operand(const Operand& operand) {
    Operand out = copy(operand);
    if (auto* count = std::get_if<SubqueryCount>(&out.of)) {
        count->predicate = close(normal(*count->predicate, false));
    } else if (auto* arithmetic = std::get_if<Arithmetic>(&out.of)) {
        arithmetic->left = std::make_shared<Operand>(normal_operand(*arithmetic->left));
        arithmetic->right = std::make_shared<Operand>(normal_operand(*arithmetic->right));
    }
    return out;
}

// Whether constants are listed that may be in another order, or only one.
bool has_list(const Predicate& predicate) {
    const auto* comparison = std::get_if<Comparison>(&predicate.of);
    return std::holds_alternative<Membership>(predicate.of) ||
           (comparison != nullptr && std::holds_alternative<ConstantList>(comparison->right.of));
}

Open leaf(PredicatePtr predicate, bool is_negated) {
    const bool is_list = has_list(*predicate);
    if (is_negated)
        predicate = make_predicate(Not{std::move(predicate)});
    Equalities equalities(is_negated);
    if (is_list && equalities.take(*predicate))
        predicate = std::move(equalities.merged().front());
    return single(std::move(predicate));
}

Open normal(const Comparison& comparison, bool is_negated) {
    Comparison own;
    own.op = comparison.op;
    own.ignore_case = comparison.ignore_case;
    own.meeting = comparison.meeting;
    own.left = normal_operand(comparison.left);
    own.right = normal_operand(comparison.right);
    NormalComparison form = normal(std::move(own));
    is_negated ^= form.negated;
    if (is_negated)
        if (std::optional<Operator> op = complement(form.comparison)) {
            form.comparison.op = *op;
            form = normal(std::move(form.comparison));
            is_negated = false;
        }
    return leaf(make_predicate(std::move(form.comparison)), is_negated);
}

// A group that was a member of a group of the other kind, and is all that is left of it.
Open reopened(const Group& group) {
    Open open{Open::Kind::group, group.conjunction, {}};
    for (const PredicatePtr& member : group.members)
        open.members.push_back(std::move(single(member).members.front()));
    return open;
}

// Members of a group in order, none twice; what is left of it where TRUE and FALSE decide.
Open group_of(bool conjunction, std::vector<Open> parts) {
    Open group{Open::Kind::group, conjunction, {}};
    Equalities equalities(conjunction);
    auto take = [&](Member member) {
        if (!equalities.take(*member.predicate))
            group.members.push_back(std::move(member));
    };
    for (Open& part : parts) {
        const bool is_kin = part.kind == Open::Kind::group && part.flag == conjunction;
        if (part.kind == Open::Kind::truth) {
            if (part.flag != conjunction)
                return truth(!conjunction);
        } else if (is_kin || part.kind == Open::Kind::single) {
            for (Member& member : part.members)
                take(std::move(member));
        } else {
            group.members.push_back(std::move(single(close(std::move(part))).members.front()));
        }
    }
    for (PredicatePtr& merged : equalities.merged())
        group.members.push_back(std::move(single(std::move(merged)).members.front()));

    sort_unique(group.members, {}, &Member::bytes);
    if (group.members.empty())
        return truth(conjunction);
    if (group.members.size() == 1) {
        if (const auto* inner = std::get_if<Group>(&group.members.front().predicate->of))
            return reopened(*inner);
        group.kind = Open::Kind::single;
    }
    return group;
}

Open normal(const Group& group, bool is_negated) {
    std::vector<Open> parts;
    parts.reserve(group.members.size());
    for (const PredicatePtr& member : group.members)
        parts.push_back(normal(*member, is_negated));
    return group_of(group.conjunction != is_negated, std::move(parts));
}

// The two comparisons that a BETWEEN of one value is, where a column has the type of its bounds.
Open normal(const Between& between, bool is_negated) {
    const Type type = between.path.type;
    const bool is_one_value = between.path.is_column() &&
                              between.quantifier == Quantifier::unsaid &&
                              (type == Type::integer || type == Type::timestamp);
    if (!is_one_value) {
        Between own{between.path, copy(between.low), copy(between.high), between.quantifier};
        return leaf(make_predicate(std::move(own)), is_negated);
    }
    auto bound = [&](Operator op, const Constant& constant) {
        Comparison comparison;
        comparison.op = op;
        comparison.left.of = PathOperand{between.path};
        comparison.left.type = type;
        comparison.right.of = copy(constant);
        comparison.right.type = type;
        return normal(comparison, is_negated);
    };
    std::vector<Open> parts;
    parts.push_back(bound(Operator::greater_equal, between.low));
    parts.push_back(bound(Operator::less_equal, between.high));
    return group_of(!is_negated, std::move(parts));
}

Open normal(const Membership& membership, bool is_negated) {
    if (membership.items.empty())
        return truth(is_negated);
    return leaf(make_predicate(Membership{membership.path, copy(membership.items)}), is_negated);
}

Open normal(const Predicate& predicate, bool is_negated) {
    if (const auto* value = std::get_if<Truth>(&predicate.of))
        return truth(value->value != is_negated);
    if (const auto* comparison = std::get_if<Comparison>(&predicate.of))
        return normal(*comparison, is_negated);
    if (const auto* membership = std::get_if<Membership>(&predicate.of))
        return normal(*membership, is_negated);
    if (const auto* between = std::get_if<Between>(&predicate.of))
        return normal(*between, is_negated);
    if (const auto* negation = std::get_if<Not>(&predicate.of))
        return normal(*negation->of, !is_negated);
    if (const auto* group = std::get_if<Group>(&predicate.of))
        return normal(*group, is_negated);
    if (const auto* geo = std::get_if<GeoWithin>(&predicate.of))
        return leaf(make_predicate(*geo), is_negated);
    return leaf(make_predicate(std::get<TextMatch>(predicate.of)), is_negated);
}

} // namespace

PredicatePtr normalize(const PredicatePtr& predicate) { return close(normal(*predicate, false)); }

std::string canonical_bytes(const Query& query) {
    std::vector<const Query*> stages; // the first one last
    for (const Query* stage = &query; stage != nullptr; stage = stage->of.get())
        stages.push_back(stage);
    std::string bytes(1, kFormat);
    std::vector<Open> parts;
    while (!stages.empty()) {
        const Query& stage = *stages.back();
        stages.pop_back();
        parts.push_back(normal(*stage.predicate, false));
        // What has no clauses is one with what is asked of it.
        if (!stage.clauses.empty() || stages.empty()) {
            Query whole;
            whole.cls = query.cls;
            whole.predicate = close(group_of(true, std::exchange(parts, {})));
            whole.clauses = stage.clauses;
            bytes += tree_bytes(whole);
        }
    }
    return bytes;
}

} // namespace realmsync::query
