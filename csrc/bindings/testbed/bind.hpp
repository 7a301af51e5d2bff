// One registration function per file of the testbed; module.cpp beside it calls them all.
#pragma once

#include <pybind11/pybind11.h>

namespace realmsync::bindings::testbed {

void bind_admission(pybind11::module_& m);
void bind_commit_group(pybind11::module_& m);
void bind_engines(pybind11::module_& m);
void bind_job_queue(pybind11::module_& m);
void bind_merge(pybind11::module_& m);
void bind_partitions(pybind11::module_& m);
void bind_query_parts(pybind11::module_& m);
void bind_query_lab(pybind11::module_& m);
void bind_query_rows(pybind11::module_& m);
void bind_query_syntax(pybind11::module_& m);
void bind_realm_file(pybind11::module_& m);
void bind_regions(pybind11::module_& m);
void bind_rules(pybind11::module_& m);
void bind_scratch_store(pybind11::module_& m);
void bind_storage(pybind11::module_& m);
void bind_text_search(pybind11::module_& m);
void bind_views(pybind11::module_& m);
void bind_writer_queue(pybind11::module_& m);

} // namespace realmsync::bindings::testbed
