// Events of the engines as Python objects, made by drain() only. What they mean is said beside
// their structs: client/event.hpp, server/event.hpp.
#pragma once

#include <pybind11/pybind11.h>

#include "client/event.hpp"
#include "server/event.hpp"

namespace realmsync::bindings {

pybind11::object to_python(const client::Event& event);
pybind11::object to_python(const server::Event& event);

// Names and tuples that calls give too.
const char* name_of(client::ConnectionState state);
pybind11::tuple call_tuple(const client::Notifiers::Call& call);

} // namespace realmsync::bindings
