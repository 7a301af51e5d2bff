// Queries that clients subscribe to, as the check of realmsync/apps/subscriptions.py wants them.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>

#include "bindings/bind.hpp"
#include "bindings/rules/app_schema.hpp"
#include "bindings/values/errors.hpp"
#include "query/binding/bind.hpp"
#include "query/parsing/parse.hpp"
#include "rules/subscription.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

rules::SubscribedQuery subscribed_query(const AppSchema& schema, const std::string& cls,
                                        const std::string& text) {
    query::ParseOptions parsing;
    parsing.is_subscription = true;
    query::BindOptions binding;
    binding.is_subscription = true;
    try {
        return rules::subscribed(query::bind(query::parse(text, parsing), schema.schema(),
                                             schema.class_named(cls), {}, binding));
    } catch (const query::QueryFault& fault) {
        throw_python(fault, text);
    }
}

} // namespace

void bind_subscriptions(py::module_& m) {
    using rules::SubscribedQuery;
    py::class_<SubscribedQuery>(m, "SubscribedQuery")
        .def(py::init(&subscribed_query), py::arg("schema"), py::arg("cls"), py::arg("text"))
        .def_property_readonly("fields", [](const SubscribedQuery& q) { return q.fields; })
        .def_property_readonly("pinned", [](const SubscribedQuery& q) { return q.pinned; })
        .def_property_readonly("geo_fields", [](const SubscribedQuery& q) { return q.geo_fields; })
        .def_property_readonly("unsupported",
                               [](const SubscribedQuery& q) { return q.unsupported; });
}

} // namespace realmsync::bindings
