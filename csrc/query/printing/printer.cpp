#include "query/printing/printer.hpp"

#include <utility>

namespace realmsync::query {

namespace {

std::string_view spelling(Operator op) {
    switch (op) {
    case Operator::equal:
    case Operator::in: return "==";
    case Operator::not_equal: return "!=";
    case Operator::less: return "<";
    case Operator::less_equal: return "<=";
    case Operator::greater: return ">";
    case Operator::greater_equal: return ">=";
    case Operator::begins_with: return "BEGINSWITH";
    case Operator::ends_with: return "ENDSWITH";
    case Operator::contains: return "CONTAINS";
    case Operator::like: return "LIKE";
    case Operator::text: return "TEXT";
    case Operator::between: return "between";
    }
    return {};
}

const Group* as_group(const Predicate& predicate) { return std::get_if<Group>(&predicate.of); }

// Which member stands at a place of the text: the reader takes `t1 op t2 … tn` for
// `tn … t4 t3 t1 t2`, as the reference does.
std::size_t member_at(std::size_t place, std::size_t size) {
    return place < 2 ? size - 2 + place : size - 1 - place;
}

// NULL as a member of a list that a float or double column was compared with; alone it would meet
// the column as it meets others.
bool is_null_of_list(const Comparison& comparison) {
    const auto* constant = std::get_if<Constant>(&comparison.right.of);
    return comparison.meeting == Meeting::ieee && constant != nullptr && constant->value.is_null();
}

bool is_mixed_column(const Operand& operand) {
    const auto* path = std::get_if<PathOperand>(&operand.of);
    return path != nullptr && path->path.is_column() && path->path.type == kMixed;
}

// Such a list may have come with ==, but if it is one of links it has not.
bool is_list_of_in(const Comparison& comparison) {
    const bool is_quantified = comparison.left.quantifier != Quantifier::unsaid ||
                               comparison.right.quantifier != Quantifier::unsaid;
    return comparison.op == Operator::equal && comparison.meeting != Meeting::link_column &&
           std::holds_alternative<ConstantList>(comparison.right.of) &&
           (!is_quantified || comparison.left.type == Type::link);
}

} // namespace

// Within NOT a chain of OR is nested: what is not is the disjunction that an IN of one column has
// become (10.3), and only another IN says so.
bool Printer::is_of_in(const Group& group) const {
    return in_negation_ && !group.conjunction && !group.is_left_nested && group.members.size() > 2;
}

void Printer::write(const Query& query) {
    write(*query.predicate);
    for (const Clause& clause : query.clauses) {
        text_ += ' ';
        write(clause);
    }
}

void Printer::write(const Predicate& predicate) {
    std::visit([this](const auto& kind) { write(kind); }, predicate.of);
}

void Printer::write(const Truth& truth) {
    text_ += truth.value ? "TRUEPREDICATE" : "FALSEPREDICATE";
}

void Printer::write(const Comparison& comparison) {
    if (exact_ && is_null_of_list(comparison)) {
        write(comparison.left);
        text_ += " IN {NULL}";
        return;
    }
    write(comparison.left, opposite(comparison.right, comparison.meeting));
    text_ += ' ';
    text_ += exact_ && is_list_of_in(comparison) ? "IN" : spelling(comparison.op);
    text_ += comparison.ignore_case ? "[c] " : " ";
    Opposite left = opposite(comparison.left, comparison.meeting);
    left.is_mixed_column = is_mixed_column(comparison.left);
    write(comparison.right, left);
}

void Printer::write(const Membership& membership) {
    write(membership.path);
    text_ += " IN {";
    const Opposite column{membership.path.type};
    std::string_view separator;
    for (const Constant& item : membership.items) {
        text_ += std::exchange(separator, ", ");
        write(item, column, Digits::all);
    }
    text_ += '}';
}

void Printer::write(const Between& between) {
    Opposite middle{between.path.type, between.path.is_column() && between.path.type == kMixed};
    Digits digits = middle.is_mixed_column ? Digits::six : Digits::all;
    auto write_path = [&] {
        write(between.quantifier);
        write(between.path);
    };
    write_path();
    bool is_node = between.path.is_column() &&
                   (between.path.type == Type::integer || between.path.type == Type::timestamp);
    if (exact_ || is_node) {
        text_ += exact_ ? " BETWEEN {" : " between {";
        write(between.low, middle, digits);
        text_ += ", ";
        write(between.high, middle, digits);
        text_ += '}';
        return;
    }
    text_ += " >= ";
    write(between.low, middle, digits);
    text_ += " and ";
    write_path();
    text_ += " <= ";
    write(between.high, middle, digits);
}

void Printer::write(const GeoWithin& geo) {
    write(geo.quantifier);
    write(geo.path);
    text_ += " GEOWITHIN ";
    if (exact_)
        write_argument(Argument(geo.region));
    else
        text_ += to_text(geo.region);
}

// The reference loses the links of the path; within SUBQUERY the variable stays.
void Printer::write(const TextMatch& match) {
    if (exact_) {
        write(match.path);
        text_ += " TEXT ";
    } else {
        if (!variables_.empty())
            text_ += variables_.back() + ".";
        text_ += escaped_name(match.path.definition().name) + " FULLTEXT ";
    }
    text_ += string_literal(match.text);
}

void Printer::write(const Not& negation) {
    const bool outside = std::exchange(in_negation_, true);
    text_ += "!(";
    write(*negation.of);
    text_ += ')';
    in_negation_ = outside;
}

void Printer::write(const Group& group) {
    if (exact_ && is_of_in(group)) {
        write_list_of(group);
        return;
    }
    if (!group.conjunction)
        text_ += '(';
    write_members(group);
    if (!group.conjunction)
        text_ += ')';
}

void Printer::write_members(const Group& group) {
    const std::string_view connective = group.conjunction ? " and " : " or ";
    const std::size_t size = group.members.size();
    const bool is_left_nested = group.is_left_nested && !exact_;
    const bool is_reordered = exact_ && !in_negation_;
    if (is_left_nested)
        text_.append(size - 2, '(');
    for (std::size_t i = 0; i < size; ++i) {
        if (i > 0)
            text_ += connective;
        write_member(group, *group.members[is_reordered ? member_at(i, size) : i]);
        if (is_left_nested && i > 0 && i + 1 < size)
            text_ += ')';
    }
}

// A group in one of its kind is a group of its own only within NOT. Elsewhere it is one that IN has
// made.
void Printer::write_member(const Group& group, const Predicate& member) {
    const Group* inner = as_group(member);
    if (exact_ && !in_negation_ && inner != nullptr && !inner->conjunction && !group.conjunction)
        write_list_of(*inner);
    else
        write(member);
}

void Printer::write_list_of(const Group& equalities) {
    std::string_view separator = " IN {";
    for (const PredicatePtr& member : equalities.members) {
        const auto& comparison = std::get<Comparison>(member->of);
        if (&member == &equalities.members.front())
            write(comparison.left);
        text_ += std::exchange(separator, ", ");
        write(comparison.right, opposite(comparison.left));
    }
    text_ += '}';
}

void Printer::write(const Clause& clause) {
    std::string_view separator;
    if (const auto* sort = std::get_if<Sort>(&clause)) {
        text_ += "SORT(";
        for (const SortKey& key : sort->keys) {
            text_ += std::exchange(separator, ", ");
            write_sort_path(key.path);
            text_ += key.ascending ? " ASC" : " DESC";
        }
    } else if (const auto* distinct = std::get_if<Distinct>(&clause)) {
        text_ += "DISTINCT(";
        for (const Path& path : distinct->paths) {
            text_ += std::exchange(separator, ", ");
            write_sort_path(path);
        }
    } else {
        text_ += "LIMIT(" + std::to_string(std::get<Limit>(clause).count);
    }
    text_ += ')';
}

} // namespace realmsync::query
