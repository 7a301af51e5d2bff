// Names of the merge profiles on the Python side.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "merge/transform.hpp"

namespace realmsync::bindings {

inline merge::Profile to_profile(const std::string& name) {
    if (name == "strict")
        return merge::Profile::strict;
    if (name == "safe")
        return merge::Profile::safe;
    if (name == "full")
        return merge::Profile::full;
    throw pybind11::value_error("a merge profile is 'strict', 'safe' or 'full', not '" + name +
                                "'");
}

} // namespace realmsync::bindings
