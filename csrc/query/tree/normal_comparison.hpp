// Comparisons for normal_form.hpp: each in one spelling of several, and its complement where there
// is one (query-language.md sections 8 and 9).
#pragma once

#include <optional>

#include "query/tree/tree.hpp"

namespace realmsync::query {

// Whether the operand may have several values, or a quantifier.
bool is_quantified(const Operand& operand);

// The same comparison in its usual spelling: constants on the right, int >= v as > v - 1, numbers
// as the column has them. NONE of one collection is `negated` ANY.
struct NormalComparison {
    Comparison comparison;
    bool negated = false;
};
NormalComparison normal(Comparison comparison);

// The operator that is true for exactly those objects that the comparison is false for. Null and
// NaN leave most relations without one.
std::optional<Operator> complement(const Comparison& comparison);

} // namespace realmsync::query
