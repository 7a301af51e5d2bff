// The classes of an app as Python gives and gets them, and as the engine does: tuples (name, kind,
// primary key, [(name, type, nullable, collection, target)]) as in realmsync/apps/model.py, and a
// changeset of AddTable and AddColumn (app-configuration.md 7.2 to 7.5).
#pragma once

#include <pybind11/pybind11.h>

#include <string>

namespace realmsync::bindings {

// Raises ValueError for what is no class.
std::string to_changeset(const pybind11::sequence& classes);
pybind11::list to_classes(const std::string& changeset);

} // namespace realmsync::bindings
