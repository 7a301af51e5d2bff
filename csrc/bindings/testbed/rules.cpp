// What a filter of rules selects of a realm file, by every way there is to ask its predicate.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/realm/realm_handle.hpp"
#include "bindings/testbed/bind.hpp"
#include "query/binding/bind.hpp"
#include "query/parsing/parse.hpp"
#include "query/printing/print.hpp"
#include "query/tree/normal_form.hpp"
#include "query/tree/soundness.hpp"
#include "rules/filter.hpp"
#include "tables/select.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

py::list keys_of(tables::Tables& tables, const query::Query& query, tables::Means means) {
    py::list result;
    const model::KeyList keys = tables::select(tables, tables::kOnlyPartition, query, means);
    for (std::size_t i = 0; i < keys.size(); ++i)
        result.append(from_key(keys.at(i)));
    return result;
}

// What the exact text of a query says.
query::Query reread(const query::Query& query) {
    const query::ExactText exact = query::print_exact(query);
    return query::bind(query::parse(exact.text), query.schema, *query.cls, exact.arguments);
}

// By evaluator, SQL, normal form and text; and what is unsound about the predicate, if anything.
py::dict ask_rule(RealmHandle& handle, const std::string& cls, const rules::Expression& filter,
                  const rules::Context& context) {
    using tables::Means;
    py::dict result;
    handle.file()->read([&](realm::RealmConnection& c) {
        query::Query query;
        query.schema = c.tables.schema();
        query.cls = query.schema->find(cls);
        query.predicate = rules::expand(filter, context, *query.cls);
        result["unsoundness"] = query::unsoundness(query);
        result["evaluator"] = keys_of(c.tables, query, Means::evaluator);
        result["sql"] = keys_of(c.tables, query, Means::sql);
        result["text"] = keys_of(c.tables, reread(query), Means::evaluator);
        query.predicate = query::normalize(query.predicate);
        result["normal"] = keys_of(c.tables, query, Means::sql);
    });
    return result;
}

} // namespace

void bind_rules(py::module_& m) {
    m.def("ask_rule", &ask_rule, py::arg("handle"), py::arg("cls"), py::arg("filter"),
          py::arg("context"));
}

} // namespace realmsync::bindings::testbed
