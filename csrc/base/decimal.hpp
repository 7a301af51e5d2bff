// Decimal128 in its BID bit pattern: the raw fields that changesets carry (changeset-format.md
// 5.2), numeric equality and text. No arithmetic: nothing in sync computes with decimals.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/values.hpp"
#include "base/varint.hpp"

namespace realmsync {

// The pattern cut into coefficient, exponent and sign. A lossless split for every pattern, special
// values included, not a numeric normal form.
struct DecimalParts {
    Coefficient coefficient; // < 2^113
    int exponent;            // kMinDecimalExponent to kMaxDecimalExponent, finite up to 6111
    bool negative;
};

inline constexpr int kDecimalBias = 6176;
inline constexpr int kMinDecimalExponent = -kDecimalBias;
inline constexpr int kMaxDecimalExponent = 0x3fff - kDecimalBias;
// NaN with coefficient 170: the original storage engine's inner mark of null, never a value.
inline constexpr Decimal128 kNullDecimal{170, std::uint64_t{9696 + kDecimalBias} << 49};

constexpr DecimalParts split_decimal(const Decimal128& decimal) {
    return {{decimal.low, decimal.high & ((std::uint64_t{1} << 49) - 1)},
            static_cast<int>(decimal.high >> 49 & 0x3fff) - kDecimalBias,
            decimal.high >> 63 != 0};
}

constexpr Decimal128 join_decimal(const DecimalParts& parts) {
    return {parts.coefficient.low, parts.coefficient.high |
                                       static_cast<std::uint64_t>(parts.exponent + kDecimalBias)
                                           << 49 |
                                       std::uint64_t{parts.negative} << 63};
}

constexpr bool is_special(const Decimal128& decimal) { // infinite or NaN
    return (decimal.high >> 59 & 0xf) == 0xf;
}
constexpr bool is_nan(const Decimal128& decimal) { return (decimal.high >> 58 & 0x1f) == 0x1f; }

// Whether both are the same number (1.0 and 1.00, 0 and -0); a NaN equals its own pattern only.
bool is_same_number(const Decimal128& a, const Decimal128& b);

// The text of the reference engine, used by inspection and its vectors. Keeps every finite
// pattern, trailing zeros included; special values come down to Inf, -Inf, NaN, -NaN.
std::string to_reference_text(const Decimal128& decimal);
// The inverse; empty for text that is not of that form or fits no pattern.
std::optional<Decimal128> from_reference_text(std::string_view text);

// Scientific text as IEEE 754 and Python's decimal write it ("1.050E-7", "Infinity"); a pattern
// whose coefficient has more than 34 digits is zero by that standard.
std::string format_decimal(const Decimal128& decimal);
// Any decimal text with optional sign, point, exponent; Infinity, Inf and NaN in any case. Empty
// when it is no number or a decimal128 cannot hold it exactly.
std::optional<Decimal128> parse_decimal(std::string_view text);

} // namespace realmsync
