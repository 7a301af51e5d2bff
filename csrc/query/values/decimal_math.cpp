#include "query/values/decimal_math.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

namespace realmsync::query {

namespace {

using Wide = unsigned __int128;

constexpr int kDigits = 34;
constexpr int kMaxExponent = 6111; // of a coefficient of 34 digits
constexpr int kMinExponent = kMinDecimalExponent;

constexpr std::array<Wide, 39> kPowers = [] {
    std::array<Wide, 39> powers{};
    Wide power = 1;
    for (Wide& slot : powers) {
        slot = power;
        power *= 10; // the last product is too large, and not used
    }
    return powers;
}();
constexpr Wide power_of_ten(int n) { return kPowers[static_cast<std::size_t>(n)]; }
constexpr Wide kLimit = power_of_ten(kDigits);

constexpr Decimal128 kNan{0, std::uint64_t{0x7c} << 56};
constexpr Decimal128 infinity(bool negative) {
    return {0, std::uint64_t{negative ? 0xf8u : 0x78u} << 56};
}

int count_digits(Wide value) { // 0 of zero
    return static_cast<int>(std::upper_bound(kPowers.begin(), kPowers.end() - 1, value) -
                            kPowers.begin());
}

// A finite number. Patterns whose coefficient has more than 34 digits are zeros by the standard.
struct Number {
    bool negative = false;
    Wide coefficient = 0;
    int exponent = 0;
};

Number number(const Decimal128& decimal) {
    const DecimalParts parts = split_decimal(decimal);
    if ((decimal.high >> 61 & 3) == 3) // the other form, of coefficients beyond 2^113
        return {parts.negative, 0, static_cast<int>(decimal.high >> 47 & 0x3fff) - kDecimalBias};
    const Wide coefficient = Wide{parts.coefficient.high} << 64 | parts.coefficient.low;
    return {parts.negative, coefficient < kLimit ? coefficient : 0, parts.exponent};
}

// The exact result of an operation before it is rounded: high · 10^34 + low, low < 10^34, and
// whether anything that is not zero comes behind it.
struct Exact {
    bool negative = false;
    Wide high = 0, low = 0;
    int exponent = 0;
    bool is_inexact = false;
};

// Drops the last `count` digits, 1 to 72, with ties to even.
void drop_digits(Exact& value, int count) {
    Wide dropped_high = 0, dropped_low = 0; // what goes, compared with half of 10^count
    Wide kept = 0;
    if (count <= kDigits) {
        const Wide power = power_of_ten(count);
        kept = value.high * power_of_ten(kDigits - count) + value.low / power;
        dropped_low = value.low % power;
    } else {
        const Wide power = power_of_ten(count - kDigits);
        kept = value.high / power;
        dropped_high = value.high % power;
        dropped_low = value.low;
    }
    const Wide half_high = count <= kDigits ? 0 : power_of_ten(count - kDigits) / 2;
    const Wide half_low = count <= kDigits ? power_of_ten(count) / 2 : 0;
    const auto order = std::pair(dropped_high, dropped_low) <=> std::pair(half_high, half_low);
    const bool is_tie = order == 0 && !value.is_inexact;
    const bool goes_up = is_tie ? kept % 2 == 1 : order >= 0;
    value.is_inexact = value.is_inexact || dropped_high != 0 || dropped_low != 0;
    kept += goes_up ? 1 : 0;
    value.high = kept / kLimit;
    value.low = kept % kLimit;
    value.exponent += count;
}

Decimal128 make(bool negative, Wide coefficient, int exponent) {
    return join_decimal(
        {{static_cast<std::uint64_t>(coefficient), static_cast<std::uint64_t>(coefficient >> 64)},
         exponent,
         negative});
}

// To 34 digits and the range of exponents.
Decimal128 round(Exact value) {
    int digits = value.high != 0 ? kDigits + count_digits(value.high) : count_digits(value.low);
    int surplus = std::max(digits - kDigits, kMinExponent - value.exponent);
    if (surplus > digits + 1) // all of it is below half of the smallest number
        surplus = std::max(digits + 1, 1);
    if (surplus > 0) {
        const int exponent = std::max(value.exponent + surplus, kMinExponent);
        drop_digits(value, surplus);
        value.exponent = exponent;
        if (value.high != 0) // 99…9 has become 100…0
            drop_digits(value, 1);
    }
    if (value.low == 0)
        return make(value.negative, 0, std::clamp(value.exponent, kMinExponent, kMaxExponent));
    while (value.exponent > kMaxExponent && value.low * 10 < kLimit) {
        value.low *= 10;
        --value.exponent;
    }
    if (value.exponent > kMaxExponent)
        return infinity(value.negative);
    return make(value.negative, value.low, value.exponent);
}

bool is_negative(const Decimal128& decimal) { return decimal.high >> 63 != 0; }
bool is_infinite(const Decimal128& decimal) { return is_special(decimal) && !is_nan(decimal); }

Exact add_magnitudes(Exact a, Wide b) { // b < 10^34
    a.low += b;
    a.high += a.low / kLimit;
    a.low %= kLimit;
    return a;
}

Exact subtract_magnitudes(Exact a, Wide b) { // b < 10^34
    if (a.low >= b) {
        a.low -= b;
    } else if (a.high != 0) {
        --a.high;
        a.low += kLimit - b;
    } else { // it was the smaller one
        a.low = b - a.low;
        a.negative = !a.negative;
    }
    return a;
}

Decimal128 add_numbers(Number a, Number b) {
    if (a.exponent < b.exponent)
        std::swap(a, b);
    if (a.coefficient == 0) { // nothing to align, but the exponent of the result is the lower one
        const bool negative = b.coefficient == 0 ? a.negative && b.negative : b.negative;
        return round({negative, 0, b.coefficient, b.exponent});
    }
    // a is the one to be moved left: first within its 34 digits, then into the higher half.
    int gap = a.exponent - b.exponent;
    const int room = std::min(gap, kDigits - count_digits(a.coefficient));
    a.coefficient *= power_of_ten(room);
    gap -= room;
    int exponent = b.exponent;
    // Beyond 36 places b does not reach the digits that stay; only that it is there counts.
    constexpr int kReach = kDigits + 2;
    if (gap > kReach) {
        exponent += gap - kReach;
        b.coefficient = b.coefficient != 0 ? 1 : 0;
        gap = kReach;
    }
    Exact sum{a.negative, 0, 0, exponent};
    if (gap <= kDigits) {
        sum.high = gap == 0 ? 0 : a.coefficient / power_of_ten(kDigits - gap);
        sum.low = gap == 0 ? a.coefficient
                           : a.coefficient % power_of_ten(kDigits - gap) * power_of_ten(gap);
    } else {
        sum.high = a.coefficient * power_of_ten(gap - kDigits);
    }
    sum = a.negative == b.negative ? add_magnitudes(sum, b.coefficient)
                                   : subtract_magnitudes(sum, b.coefficient);
    if (sum.high == 0 && sum.low == 0)
        sum.negative = a.negative && b.negative;
    return round(sum);
}

Exact multiply_exactly(Wide a, Wide b) {
    constexpr Wide kHalf = power_of_ten(kDigits / 2);
    const Wide a1 = a / kHalf, a0 = a % kHalf, b1 = b / kHalf, b0 = b % kHalf;
    const Wide middle = a1 * b0 + a0 * b1;
    const Wide low = a0 * b0 + middle % kHalf * kHalf;
    return {false, a1 * b1 + middle / kHalf + low / kLimit, low % kLimit};
}

// As the reference converts: to 34 digits, then to `digits` if that takes more. A number that takes
// less keeps what it needs, "0.5"; one that is rounded has all of them, "0.300000000000000".
Decimal128 from_binary(double value, int digits) {
    const bool negative = std::signbit(value);
    if (std::isnan(value))
        return {0, kNan.high | std::uint64_t{negative} << 63};
    if (std::isinf(value))
        return infinity(negative);
    if (value == 0)
        return make(negative, 0, 0);
    char text[48]; // d.ddd…e±x
    std::snprintf(text, sizeof text, "%.*e", kDigits - 1, std::fabs(value));
    Exact exact{negative, 0, 0, 0};
    const char* at = text;
    for (; *at != 'e'; ++at) {
        if (*at >= '0' && *at <= '9')
            exact.low = exact.low * 10 + static_cast<unsigned>(*at - '0');
    }
    exact.exponent = std::atoi(at + 1) - (kDigits - 1);
    const bool fits = exact.low % power_of_ten(kDigits - digits) == 0;
    drop_digits(exact, kDigits - digits);
    if (fits && exact.exponent < 0) {
        for (; exact.low % 10 == 0 && exact.exponent < 0; exact.low /= 10)
            ++exact.exponent;
    }
    return round(exact);
}

int order(Wide a, Wide b) { return a < b ? -1 : a > b ? 1 : 0; }

int compare_magnitudes(const Number& a, const Number& b) { // neither zero
    const int top_a = a.exponent + count_digits(a.coefficient);
    const int top_b = b.exponent + count_digits(b.coefficient);
    if (top_a != top_b)
        return top_a < top_b ? -1 : 1;
    // Equal position of the first digit: the exponents differ by less than 34.
    if (a.exponent >= b.exponent)
        return order(a.coefficient * power_of_ten(a.exponent - b.exponent), b.coefficient);
    return order(a.coefficient, b.coefficient * power_of_ten(b.exponent - a.exponent));
}

} // namespace

Decimal128 add(const Decimal128& a, const Decimal128& b) {
    if (is_nan(a) || is_nan(b))
        return is_nan(a) ? a : b;
    if (is_infinite(a))
        return is_infinite(b) && is_negative(a) != is_negative(b) ? kNan : a;
    return is_infinite(b) ? b : add_numbers(number(a), number(b));
}

Decimal128 subtract(const Decimal128& a, const Decimal128& b) {
    return add(a, is_nan(b) ? b : Decimal128{b.low, b.high ^ std::uint64_t{1} << 63});
}

Decimal128 multiply(const Decimal128& a, const Decimal128& b) {
    if (is_nan(a) || is_nan(b))
        return is_nan(a) ? a : b;
    const bool negative = is_negative(a) != is_negative(b);
    const Number x = number(a), y = number(b);
    if (is_infinite(a) || is_infinite(b)) {
        const bool is_undefined =
            (!is_infinite(a) && x.coefficient == 0) || (!is_infinite(b) && y.coefficient == 0);
        return is_undefined ? kNan : infinity(negative);
    }
    Exact product = multiply_exactly(x.coefficient, y.coefficient);
    product.negative = negative;
    product.exponent = x.exponent + y.exponent;
    return round(product);
}

Decimal128 divide(const Decimal128& a, const Decimal128& b) {
    if (is_nan(a) || is_nan(b))
        return is_nan(a) ? a : b;
    const bool negative = is_negative(a) != is_negative(b);
    if (is_infinite(a))
        return is_infinite(b) ? kNan : infinity(negative);
    if (is_infinite(b))
        return make(negative, 0, kMinExponent);
    const Number x = number(a), y = number(b);
    if (y.coefficient == 0)
        return x.coefficient == 0 ? kNan : infinity(negative);
    const int preferred = x.exponent - y.exponent;
    if (x.coefficient == 0)
        return make(negative, 0, std::clamp(preferred, kMinExponent, kMaxExponent));
    // Long division, digit by digit, until it comes out even or 34 digits and one more are there.
    Exact quotient{negative, 0, x.coefficient / y.coefficient, preferred};
    Wide rest = x.coefficient % y.coefficient;
    while (rest != 0 && quotient.low < kLimit) {
        rest *= 10; // below 10^35
        quotient.low = quotient.low * 10 + rest / y.coefficient;
        rest %= y.coefficient;
        --quotient.exponent;
    }
    quotient.is_inexact = rest != 0;
    quotient.high = quotient.low / kLimit;
    quotient.low %= kLimit;
    return round(quotient);
}

Decimal128 to_decimal(std::int64_t value) {
    const bool negative = value < 0;
    const auto magnitude = static_cast<std::uint64_t>(value);
    return make(negative, negative ? 0 - magnitude : magnitude, 0);
}
Decimal128 to_decimal(double value) { return from_binary(value, 15); }
Decimal128 to_decimal(float value) { return from_binary(static_cast<double>(value), 7); }

int compare(const Decimal128& a, const Decimal128& b) {
    if (is_nan(a) || is_nan(b)) {
        if (is_nan(a) != is_nan(b))
            return is_nan(a) ? -1 : 1;
        return a.high != b.high ? (a.high < b.high ? -1 : 1) : order(a.low, b.low);
    }
    auto sign = [](const Decimal128& decimal) {
        if (!is_special(decimal) && number(decimal).coefficient == 0)
            return 0;
        return is_negative(decimal) ? -1 : 1;
    };
    const int sign_a = sign(a), sign_b = sign(b);
    if (sign_a != sign_b || sign_a == 0)
        return sign_a < sign_b ? -1 : sign_a > sign_b ? 1 : 0;
    if (is_special(a) || is_special(b))
        return sign_a * (static_cast<int>(is_special(a)) - static_cast<int>(is_special(b)));
    return sign_a * compare_magnitudes(number(a), number(b));
}

} // namespace realmsync::query
