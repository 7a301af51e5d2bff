// Tuning structs (csrc/tuning.hpp) from Python dicts.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <type_traits>

#include "tuning.hpp"

namespace realmsync::bindings {

// The defaults with what `values` names. ValueError for a name that is no member.
template <class Tuning> Tuning to_tuning(const pybind11::dict& values) {
    Tuning tuning;
    pybind11::dict unknown(values.attr("copy")());
    for_each_member(tuning, [&](const char* name, auto& member) {
        if (values.contains(name))
            member = unknown.attr("pop")(name).template cast<std::decay_t<decltype(member)>>();
    });
    for (auto [name, value] : unknown)
        throw pybind11::value_error("no such tuning value: " + name.template cast<std::string>());
    return tuning;
}

} // namespace realmsync::bindings
