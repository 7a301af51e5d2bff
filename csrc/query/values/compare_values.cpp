#include "query/values/compare_values.hpp"

#include <bit>
#include <cmath>

#include "model/keys.hpp"
#include "query/values/arithmetic.hpp"
#include "query/values/decimal_math.hpp"

namespace realmsync::query {

namespace {

template <class T> int order_of(const T& a, const T& b) { return a < b ? -1 : b < a ? 1 : 0; }

int order_of(std::string_view a, std::string_view b) {
    const int result = a.compare(b);
    return result < 0 ? -1 : result > 0 ? 1 : 0;
}

// The group of 8.4.
int rank(Type type) {
    switch (type) {
    case Type::null: return 0;
    case Type::boolean: return 1;
    case Type::integer:
    case Type::float32:
    case Type::float64:
    case Type::decimal: return 2;
    case Type::string: return 3;
    case Type::binary: return 4;
    case Type::timestamp: return 5;
    case Type::object_id: return 6;
    case Type::uuid: return 7;
    case Type::link: return 8;
    case Type::list: return 9;
    case Type::set: return 10;
    case Type::dictionary: return 11;
    default: return 12;
    }
}

int order_reals(double a, double b) {
    if (std::isnan(a) && std::isnan(b))
        return order_of(std::bit_cast<std::uint64_t>(a), std::bit_cast<std::uint64_t>(b));
    if (std::isnan(a) || std::isnan(b))
        return std::isnan(a) ? -1 : 1;
    return order_of(a, b);
}

// Exactly, though not every integer is a double.
int order_integer_real(std::int64_t a, double b) {
    constexpr double kLimit = 9223372036854775808.0; // 2^63
    if (std::isnan(b))
        return 1;
    if (b >= kLimit)
        return -1;
    if (b < -kLimit)
        return 1;
    const double whole = std::trunc(b);
    const int result = order_of(a, static_cast<std::int64_t>(whole));
    return result != 0 ? result : order_of(whole, b);
}

int order_numbers(const ValueView& a, const ValueView& b) {
    const bool is_integer_a = a.type() == Type::integer, is_integer_b = b.type() == Type::integer;
    if (is_integer_a && is_integer_b)
        return order_of(a.integer(), b.integer());
    if (a.type() == Type::decimal || b.type() == Type::decimal)
        return query::compare(decimal_of(a), decimal_of(b));
    if (is_integer_a)
        return order_integer_real(a.integer(), b.real());
    if (is_integer_b)
        return -order_integer_real(b.integer(), a.real());
    return order_reals(a.real(), b.real());
}

int order_links(const ValueView& a, const ValueView& b) {
    const int result = order_of(a.link_class(), b.link_class());
    return result != 0 ? result : model::compare(a.link_key(), b.link_key());
}

using NumberOrder = int (*)(const ValueView&, const ValueView&);
int order_by(const ValueView& a, const ValueView& b, NumberOrder numbers);

template <class Items> int order_items(const Items& a, const Items& b, NumberOrder numbers) {
    auto x = a.begin();
    auto y = b.begin();
    for (; x != a.end() && y != b.end(); ++x, ++y) {
        if (const int result = order_by(ValueView(*x), ValueView(*y), numbers); result != 0)
            return result;
    }
    return order_of(x != a.end(), y != b.end());
}

// Containers of one kind: element by element, keys before values. As deep as values may nest
// (model::kMaxDepth).
int order_containers(const model::Value& a, const model::Value& b, NumberOrder numbers) {
    if (a.list() != nullptr)
        return order_items(a.list()->items, b.list()->items, numbers);
    if (a.set() != nullptr)
        return order_items(a.set()->items, b.set()->items, numbers);
    if (a.embedded() != nullptr)
        return order_items(a.embedded()->properties, b.embedded()->properties, numbers);
    auto x = a.dictionary()->items.begin();
    auto y = b.dictionary()->items.begin();
    const auto end_x = a.dictionary()->items.end(), end_y = b.dictionary()->items.end();
    for (; x != end_x && y != end_y; ++x, ++y) {
        int result = order_of(std::string_view(x->first), std::string_view(y->first));
        if (result == 0)
            result = order_by(ValueView(x->second), ValueView(y->second), numbers);
        if (result != 0)
            return result;
    }
    return order_of(x != end_x, y != end_y);
}

int order_by(const ValueView& a, const ValueView& b, NumberOrder numbers) {
    const int rank_a = rank(a.type());
    if (const int result = order_of(rank_a, rank(b.type())); result != 0)
        return result;
    switch (a.type()) {
    case Type::null: return 0;
    case Type::boolean: return order_of(a.boolean(), b.boolean());
    case Type::string:
    case Type::binary: return order_of(a.bytes(), b.bytes());
    case Type::timestamp: return order_of(a.timestamp(), b.timestamp());
    case Type::object_id: return order_of(a.object_id(), b.object_id());
    case Type::uuid: return order_of(a.uuid(), b.uuid());
    case Type::link: return order_links(a, b);
    default:
        return a.is_number() ? numbers(a, b)
                             : order_containers(a.container(), b.container(), numbers);
    }
}

bool is_nan(const ValueView& value) {
    if (value.type() == Type::decimal)
        return realmsync::is_nan(value.decimal());
    return value.type() != Type::integer && std::isnan(value.real());
}

// For DISTINCT and SORT. A NaN has no digits that a conversion could lose, so that those of all
// kinds are one value, as under ==.
int order_numbers_exactly(const ValueView& a, const ValueView& b) {
    if (a.type() != Type::decimal && b.type() != Type::decimal)
        return order_numbers(a, b);
    if (a.type() == b.type() || (is_nan(a) && is_nan(b)))
        return query::compare(decimal_of(a), decimal_of(b));
    return model::compare(a.to_value(), b.to_value());
}

} // namespace

int order(const ValueView& a, const ValueView& b) { return order_by(a, b, order_numbers); }

int exact_order(const ValueView& a, const ValueView& b) {
    return order_by(a, b, order_numbers_exactly);
}

bool is_comparable(Type a, Type b) { return rank(a) == rank(b); }

bool compare(Operator op, const ValueView& a, const ValueView& b) {
    if (a.type() == Type::integer && b.type() == Type::integer)
        return holds(op, order_of(a.integer(), b.integer()));
    if (!is_comparable(a.type(), b.type()))
        return op == Operator::not_equal;
    return holds(op, order(a, b));
}

bool is_nan(const model::Value& value) {
    const auto* wide = std::get_if<double>(&value.data);
    const auto* narrow = std::get_if<float>(&value.data);
    return (wide != nullptr && std::isnan(*wide)) || (narrow != nullptr && std::isnan(*narrow));
}

Operator mirrored(Operator op) {
    switch (op) {
    case Operator::less: return Operator::greater;
    case Operator::less_equal: return Operator::greater_equal;
    case Operator::greater: return Operator::less;
    case Operator::greater_equal: return Operator::less_equal;
    default: return op;
    }
}

} // namespace realmsync::query
