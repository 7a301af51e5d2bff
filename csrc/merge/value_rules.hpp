// The direct rules of objects, register values, counters, whole collections and sets: D5 to D8,
// D13, D14 and D24 to D29 of merge-rules.md 3.3.
#pragma once

#include "merge/operand.hpp"

namespace realmsync::merge {

// `a` has the higher code, or both have the same one. Throws ErrorException (transform).
void merge_value(Operand& a, Operand& b, Profile profile);

} // namespace realmsync::merge
