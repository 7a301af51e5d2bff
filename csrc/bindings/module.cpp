// Registers everything in realmsync._core, the product, and nothing else. What only tests use is
// registered by testbed/module.cpp.
#include <pybind11/pybind11.h>

#include "bindings/bind.hpp"

namespace bindings = realmsync::bindings;

PYBIND11_MODULE(_core, m) {
    m.doc() = "Native core of realmsync.";
    bindings::bind_errors(m);
    // for realmsync.sync and realmsync.server; client before realm, whose files are its stores
    bindings::bind_client(m);
    bindings::bind_server(m);
    // for realmsync.model
    bindings::bind_arrow(m);
    bindings::bind_realm(m);
    // for realmsync.apps
    bindings::bind_expressions(m);
    bindings::bind_app_schema(m);
    bindings::bind_rights(m);
    bindings::bind_subscriptions(m);
    // for realmsync.inspect
    bindings::bind_changeset(m);
    bindings::bind_merge(m);
    bindings::bind_wire(m);
}
