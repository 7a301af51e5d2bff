// Classes, values and arguments in the form of the recorded queries and their data set
// (tests/vectors/README.md, queries/), as json.load gives it.
#pragma once

#include <pybind11/pybind11.h>

#include "model/schema.hpp"
#include "model/value.hpp"
#include "query/binding/bind.hpp"

namespace realmsync::bindings::testbed {

model::SchemaPtr recorded_schema(const pybind11::list& classes);
// Names of properties with a full-text index, as "Class.property".
std::vector<std::string> recorded_full_text(const pybind11::list& classes);

model::Value recorded_value(const pybind11::dict& form, const model::Schema& schema);
// The properties of an object or embedded object; what the form has not is as in a new object.
std::vector<model::Value> recorded_properties(const pybind11::dict& form, const model::Class& cls,
                                              const model::Schema& schema);
query::Argument recorded_argument(const pybind11::dict& form, const model::Schema& schema);
query::KeyPathMapping recorded_mapping(const pybind11::list& entries);

} // namespace realmsync::bindings::testbed
