// + - * / of two values (query-language.md section 12). Used when a query runs, and by the binder
// to fold constants.
#pragma once

#include "query/values/value_view.hpp"

namespace realmsync::query {

// The result has the higher type of int < float < double < decimal. Null if either side is null or
// no number. Integers wrap at 64 bits; divided by zero, they are the largest or smallest one.
ValueView calculate(char op, const ValueView& left, const ValueView& right);

// Any number as a decimal; floats and doubles are rounded (query-language.md section 6).
Decimal128 decimal_of(const ValueView& number);

} // namespace realmsync::query
