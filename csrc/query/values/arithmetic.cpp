#include "query/values/arithmetic.hpp"

#include <limits>

#include "query/values/decimal_math.hpp"

namespace realmsync::query {

namespace {

std::int64_t calculate_integers(char op, std::int64_t left, std::int64_t right) {
    // Unsigned integers wrap; signed ones must not.
    const auto a = static_cast<std::uint64_t>(left), b = static_cast<std::uint64_t>(right);
    switch (op) {
    case '+': return static_cast<std::int64_t>(a + b);
    case '-': return static_cast<std::int64_t>(a - b);
    case '*': return static_cast<std::int64_t>(a * b);
    default: break;
    }
    if (right == 0)
        return left >= 0 ? std::numeric_limits<std::int64_t>::max()
                         : std::numeric_limits<std::int64_t>::min();
    if (right == -1) // the smallest one has no positive twin
        return static_cast<std::int64_t>(0 - a);
    return left / right;
}

template <class Real> Real calculate_reals(char op, Real left, Real right) {
    switch (op) {
    case '+': return left + right;
    case '-': return left - right;
    case '*': return left * right;
    default: return left / right; // by zero as IEEE 754 says: infinite, or NaN
    }
}

Decimal128 calculate_decimals(char op, const Decimal128& left, const Decimal128& right) {
    switch (op) {
    case '+': return add(left, right);
    case '-': return subtract(left, right);
    case '*': return multiply(left, right);
    default: return divide(left, right);
    }
}

template <class Real> Real real_of(const ValueView& value) {
    return value.type() == Type::integer ? static_cast<Real>(value.integer())
                                         : static_cast<Real>(value.real());
}

} // namespace

ValueView calculate(char op, const ValueView& left, const ValueView& right) {
    if (!left.is_number() || !right.is_number())
        return {};
    auto either_is = [&](Type type) { return left.type() == type || right.type() == type; };
    if (either_is(Type::decimal))
        return ValueView(calculate_decimals(op, decimal_of(left), decimal_of(right)));
    if (either_is(Type::float64))
        return ValueView(calculate_reals(op, real_of<double>(left), real_of<double>(right)));
    if (either_is(Type::float32))
        return ValueView(calculate_reals(op, real_of<float>(left), real_of<float>(right)));
    return ValueView(calculate_integers(op, left.integer(), right.integer()));
}

Decimal128 decimal_of(const ValueView& number) {
    switch (number.type()) {
    case Type::integer: return to_decimal(number.integer());
    case Type::float32: return to_decimal(number.float32());
    case Type::float64: return to_decimal(number.float64());
    default: return number.decimal();
    }
}

} // namespace realmsync::query
