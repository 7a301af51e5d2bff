// ANY, ALL and NONE over values (query-language.md 11.1).
#pragma once

#include <algorithm>
#include <span>

#include "query/operators.hpp"
#include "query/values/value_view.hpp"

namespace realmsync::query {

// Unsaid is ANY. Of no values: ANY is false, ALL and NONE are true.
template <class Test>
bool quantify(Quantifier quantifier, std::span<const ValueView> values, Test test) {
    switch (quantifier) {
    case Quantifier::all: return std::all_of(values.begin(), values.end(), test);
    case Quantifier::none: return std::none_of(values.begin(), values.end(), test);
    default: return std::any_of(values.begin(), values.end(), test);
    }
}

} // namespace realmsync::query
