// The pairwise matrix (merge-rules.md section 3): what happens when one local and one incoming
// instruction meet. This build knows the pairs without effect and the additive schema pairs, D1 and
// D15; every other pair with an effect is a merge_conflict. Walking is in walk.cpp.
#pragma once

#include <optional>

#include "base/error.hpp"
#include "changeset/instruction.hpp"
#include "merge/transform.hpp"

namespace realmsync::merge {

// One side of a cell. A rule edits the instruction in place and sets `changed`, or discards it.
struct Operand {
    changeset::Changeset& changeset;
    changeset::Instruction& instruction;
    const Origin& origin;
    bool changed = false;
    bool discarded = false;
};

// `major` is local, `minor` incoming. On error nothing may be used any more.
std::optional<Error> merge_cell(Operand& major, Operand& minor);

} // namespace realmsync::merge
