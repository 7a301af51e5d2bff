// What literals of the language spell (query-language.md 5.2, 5.3): digits to numbers, dates to
// timestamps. The text alone decides here; the type that a literal meets is conversion.hpp's
// matter.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/values.hpp"

namespace realmsync::query {

// A sign, then digits in base 10, in base 8 behind a 0, in base 16 behind 0x. Stops at the first
// other character; saturates at 64 bits.
std::int64_t spelled_integer(std::string_view text);

// Of a FLOAT token. Beyond what the type holds: infinity or zero.
double spelled_double(std::string_view text);
float spelled_float(std::string_view text);

// Of a number of any token, rounded to 34 digits.
Decimal128 spelled_decimal(std::string_view text);

// Numbers that stand at the beginning of a string: blanks in front are skipped, the rest is
// ignored. Nothing if there is none, or it does not fit. Reals are also inf and nan.
std::optional<std::int64_t> leading_integer(std::string_view text);
template <class Real> std::optional<Real> leading_real(std::string_view text); // float or double

// Of a TIMESTAMP token. Throws QueryFault without a position.
Timestamp spelled_timestamp(std::string_view text);

} // namespace realmsync::query
