// The direct rules of schema instructions: D1 to D4, D9, D15 to D17 of merge-rules.md 3.3. What
// they do to instructions further down is in rules.cpp (N1).
#pragma once

#include "merge/operand.hpp"

namespace realmsync::merge {

// `a`, a schema instruction, has the higher code or the same one. Throws ErrorException (schema)
// where both sides declare the same thing differently.
void merge_schema(Operand& a, Operand& b);

// Condition of D4: a link property of a class that stays, to a class that goes. The walk resolves
// it, since it adds an instruction.
bool links_to_erased_class(const Operand& column, const Operand& table);

} // namespace realmsync::merge
