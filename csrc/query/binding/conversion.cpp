// What a constant becomes where it meets another kind of operand (query-language.md 5.4, section
// 6). Where it cannot become that kind it stays as it is: whether both may meet is asked later.
#include "query/binding/conversion.hpp"

#include <cmath>
#include <limits>
#include <optional>

#include "base/decimal.hpp"
#include "query/binding/spelling.hpp"
#include "query/operators.hpp"
#include "query/values/decimal_math.hpp"

namespace realmsync::query {

namespace {

using model::Value;

[[noreturn]] void refuse_number(const char* what, Kind hint) {
    throw QueryFault(FaultKind::invalid_query,
                     std::string(what) + " not supported for " + name(hint));
}

// The integer that a real number is, if it is one.
std::optional<std::int64_t> whole(double value) {
    constexpr double kLimit = 9223372036854775808.0; // 2^63
    if (!(value >= -kLimit && value < kLimit) || std::trunc(value) != value)
        return std::nullopt;
    return static_cast<std::int64_t>(value);
}

std::optional<std::int64_t> whole(const Decimal128& value) {
    if (is_special(value))
        return std::nullopt;
    DecimalParts parts = split_decimal(value);
    auto coefficient =
        static_cast<unsigned __int128>(parts.coefficient.high) << 64 | parts.coefficient.low;
    for (; coefficient != 0 && parts.exponent < 0; ++parts.exponent, coefficient /= 10)
        if (coefficient % 10 != 0)
            return std::nullopt;
    constexpr auto kLimit = static_cast<unsigned __int128>(1) << 63; // of what is negative
    for (; coefficient != 0 && parts.exponent > 0 && coefficient <= kLimit; --parts.exponent)
        coefficient *= 10;
    if (coefficient > kLimit || (coefficient == kLimit && !parts.negative))
        return std::nullopt;
    auto magnitude = static_cast<std::uint64_t>(coefficient);
    return static_cast<std::int64_t>(parts.negative ? 0 - magnitude : magnitude);
}

Value converted_double(double value, Kind hint) {
    if (std::isinf(value) && (!is_numeric(hint) || hint == Kind::integer))
        refuse_number("Infinity", hint);
    if (hint == Kind::float32)
        return Value(static_cast<float>(value));
    if (hint == Kind::decimal)
        return Value(to_decimal(value));
    if (std::optional<std::int64_t> integer = whole(value); integer && hint == Kind::integer)
        return Value(*integer);
    return Value(value);
}

Value converted_float(float value, Kind hint) {
    if (hint != Kind::integer)
        return Value(value);
    if (std::isinf(value))
        refuse_number("Infinity", hint);
    if (std::isnan(value))
        refuse_number("NaN", hint);
    std::optional<std::int64_t> integer = whole(static_cast<double>(value));
    return integer ? Value(*integer) : Value(value);
}

Value converted_string(std::string text, Kind hint) {
    if (hint == Kind::integer) {
        if (std::optional<std::int64_t> number = leading_integer(text))
            return Value(*number);
    } else if (hint == Kind::float32) {
        if (std::optional<float> number = leading_real<float>(text))
            return Value(*number);
    } else if (hint == Kind::float64) {
        if (std::optional<double> number = leading_real<double>(text))
            return Value(*number);
    } else if (hint == Kind::decimal) {
        std::optional<Decimal128> number = parse_decimal(text);
        if (number && !is_nan(*number))
            return Value(*number);
    }
    return Value(std::move(text));
}

} // namespace

Value converted(Value value, Kind hint, bool is_listed) {
    if (const auto* integer = std::get_if<std::int64_t>(&value.data))
        return hint == Kind::decimal ? Value(to_decimal(*integer)) : std::move(value);
    if (const auto* number = std::get_if<double>(&value.data))
        return converted_double(*number, hint);
    if (const auto* number = std::get_if<float>(&value.data))
        return converted_float(*number, hint);
    if (auto* text = std::get_if<std::string>(&value.data))
        return converted_string(std::move(*text), hint);
    const auto* number = std::get_if<Decimal128>(&value.data);
    if (number && hint == Kind::integer && !is_listed)
        if (std::optional<std::int64_t> integer = whole(*number))
            return Value(*integer);
    return value;
}

Value infinity(bool is_negative, Kind hint) {
    double value = std::numeric_limits<double>::infinity() * (is_negative ? -1 : 1);
    if (hint == Kind::decimal)
        return Value(spelled_decimal(is_negative ? "-inf" : "inf"));
    return converted_double(value, hint);
}

Value not_a_number(bool is_negative, Kind hint) {
    double value = std::copysign(std::numeric_limits<double>::quiet_NaN(), is_negative ? -1 : 1);
    if (hint == Kind::decimal)
        return Value(spelled_decimal(is_negative ? "-nan" : "nan"));
    return converted_double(value, hint);
}

} // namespace realmsync::query
