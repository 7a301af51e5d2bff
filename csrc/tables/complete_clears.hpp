// The cure of defect R3 (merge-rules.md 5), for peers whose merge profile is not strict: a Clear of
// a dictionary's value cannot be applied where somebody has erased that key meanwhile.
#pragma once

#include "changeset/instruction.hpp"
#include "model/schema.hpp"

namespace realmsync::tables {

// Puts an Update that sets an empty collection of the same kind before every Clear of a value in a
// dictionary of Mixed, unless the changeset has such an Update before it: nothing changes where
// the key is there, and the Update brings it back where it is not. O(instructions).
void complete_clears(changeset::Changeset& changeset, const model::Schema& schema);

} // namespace realmsync::tables
