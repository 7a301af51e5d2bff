// Python values to values of the core and back (data-model.md 17). Conversions are strict: a wrong
// type is a TypeError, a value out of range a ValueError, both naming the property. What a value
// does to an object is decided in object_writer.cpp.
#pragma once

#include <pybind11/pybind11.h>

#include <forward_list>
#include <string>

#include "base/values.hpp"
#include "model/schema.hpp"
#include "model/value.hpp"

namespace realmsync::bindings {

// Names the class or property in errors; formatted only when there is one.
struct Where {
    const std::string& cls;
    const std::string& property; // empty: the object itself
    std::string suffix = {};     // [3] or ["key"] inside a collection, [] for any element of a set
    std::ptrdiff_t row = -1;     // of a column
    Where at(std::size_t index) const { return inside("[" + std::to_string(index) + "]"); }
    Where at(std::string_view key) const { return inside("[\"" + std::string(key) + "\"]"); }
    Where inside(const std::string& step) const { return {cls, property, suffix + step, row}; }
    std::string text() const {
        const std::string at = row < 0 ? "" : "[" + std::to_string(row) + "]";
        return "'" + cls + (property.empty() ? "" : ".") + property + at + suffix + "'";
    }
};
inline const std::string kNoProperty;

[[noreturn]] void raise_python(const char* error_class, const std::string& message);

// Holds what converted scalars refer to and Python does not keep alive.
struct Scratch {
    std::forward_list<std::string> strings;
    std::forward_list<LinkTarget> links;
    std::forward_list<pybind11::object> objects;
};

bool is_managed(pybind11::handle value);    // an Object
bool is_embedded(pybind11::handle value);   // an EmbeddedObject
bool is_counter(pybind11::handle value);    // a Counter
bool is_collection(pybind11::handle value); // an accessor of a list, set or dictionary

// What a value in a Mixed is stored as.
enum class Shape { scalar, object, list, dictionary };
Shape mixed_shape(pybind11::handle value, const Where& where);

// The UTF-8 of a str; InvalidArgumentError for lone surrogates, LimitExceededError.
std::string_view utf8(pybind11::handle value, const Where& where);

// A scalar of exactly `type` (kMixed: by the value's own type). Null is for the caller. Borrows
// from `value`, which must outlive it, and from `scratch`.
Scalar to_scalar(pybind11::handle value, Type type, const Where& where, Scratch& scratch);
Key to_key(pybind11::handle value, Type type, const Where& where, Scratch& scratch);

// A scalar as Python has it. `type`: the declared type; in a Mixed binary32 comes as Float32.
pybind11::object from_value(const model::Value& value, Type declared);
pybind11::object from_key(const Key& key);

} // namespace realmsync::bindings
