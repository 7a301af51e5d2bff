// Arithmetic and order of Decimal128 as IEEE 754-2008 has them: 34 digits, ties to even, the
// preferred exponents of the standard (1.10 + 2 is 3.10). Bit patterns and text: base/decimal.hpp.
#pragma once

#include <cstdint>

#include "base/decimal.hpp"

namespace realmsync::query {

Decimal128 add(const Decimal128& a, const Decimal128& b);
Decimal128 subtract(const Decimal128& a, const Decimal128& b);
Decimal128 multiply(const Decimal128& a, const Decimal128& b);
Decimal128 divide(const Decimal128& a, const Decimal128& b);

Decimal128 to_decimal(std::int64_t value);
// As the language converts them where a decimal is met (query-language.md section 6): rounded to
// 15 significant digits, a float to 7.
Decimal128 to_decimal(double value);
Decimal128 to_decimal(float value);

// Total order by value: NaN below every number, NaNs among themselves by their bits.
int compare(const Decimal128& a, const Decimal128& b);

} // namespace realmsync::query
