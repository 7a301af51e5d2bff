// What the application gives as the value of a property or of an object: iterables and mappings as
// lists and dicts, values by their properties, what is wrong with them, defaults. How it is written
// is object_writer.hpp's.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <string_view>

#include "bindings/values/convert.hpp"
#include "bindings/values/declared.hpp"

namespace realmsync::bindings {

[[noreturn]] void not_nullable(const Where& where);
[[noreturn]] void too_deep(const Where& where);

// `expected`: "a list", for messages. Live collections, in plain ones too, come as their present
// content, as the write may change it (data-model.md 12.3).
pybind11::list to_elements(pybind11::handle given, const Where& where, const char* expected);
pybind11::dict to_mapping(pybind11::handle value, const Where& where);
// The UTF-8 of a legal dictionary key, alive as long as `key`.
std::string_view dictionary_key(pybind11::handle key, const Where& where);

// What `values` say of a property; null when nothing.
pybind11::handle given_value(const pybind11::dict& values, const DeclaredProperty& p);
// Values under other names would be lost. `found`: how many of the values are properties'.
void require_properties(const DeclaredClass& c, const pybind11::dict& values, std::size_t found);
void require_properties(const DeclaredClass& c, const pybind11::dict& values);
// Perhaps the value is there, under a wrong name.
[[noreturn]] void missing(const DeclaredClass& c, const pybind11::dict& values, const Where& where);
// The default of a property that a new object's values leave out; nothing when there is none, or
// when it is None for a link, which is empty anyway and gets no instruction. Raises when the
// property needs a value.
std::optional<pybind11::object> initial_value(const DeclaredClass& c, const DeclaredProperty& p,
                                              const pybind11::dict& values, const Where& where);
// What create() would raise for the default that is declared, as far as that can be told without a
// realm: not what values of objects have in them (defaults.cpp).
void require_default(const DeclaredProperty& p, const std::string& cls);

} // namespace realmsync::bindings
