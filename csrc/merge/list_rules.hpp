// The direct rules of list elements: D10 to D12 and D18 to D23 of merge-rules.md 3.3, and the
// correction of defect R2. Indices keep pointing at the elements their author meant.
#pragma once

#include "merge/operand.hpp"

namespace realmsync::merge {

inline bool is_list(changeset::Op op) { // ArrayInsert, ArrayMove, ArrayErase
    return op == changeset::Op::array_insert || op == changeset::Op::array_move ||
           op == changeset::Op::array_erase;
}

// `a` has the higher code, or both have the same one. Throws ErrorException (transform).
void merge_list(Operand& a, Operand& b, Profile profile);

} // namespace realmsync::merge
