// Registers everything in realmsync._core, and nothing else.
#include <pybind11/pybind11.h>

#include "bindings/bind.hpp"

PYBIND11_MODULE(_core, m) {
    m.doc() = "Native core of realmsync.";
    realmsync::bindings::bind_errors(m);
    realmsync::bindings::bind_client(m);
    realmsync::bindings::bind_changeset(m);
    realmsync::bindings::bind_merge(m);
    realmsync::bindings::bind_store(m);
    realmsync::bindings::bind_arrow(m);
    realmsync::bindings::bind_realm(m);
    realmsync::bindings::bind_server(m);
    realmsync::bindings::bind_wire(m);
    realmsync::bindings::bind_partition(m);
}
