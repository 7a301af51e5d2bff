// How two values compare (query-language.md 8.2 to 8.4, and section 9 for null): equality, the
// total order of the generic path, and the operators of text. What a quantifier does with many
// values, and the special ways of direct columns, are the conditions' matter.
#pragma once

#include "query/operators.hpp"
#include "query/values/value_view.hpp"

namespace realmsync::query {

// The total order of 8.4: null < bool < numbers < string < binary < timestamp < ObjectId < UUID <
// link < list < set < dictionary < embedded object. NaN is below all other numbers; a float or
// double that meets a decimal is rounded to 15 or 7 digits first (section 6).
int order(const ValueView& a, const ValueView& b);
// The same but numbers by their exact value, never rounded, so that it is an order to sort by: with
// the rounding, two doubles that differ may both equal one decimal.
int exact_order(const ValueView& a, const ValueView& b);

// Whether both stand in one group of that order, so that < and > mean something.
bool is_comparable(Type a, Type b);

// One of == != < <= > >= on the generic path: values of different groups are unequal and in no
// order; null equals null, and is neither below nor above anything (9).
bool compare(Operator op, const ValueView& a, const ValueView& b);

bool is_nan(const model::Value& value); // a float or double

// The operator with its sides exchanged: < becomes >.
Operator mirrored(Operator op);
constexpr bool is_relational(Operator op) {
    return op == Operator::less || op == Operator::less_equal || op == Operator::greater ||
           op == Operator::greater_equal;
}
constexpr bool is_text_operator(Operator op) {
    return op == Operator::begins_with || op == Operator::ends_with || op == Operator::contains ||
           op == Operator::like;
}
// What an order, -1, 0 or 1, says of one of the six.
constexpr bool holds(Operator op, int order) {
    switch (op) {
    case Operator::equal: return order == 0;
    case Operator::not_equal: return order != 0;
    case Operator::less: return order < 0;
    case Operator::less_equal: return order <= 0;
    case Operator::greater: return order > 0;
    case Operator::greater_equal: return order >= 0;
    default: return false;
    }
}

} // namespace realmsync::query
