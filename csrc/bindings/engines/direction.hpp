// Names of the directions of transfer on the Python side.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "client/progress.hpp"

namespace realmsync::bindings {

inline client::Direction to_direction(const std::string& name) {
    if (name == "upload")
        return client::Direction::upload;
    if (name == "download")
        return client::Direction::download;
    throw pybind11::value_error("direction is 'upload' or 'download', not '" + name + "'");
}

} // namespace realmsync::bindings
