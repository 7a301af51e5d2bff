// Changesets as lists of dicts, the JSON form that inspection prints and the reference data uses
// (tests/vectors/README.md, "Instruction encoding in JSON"). Call with the GIL.
#pragma once

#include <pybind11/pybind11.h>

#include "changeset/instruction.hpp"

namespace realmsync::bindings {

pybind11::list to_dicts(const changeset::Changeset& changeset);

// Ids in first-use order. The result borrows text from `instructions`, which must not change
// while it is in use. Raises TypeError or ValueError with the index and the key of the fault.
changeset::Changeset from_dicts(pybind11::handle instructions);

} // namespace realmsync::bindings
