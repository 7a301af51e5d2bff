// Registration of FileCopy, which copies a realm file.
#pragma once

#include <pybind11/pybind11.h>

namespace realmsync::bindings {

void bind_file_copy(pybind11::module_& m);

} // namespace realmsync::bindings
