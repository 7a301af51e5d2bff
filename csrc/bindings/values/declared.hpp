// Classes and properties as Python declares them. Their numbers, by which Python speaks of them,
// are positions: of a class in its realm, of a property in its class. What the file itself knows of
// them, which may be more, is model/schema.hpp.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "base/values.hpp"

namespace realmsync::bindings {

struct DeclaredProperty {
    std::string name;           // in the file
    pybind11::object attribute; // in Python, interned
    std::string label;          // the same, for messages
    Type type = Type::null;
    Collection collection = Collection::single;
    bool nullable = false;
    std::string target; // class of links and embedded objects
    int target_class = -1;
    bool embedded = false;
    bool has_default = false;
    pybind11::object default_value;
};

struct DeclaredClass {
    std::string name;
    TableKind kind = TableKind::top_level;
    int key = -1; // property number, -1: none
    std::vector<DeclaredProperty> properties;
};

} // namespace realmsync::bindings
