// Decimal128 (BID encoding) to text and back: the readable form where it is lossless, which is
// everywhere but for non-canonical bit patterns and NaNs with a payload.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/values.hpp"

namespace realmsync::store {

struct DecimalParts {
    bool negative = false, nan = false, infinite = false;
    std::uint64_t high = 0, low = 0; // coefficient, 0 where it is not canonical (above 10^34 - 1)
    int exponent = 0;
};

DecimalParts split(const Decimal128& value);
std::string coefficient_text(const DecimalParts& parts); // decimal digits, "0" for zero

// As Python's decimal.Decimal prints it: 10.50, 1E+20, NaN, -Infinity. Nothing where the text would
// not give back the same bits.
std::optional<std::string> to_text(const Decimal128& value);
std::optional<Decimal128> decimal_from_text(std::string_view text); // of that form only

} // namespace realmsync::store
