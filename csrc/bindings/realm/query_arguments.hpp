// Arguments of queries: values, lists of them, objects, and regions of the Earth as the tuples that
// realmsync/geo.py makes.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "bindings/realm/realm_handle.hpp"
#include "query/binding/bind.hpp"

namespace realmsync::bindings {

// TypeError for what no property can hold, and for objects of another realm.
std::vector<query::Argument> to_arguments(const RealmHandle& handle, const pybind11::list& given);

// Entries (class, property, path) and (class, alias).
query::KeyPathMapping to_mapping_of_paths(const pybind11::list& given);

} // namespace realmsync::bindings
