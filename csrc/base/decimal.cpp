#include "base/decimal.hpp"

#include <algorithm>

namespace realmsync {

namespace {

using Wide = unsigned __int128;

constexpr int kMaxDigits = 34;
constexpr int kMaxExponent = 6111; // of a finite value in canonical form
constexpr int kInfinityExponent = 9184;
constexpr int kNanExponent = 9696;
constexpr Wide kRawLimit = Wide{1} << 113;
constexpr long kHugeExponent = 1'000'000; // written exponents are clamped to this: out of range

constexpr Wide power_of_ten(int n) {
    Wide value = 1;
    while (n-- > 0)
        value *= 10;
    return value;
}
constexpr Wide kCanonicalLimit = power_of_ten(kMaxDigits);

Wide wide(const Coefficient& c) { return Wide{c.high} << 64 | c.low; }

std::string digits_of(Wide value) {
    std::string digits;
    do
        digits.push_back(static_cast<char>('0' + static_cast<int>(value % 10)));
    while ((value /= 10) != 0);
    std::reverse(digits.begin(), digits.end());
    return digits;
}

Decimal128 make(bool negative, Wide coefficient, int exponent) {
    return join_decimal(
        {{static_cast<std::uint64_t>(coefficient), static_cast<std::uint64_t>(coefficient >> 64)},
         exponent,
         negative});
}

bool equal_ignoring_case(std::string_view text, std::string_view lower) {
    return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
    });
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A number as written: coefficient · 10^exponent.
struct Written {
    bool negative = false;
    Wide coefficient = 0;
    long exponent = 0;
};

// [+-] digits [. digits] [E [+-] digits], at least one digit before the E. Zeros at the end of a
// coefficient that has grown to the limit go to the exponent, so that it is always below `limit`.
std::optional<Written> read_number(std::string_view text, Wide limit) {
    Written out;
    std::size_t i = 0;
    auto sign = [&] {
        bool minus = i < text.size() && text[i] == '-';
        if (minus || (i < text.size() && text[i] == '+'))
            ++i;
        return minus;
    };
    out.negative = sign();
    bool any = false, point = false;
    long dropped_zeros = 0; // zeros that the coefficient has no room for, unless a digit follows
    for (; i < text.size() && (is_digit(text[i]) || (text[i] == '.' && !point)); ++i) {
        if (text[i] == '.') {
            point = true;
            continue;
        }
        any = true;
        Wide next = out.coefficient * 10 + static_cast<unsigned>(text[i] - '0');
        if (dropped_zeros == 0 && next < limit) {
            out.coefficient = next;
            out.exponent -= point;
        } else if (text[i] == '0') {
            ++dropped_zeros;
            out.exponent += !point;
        } else {
            return std::nullopt;
        }
    }
    if (!any)
        return std::nullopt;
    if (i < text.size() && (text[i] == 'E' || text[i] == 'e')) {
        ++i;
        bool minus = sign();
        if (i == text.size())
            return std::nullopt;
        long exponent = 0;
        for (; i < text.size() && is_digit(text[i]); ++i)
            exponent = std::min(exponent * 10 + (text[i] - '0'), kHugeExponent);
        out.exponent += minus ? -exponent : exponent;
    }
    if (i != text.size())
        return std::nullopt;
    return out;
}

// Sign, coefficient without zeros at its end, exponent; zeros of any kind are alike.
struct Normal {
    bool negative;
    Wide coefficient;
    int exponent;
    bool operator==(const Normal&) const = default;
};

Normal normal(const Decimal128& decimal) {
    const DecimalParts parts = split_decimal(decimal);
    Wide coefficient = wide(parts.coefficient);
    if (coefficient == 0 || coefficient >= kCanonicalLimit)
        return {false, 0, 0};
    int exponent = parts.exponent;
    for (; coefficient % 10 == 0; coefficient /= 10)
        ++exponent;
    return {parts.negative, coefficient, exponent};
}

} // namespace

bool is_same_number(const Decimal128& a, const Decimal128& b) {
    if (a == b)
        return true;
    if (is_nan(a) || is_nan(b))
        return false;
    if (is_special(a) || is_special(b))
        return is_special(a) && is_special(b) && (a.high >> 63) == (b.high >> 63);
    return normal(a) == normal(b);
}

std::string to_reference_text(const Decimal128& decimal) {
    DecimalParts parts = split_decimal(decimal);
    if (is_nan(decimal))
        return parts.negative ? "-NaN" : "NaN";
    if (is_special(decimal))
        return parts.negative ? "-Inf" : "Inf";
    std::string digits = digits_of(wide(parts.coefficient));
    int exponent = parts.exponent;
    if (parts.coefficient.high != 0)
        return (parts.negative ? '-' : '+') + digits + (exponent < 0 ? "E" : "E+") +
               std::to_string(exponent);
    // The point moves left past all but the first digit, but stops where it uses up the exponent.
    int shift = static_cast<int>(digits.size()) - 1;
    if (exponent <= 0)
        shift = std::min(shift, -exponent);
    if (shift > 0)
        digits.insert(digits.size() - static_cast<std::size_t>(shift), 1, '.');
    exponent += shift;
    std::string text = (parts.negative ? "-" : "") + digits;
    return exponent == 0 ? text : text + 'E' + std::to_string(exponent);
}

std::optional<Decimal128> from_reference_text(std::string_view text) {
    bool negative = text.starts_with('-');
    if (std::string_view name = text.substr(negative); name == "Inf")
        return make(negative, 0, kInfinityExponent);
    else if (name == "NaN")
        return make(negative, 0, kNanExponent);
    std::optional<Written> number = read_number(text, kRawLimit);
    if (!number || number->exponent < kMinDecimalExponent || number->exponent >= kInfinityExponent)
        return std::nullopt;
    return make(number->negative, number->coefficient, static_cast<int>(number->exponent));
}

std::string format_decimal(const Decimal128& decimal) {
    DecimalParts parts = split_decimal(decimal);
    std::string sign = parts.negative ? "-" : "";
    if (is_nan(decimal))
        return sign + "NaN";
    if (is_special(decimal))
        return sign + "Infinity";
    Wide coefficient = wide(parts.coefficient);
    int exponent = parts.exponent;
    if (exponent > kMaxExponent) { // two more bits of coefficient stand where the exponent ends
        coefficient = 0;
        std::uint64_t raw = decimal.high >> 47 & 0x3fff;
        exponent = static_cast<int>(raw) - kDecimalBias;
    } else if (coefficient >= kCanonicalLimit) {
        coefficient = 0;
    }
    std::string digits = digits_of(coefficient);
    int size = static_cast<int>(digits.size());
    int adjusted = exponent + size - 1; // exponent of the first digit
    if (exponent <= 0 && adjusted >= -6) {
        if (exponent == 0)
            return sign + digits;
        if (adjusted < 0)
            return sign + "0." + std::string(static_cast<std::size_t>(-adjusted - 1), '0') + digits;
        digits.insert(digits.size() - static_cast<std::size_t>(-exponent), 1, '.');
        return sign + digits;
    }
    if (size > 1)
        digits.insert(1, 1, '.');
    return sign + digits + (adjusted < 0 ? "E" : "E+") + std::to_string(adjusted);
}

std::optional<Decimal128> parse_decimal(std::string_view text) {
    bool negative = text.starts_with('-');
    std::string_view name = text.substr(negative || text.starts_with('+'));
    if (equal_ignoring_case(name, "infinity") || equal_ignoring_case(name, "inf"))
        return make(negative, 0, kInfinityExponent);
    if (equal_ignoring_case(name, "nan"))
        return make(negative, 0, kNanExponent);
    std::optional<Written> number = read_number(text, kCanonicalLimit);
    if (!number)
        return std::nullopt;
    Wide coefficient = number->coefficient;
    long exponent = number->exponent;
    if (coefficient == 0) { // zero of any exponent is zero: take the nearest
        exponent = std::clamp<long>(exponent, kMinDecimalExponent, kMaxExponent);
    }
    while (exponent < kMinDecimalExponent && coefficient % 10 == 0) {
        coefficient /= 10;
        ++exponent;
    }
    while (exponent > kMaxExponent && coefficient * 10 < kCanonicalLimit) {
        coefficient *= 10;
        --exponent;
    }
    if (exponent < kMinDecimalExponent || exponent > kMaxExponent)
        return std::nullopt;
    return make(number->negative, coefficient, static_cast<int>(exponent));
}

} // namespace realmsync
