#include "query/evaluation/aggregates.hpp"

#include <cmath>

#include "query/values/arithmetic.hpp"
#include "query/values/compare_values.hpp"
#include "query/values/decimal_math.hpp"

namespace realmsync::query {

namespace {

bool is_not_a_number(const ValueView& value) {
    if (value.type() == Type::decimal)
        return is_nan(value.decimal());
    return (value.type() == Type::float32 || value.type() == Type::float64) &&
           std::isnan(value.real());
}

} // namespace

void Aggregate::add(const ValueView& value) {
    if (value.is_null() || is_not_a_number(value))
        return;
    if (ending_ == Ending::min || ending_ == Ending::max) {
        const int result = extreme_.is_null() ? 0 : order(value, extreme_);
        if (extreme_.is_null() || (ending_ == Ending::min ? result < 0 : result > 0))
            extreme_ = value;
        return;
    }
    if (!value.is_number())
        return;
    ++count_;
    if (is_decimal()) {
        decimal_sum_ = query::add(decimal_sum_, decimal_of(value));
    } else if (value.type() == Type::integer) {
        integer_sum_ = calculate('+', ValueView(integer_sum_), value).integer(); // wraps
        real_sum_ += static_cast<double>(value.integer());
    } else {
        real_sum_ += value.real();
    }
}

ValueView Aggregate::result() const {
    if (ending_ == Ending::min || ending_ == Ending::max)
        return extreme_;
    if (ending_ == Ending::average) {
        if (count_ == 0)
            return {};
        return is_decimal() ? ValueView(divide(decimal_sum_, to_decimal(count_)))
                            : ValueView(real_sum_ / static_cast<double>(count_));
    }
    if (is_decimal())
        return ValueView(decimal_sum_);
    return type_ == Type::integer ? ValueView(integer_sum_) : ValueView(real_sum_);
}

} // namespace realmsync::query
