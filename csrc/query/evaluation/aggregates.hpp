// @min, @max, @sum and @avg over a run of values (query-language.md 11.4).
#pragma once

#include <cstdint>

#include "query/tree/tree.hpp"
#include "query/values/value_view.hpp"

namespace realmsync::query {

class Aggregate {
  public:
    // `ending` is one of the four; `type` is that of the values: null for Mixed, whose numbers are
    // added up as decimals.
    Aggregate(Ending ending, Type type) : ending_(ending), type_(type) {}

    // Nulls and NaN are skipped; sums skip what is no number.
    void add(const ValueView& value);
    // Of none: 0 of a sum, else null.
    ValueView result() const;

  private:
    bool is_decimal() const { return type_ == Type::decimal || type_ == kMixed; }

    Ending ending_;
    Type type_;
    ValueView extreme_;
    std::int64_t count_ = 0;
    std::int64_t integer_sum_ = 0;
    double real_sum_ = 0;
    Decimal128 decimal_sum_{0, std::uint64_t{6176} << 49}; // 0E0
};

} // namespace realmsync::query
