// The classes of an application, as its configuration declares them (realmsync/apps/model.py), for
// rules that speak of their properties (app-configuration.md 7.3, 7.4). No file holds them, so they
// have no names in SQL.
#pragma once

#include <pybind11/pybind11.h>

#include "model/schema.hpp"

namespace realmsync::bindings {

class AppSchema {
  public:
    // Of each class name, kind, primary key or None, and properties: name, type, nullable,
    // collection or None, target or None. Raises SchemaValidationError.
    explicit AppSchema(const pybind11::sequence& classes);

    const model::SchemaPtr& schema() const { return schema_; }
    const model::Class& class_named(const std::string& name) const; // or KeyError

  private:
    model::SchemaPtr schema_;
};

} // namespace realmsync::bindings
