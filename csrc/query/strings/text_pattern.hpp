// The right side of BEGINSWITH, ENDSWITH, CONTAINS and LIKE, and of == with [c], made ready to be
// met by many texts (query-language.md 10.4). Null and values that are no text: section 9.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "query/operators.hpp"
#include "query/values/value_view.hpp"
#include "query/work.hpp"

namespace realmsync::query {

class TextPattern {
  public:
    // `op` is one of those four, equal or not_equal. O(size of the needle).
    TextPattern(Operator op, bool ignore_case, const ValueView& needle);

    // A string meets strings only, as binary meets binary. A null needle is contained in every
    // value but null, is no beginning and no end, and is like null.
    bool matches(const ValueView& value, Work& work) const;

  private:
    bool matches_null(const ValueView& value) const;
    bool matches_bytes(std::string_view text, Work& work) const;
    bool contains(std::string_view text) const; // O(size of the text)

    Operator op_;
    bool ignore_case_;
    Type type_;          // of the needle; what is neither string nor binary matches nothing
    std::string needle_; // folded if ignore_case_
    // Of long needles: how much of the needle stands again before each byte of it, where it does
    // not match (Knuth, Morris, Pratt).
    std::vector<std::uint32_t> fallbacks_;
};

} // namespace realmsync::query
