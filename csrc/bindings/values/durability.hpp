// Names of the durability levels on the Python side.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "sqlite/sqlite.hpp"

namespace realmsync::bindings {

inline sqlite::Durability to_durability(const std::string& name) {
    if (name == "full")
        return sqlite::Durability::full;
    if (name == "process")
        return sqlite::Durability::off;
    throw pybind11::value_error("durability is 'full' or 'process', not '" + name + "'");
}

} // namespace realmsync::bindings
