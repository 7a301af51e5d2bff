// == != < <= > >= and the string operators: what may be compared, and how both sides meet
// (query-language.md sections 8 to 10 and 17).
#include "query/binding/binder.hpp"
#include "query/printing/literals.hpp"
#include "query/printing/print.hpp"
#include "query/values/compare_values.hpp"

namespace realmsync::query {

namespace {

// As messages name it.
std::string word(Operator op, bool ignore_case = false) {
    std::string text;
    switch (op) {
    case Operator::equal: text = "="; break;
    case Operator::not_equal: text = "!="; break;
    case Operator::less: text = "<"; break;
    case Operator::less_equal: text = "<="; break;
    case Operator::greater: text = ">"; break;
    case Operator::greater_equal: text = ">="; break;
    case Operator::in: text = "in"; break;
    case Operator::begins_with: text = "beginswith"; break;
    case Operator::ends_with: text = "endswith"; break;
    case Operator::contains: text = "contains"; break;
    case Operator::like: text = "like"; break;
    case Operator::text: text = "text"; break;
    case Operator::between: text = "between"; break;
    }
    return ignore_case ? text + "[c]" : text;
}

bool is_any(const Operand& operand) {
    return operand.quantifier == Quantifier::unsaid || operand.quantifier == Quantifier::any;
}

// A link property of the object itself, single or a collection.
bool is_own_link(const Bound& bound) {
    const Path* path = bound.path();
    if (!path || bound.kind != Kind::link)
        return false;
    if (path->end_kind == Path::End::property)
        return path->hops.empty();
    return path->hops.size() == 1 && !path->hops[0].backward;
}

// Whether the left side is a property of the object itself and the right one a constant of its
// kind: such comparisons have rules of their own (8.3, 9). Against Mixed, a list of one is its
// element.
bool is_direct(const Bound& left, const Bound& right) {
    return left.is_column() && right.is_constant && right.single() &&
           (left.kind == right.kind || left.kind == Kind::mixed);
}

void replace_list_of_one(Bound& bound) {
    auto* list = std::get_if<ConstantList>(&bound.operand.of);
    if (!list)
        return;
    Constant only = std::move(list->items[0]);
    bound.operand.type = type_of(kind_of(only.value));
    bound.operand.quantifier = Quantifier::unsaid;
    bound.operand.is_multiple = bound.is_list = bound.is_sequence = false;
    bound.operand.of = std::move(only);
}

void check_string(const Bound& right, Operator op, bool ignore_case, syntax::Position position) {
    if (right.kind != Kind::string && right.kind != Kind::binary && right.kind != Kind::mixed)
        refuse("Unsupported comparison operator '" + word(op, ignore_case) + "' against type '" +
                   name(right.kind) + "', right side must be a string or binary type",
               position);
}

[[noreturn]] void refuse_operator(Operator op, syntax::Position position) {
    refuse("Unsupported operator " + word(op) +
               " in query. Only equal (==) and not equal (!=) are supported for this type.",
           position);
}

// Links and @type have none, whatever they meet.
bool has_no_order(const Bound& left, const Bound& right) {
    bool meets_type = right.kind == Kind::type_attribute &&
                      (left.kind == Kind::mixed || left.kind == Kind::nothing);
    bool meets_link = right.kind == Kind::link && left.kind == Kind::typed_link;
    return left.kind == Kind::link || left.kind == Kind::type_attribute || meets_type || meets_link;
}

void check_kinds(const Bound& left, const Bound& right, syntax::Position position) {
    if (left.kind != Kind::nothing && right.kind != Kind::nothing &&
        !may_meet(left.kind, right.kind))
        refuse("Unsupported comparison between type '" + name(left.kind) + "' and type '" +
                   name(right.kind) + "'",
               position);
}

Comparison comparison_of(Operator op, Bound left, Bound right) {
    Comparison made;
    made.op = op == Operator::in ? Operator::equal : op;
    bool is_quantified = left.operand.quantifier != Quantifier::unsaid ||
                         right.operand.quantifier != Quantifier::unsaid;
    if (left.is_sequence && right.is_sequence && !is_quantified)
        made.meeting = Meeting::sequence;
    made.left = std::move(left.operand);
    made.right = std::move(right.operand);
    return made;
}

} // namespace

Meeting column_meeting(Kind kind) {
    switch (kind) {
    case Kind::float32:
    case Kind::float64: return Meeting::ieee;
    case Kind::string: return Meeting::string_column;
    case Kind::binary: return Meeting::binary_column;
    default: return Meeting::generic;
    }
}

PredicatePtr Binder::comparison(const syntax::Comparison& text) {
    switch (text.op) {
    case Operator::equal:
    case Operator::not_equal:
    case Operator::in: return equality(text);
    case Operator::less:
    case Operator::less_equal:
    case Operator::greater:
    case Operator::greater_equal: return relation(text.op, sides(text), text.position);
    case Operator::begins_with:
    case Operator::ends_with:
    case Operator::contains:
    case Operator::like: return string_operation(text);
    case Operator::text: return text_match(text);
    case Operator::between: break;
    }
    return between(text);
}

// Both sides. The one that is no constant tells the other which kind it meets.
Binder::Sides Binder::sides(const syntax::Comparison& text) {
    bool left_is_constant = is_constant(text.left), right_is_constant = is_constant(text.right);
    if (left_is_constant && right_is_constant)
        refuse("Cannot compare two constants", text.position);
    Sides sides;
    if (right_is_constant) {
        sides.left = operand(text.left, Kind::integer);
        sides.right = operand(text.right, sides.left.kind);
        check_sides(sides.left, sides.right, text.position);
    } else {
        sides.right = operand(text.right, Kind::integer);
        sides.left = operand(text.left, left_is_constant ? sides.right.kind : Kind::integer);
        check_sides(sides.right, sides.left, text.position);
    }
    adapt_to_subscription(text.op, sides);
    return sides;
}

// `first` is no constant, but for @type of a fixed type.
void Binder::check_sides(const Bound& first, const Bound& second, syntax::Position position) {
    if (first.is_collection && second.is_collection)
        refuse("Ordered comparison between two primitive lists is not implemented yet ('" +
                   print(first.operand) + "' and '" + print(second.operand) + "')",
               position);
    bool are_types = first.kind == Kind::type_attribute && second.kind == Kind::type_attribute;
    if (are_types && first.is_constant && second.is_constant)
        refuse("Comparison between two constants is not supported ('" + print(first.operand) +
                   "' and '" + print(second.operand) + "')",
               position);
    if (first.kind == Kind::link && first.operand.is_multiple && second.is_null())
        refuse("Cannot compare linklist ('" + print(first.operand) + "') with NULL", position);
}

// What the reference's serialiser prints otherwise than it was meant (19.3): a number of a float or
// double column without its point (Q12), and its null in an IN list as nan (Q13).
void Binder::adapt_to_subscription(Operator op, Sides& sides) const {
    Bound &left = sides.left, &right = sides.right;
    auto* constant = std::get_if<Constant>(&right.operand.of);
    bool is_real = left.kind == Kind::float32 || left.kind == Kind::float64;
    if (!options_.is_subscription || !left.is_column() || !is_real || !constant)
        return;
    model::Value& value = constant->value;
    bool is_float = left.kind == Kind::float32;
    if (const auto* integer = std::get_if<std::int64_t>(&value.data)) {
        // Every smaller integer is one of the column's numbers.
        const std::int64_t exact = std::int64_t{1} << (is_float ? 24 : 53);
        if (*integer > exact || *integer < -exact)
            return;
        value = is_float ? model::Value(static_cast<float>(*integer))
                         : model::Value(static_cast<double>(*integer));
        right.kind = left.kind;
        right.operand.type = left.operand.type;
    } else if (op == Operator::equal && left.path()->definition().nullable && is_nan(value)) {
        value = model::Value();
    }
}

PredicatePtr Binder::equality(const syntax::Comparison& text) {
    auto [left, right] = sides(text);
    if (left.kind == Kind::link && right.is_constant)
        make_links(left, right);
    if (right.kind == Kind::link && left.is_constant)
        make_links(right, left);
    bool has_type = left.kind == Kind::type_attribute || right.kind == Kind::type_attribute;
    if (has_type && left.kind != right.kind)
        refuse_argument("Unsupported comparison between @type and raw value: '" + name(left.kind) +
                            "' and '" + name(right.kind) + "'",
                        text.position);
    check_kinds(left, right, text.position);
    if (text.op == Operator::in && !right.is_list)
        refuse_argument("The keypath following 'IN' must contain a list. Found '" +
                            print(right.operand) + "'",
                        right.position);
    const auto* list = std::get_if<ConstantList>(&right.operand.of);
    bool is_membership =
        text.op != Operator::not_equal && list && !list->items.empty() && is_any(right.operand);
    bool has_value = left.kind != Kind::mixed && left.kind != Kind::link;
    if (is_membership && left.is_column() && has_value)
        return membership(std::move(left), std::move(right));
    if (text.op != Operator::in && is_own_link(left) && right.is_constant && is_any(left.operand) &&
        is_any(right.operand)) {
        if (right.single())
            replace_list_of_one(right);
        Comparison made = comparison_of(text.op, std::move(left), std::move(right));
        made.meeting = Meeting::link_column;
        made.left.quantifier = made.right.quantifier = Quantifier::unsaid;
        return make_predicate(std::move(made));
    }
    if (left.kind != Kind::link && is_direct(left, right)) {
        replace_list_of_one(right);
        bool has_case =
            left.kind == Kind::string || left.kind == Kind::binary || left.kind == Kind::mixed;
        bool ignore_case = text.ignore_case && has_case && !right.is_null();
        Meeting meeting = column_meeting(left.kind);
        Comparison made = comparison_of(text.op, std::move(left), std::move(right));
        made.meeting = meeting;
        made.ignore_case = ignore_case;
        return make_predicate(std::move(made));
    }
    if (text.ignore_case)
        check_string(right, text.op, true, text.position);
    Comparison made = comparison_of(text.op, std::move(left), std::move(right));
    made.ignore_case = text.ignore_case;
    return make_predicate(std::move(made));
}

// The constants that a link property meets are links to its class, or NULL.
void Binder::make_links(const Bound& links, Bound& constant) {
    const Path& path = *links.path();
    const std::string& target =
        path.end_kind == Path::End::object ? path.cls->name : path.definition().target;
    auto check = [&](const Constant& item) {
        if (item.value.is_null() && item.type_mask == 0)
            return;
        const model::Link* link = item.value.link();
        if (!link)
            refuse("Unsupported comparison between '" + print(path) + "' and type '" +
                       name(kind_of(item.value)) + "'",
                   constant.position);
        if (link->table != target)
            refuse_argument("The relationship '" + print(path) + "' which links to type '" +
                                target + "' cannot be compared to an argument of type '" +
                                link->table + "' with primary key '" +
                                key_literal(link->key.view()) + "'",
                            constant.position);
    };
    if (const auto* list = std::get_if<ConstantList>(&constant.operand.of)) {
        for (const Constant& item : list->items)
            check(item);
    } else {
        check(std::get<Constant>(constant.operand.of));
    }
    constant.kind = Kind::link;
    constant.operand.type = Type::link;
}

PredicatePtr Binder::relation(Operator op, Sides sides, syntax::Position position) {
    Bound &left = sides.left, &right = sides.right;
    if (has_no_order(left, right))
        refuse_operator(op, position);
    if (!left.is_null() && !right.is_null())
        check_kinds(left, right, position);
    if (!is_direct(left, right))
        return make_predicate(comparison_of(op, std::move(left), std::move(right)));
    replace_list_of_one(right);
    bool has_equal = op == Operator::greater_equal || op == Operator::less_equal;
    if (left.kind == Kind::integer && has_equal)
        return integer_bound(op, std::move(left), std::move(right));
    Meeting meeting = column_meeting(left.kind);
    Comparison made = comparison_of(op, std::move(left), std::move(right));
    made.meeting = meeting;
    return make_predicate(std::move(made));
}

// `>= v` becomes `> v-1`, `<= v` becomes `< v+1`; at the end of the range there is no condition at
// all, not even that there is a value (9).
PredicatePtr Binder::integer_bound(Operator op, Bound left, Bound right) {
    bool is_lower = op == Operator::greater_equal;
    auto bound = std::get<std::int64_t>(std::get<Constant>(right.operand.of).value.data);
    if (bound == (is_lower ? INT64_MIN : INT64_MAX))
        return nullptr;
    right.operand.of = Constant{model::Value(bound + (is_lower ? -1 : 1))};
    return make_predicate(comparison_of(is_lower ? Operator::greater : Operator::less,
                                        std::move(left), std::move(right)));
}

PredicatePtr Binder::string_operation(const syntax::Comparison& text) {
    auto [left, right] = sides(text);
    check_string(right, text.op, text.ignore_case, text.position);
    if (left.kind == Kind::type_attribute)
        refuse_operator(text.op, text.position);
    Meeting meeting = is_direct(left, right) && left.kind == right.kind ? column_meeting(left.kind)
                                                                        : Meeting::generic;
    bool is_direct = meeting != Meeting::generic;
    Comparison made = comparison_of(text.op, std::move(left), std::move(right));
    made.ignore_case = text.ignore_case;
    if (is_direct)
        made.meeting = meeting;
    return make_predicate(std::move(made));
}

} // namespace realmsync::query
