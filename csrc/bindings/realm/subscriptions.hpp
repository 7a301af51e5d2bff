// Registration of subscription sets.
#pragma once

#include <pybind11/pybind11.h>

namespace realmsync::bindings {

void bind_subscription_sets(pybind11::module_& m); // after the classes of realm.cpp

} // namespace realmsync::bindings
