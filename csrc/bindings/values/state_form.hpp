// Stored objects as Python values in the JSON form of the recorded histories (tests/vectors), for
// tests and inspection. What the SDK shows of objects is made in convert.cpp.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <span>

#include "tables/tables.hpp"

namespace realmsync::bindings {

class StateForm {
  public:
    StateForm(tables::Tables& tables, std::int64_t partition)
        : tables_(tables), partition_(partition), schema_(tables.schema(partition)) {}

    pybind11::object key(const Key& key) const;
    pybind11::dict members(const model::Class& cls, std::span<const model::Value> values) const;
    pybind11::dict state() const; // objects by class, embedded ones inside their owners

  private:
    // `hide`: a link to a missing object shows as null. Lists and sets show such links.
    pybind11::object value(const model::Value& value, const model::Property* property,
                           bool hide) const;
    pybind11::list items(const model::Sequence<model::Value>& values,
                         const model::Property* property) const;
    pybind11::object link(const model::Link& link, bool hide) const;

    tables::Tables& tables_;
    std::int64_t partition_;
    const model::SchemaPtr schema_;
};

} // namespace realmsync::bindings
