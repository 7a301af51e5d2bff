#include "bindings/rules/documents.hpp"

#include <set>

#include "bindings/rules/values.hpp"
#include "query/tree/needs.hpp"
#include "rules/fitting.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

DocumentReader::DocumentReader(const model::Class& cls,
                               std::span<const query::PredicatePtr> predicates)
    : cls_(&cls) {
    std::set<std::size_t> properties;
    for (const query::PredicatePtr& predicate : predicates) {
        const query::Needs needs = query::needs_of(*predicate);
        const auto own = needs.properties.find(cls_);
        if (own != needs.properties.end())
            properties.insert(own->second.begin(), own->second.end());
    }
    for (const std::size_t property : properties) {
        py::str name(cls.properties[property].name);
        PyUnicode_InternInPlace(&name.ptr());
        needed_.push_back({property, std::move(name)});
    }
}

std::vector<model::Value> DocumentReader::read(py::handle document) const {
    py::object as_dict = py::reinterpret_borrow<py::object>(document);
    if (!PyDict_Check(document.ptr()))
        as_dict = py::dict(as_dict);
    std::vector<model::Value> values(needed_.empty() ? 0 : needed_.back().property + 1);
    for (const Needed& needed : needed_) {
        PyObject* value = PyDict_GetItemWithError(as_dict.ptr(), needed.name.ptr());
        if (value == nullptr && PyErr_Occurred())
            throw py::error_already_set();
        const model::Value given =
            value == nullptr ? model::Value() : to_rule_value(value, "the document", Unknown::kept);
        values[needed.property] = rules::stored(given, cls_->properties[needed.property]);
    }
    return values;
}

} // namespace realmsync::bindings
