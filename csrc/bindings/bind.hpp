// Registration functions of the product; module.cpp calls them all. Those of the testbed:
// testbed/bind.hpp.
#pragma once

#include <pybind11/pybind11.h>

namespace realmsync::bindings {

void bind_errors(pybind11::module_& m);
void bind_client(pybind11::module_& m);
void bind_app_schema(pybind11::module_& m);
void bind_changeset(pybind11::module_& m);
void bind_expressions(pybind11::module_& m);
void bind_merge(pybind11::module_& m);
void bind_arrow(pybind11::module_& m);
void bind_realm(pybind11::module_& m);
void bind_rights(pybind11::module_& m);
void bind_server(pybind11::module_& m);
void bind_subscriptions(pybind11::module_& m);
void bind_wire(pybind11::module_& m);

} // namespace realmsync::bindings
