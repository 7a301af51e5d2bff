// Registers everything in realmsync._testbed: what only tests and benchmarks use. It is a second
// module in the library of realmsync._core (setup.py), so both share their types, and functions
// here take objects of the product. Wheels are built without it.
#include <pybind11/pybind11.h>

#include "bindings/testbed/bind.hpp"

namespace testbed = realmsync::bindings::testbed;

PYBIND11_MODULE(_testbed, m) {
    m.doc() = "What tests and benchmarks need of the core beyond the product.";
    pybind11::module_::import("realmsync._core"); // registers the types that these take and give
    testbed::bind_admission(m);
    testbed::bind_commit_group(m);
    testbed::bind_engines(m);
    testbed::bind_merge(m);
    testbed::bind_partitions(m);
    testbed::bind_query_parts(m);
    testbed::bind_query_lab(m);
    testbed::bind_query_rows(m);
    testbed::bind_query_syntax(m);
    testbed::bind_realm_file(m);
    testbed::bind_regions(m);
    testbed::bind_scratch_store(m);
    testbed::bind_storage(m);
    testbed::bind_rules(m);
    testbed::bind_text_search(m);
    testbed::bind_views(m);
    testbed::bind_writer_queue(m);
    testbed::bind_job_queue(m);
}
