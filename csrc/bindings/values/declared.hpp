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
    DeclaredProperty(std::string name_, pybind11::str attribute_, Type type_,
                     Collection collection_, bool nullable_, std::string target_,
                     bool has_default_ = false, pybind11::object default_value_ = {},
                     bool has_text_index_ = false, bool is_indexed_ = false,
                     bool is_counter_ = false)
        : name(std::move(name_)), attribute(std::move(attribute_)),
          label(attribute.cast<std::string>()), type(type_), collection(collection_),
          nullable(nullable_), target(std::move(target_)), has_default(has_default_),
          default_value(std::move(default_value_)), has_text_index(has_text_index_),
          is_indexed(is_indexed_), is_counter(is_counter_) {
        PyUnicode_InternInPlace(&attribute.ptr());
    }

    std::string name;           // in the file
    pybind11::object attribute; // in Python, interned
    std::string label;          // the same, for messages
    Type type;                  // kMixed, or of the elements
    Collection collection;
    bool nullable;
    std::string target; // class of links and embedded objects
    bool has_default;
    pybind11::object default_value; // or a function that makes it
    bool has_text_index;            // full-text
    bool is_indexed;                // otherwise; nothing where there can be none
    bool is_counter;                // an int that is added to (data-model.md 13)
    // Filled in when all classes are known:
    int target_class = -1;
    bool embedded = false;
};

struct DeclaredClass {
    std::string name;
    TableKind kind = TableKind::top_level;
    int key = -1; // property number, -1: none
    std::vector<DeclaredProperty> properties;
};

} // namespace realmsync::bindings
