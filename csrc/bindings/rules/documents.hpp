// Documents, which are dictionaries of decoded extended JSON, as images that predicates are asked
// of (app-configuration.md 6.3). Only what the predicates look at is converted.
#pragma once

#include <pybind11/pybind11.h>

#include <span>
#include <vector>

#include "model/schema.hpp"
#include "query/tree/tree.hpp"
#include "query/values/no_objects.hpp"

namespace realmsync::bindings {

// What documents of a class are read for. Used with the GIL.
class DocumentReader {
  public:
    DocumentReader(const model::Class& cls, std::span<const query::PredicatePtr> predicates);

    // By property index; short of what no predicate needs. Raises ExpressionError.
    std::vector<model::Value> read(pybind11::handle document) const;

    query::Image image(const std::vector<model::Value>& values) const {
        return {cls_, {}, values.data(), values.size()};
    }

  private:
    struct Needed {
        std::size_t property;
        pybind11::str name;
    };
    const model::Class* cls_;
    std::vector<Needed> needed_;
};

} // namespace realmsync::bindings
