// Queries over the rows of a realm file: what the two evaluators select, and how SQLite finds it.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/realm/query.hpp"
#include "bindings/testbed/bind.hpp"
#include "query/sql/sql.hpp"
#include "query/tree/normal_form.hpp"
#include "tables/select.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

py::list select_by_evaluator(RealmHandle& handle, const CompiledQuery& query) {
    py::list result;
    handle.file()->read([&](realm::RealmConnection& c) {
        const auto compiled = query.compiled(c.tables, c.tables.schema());
        const model::KeyList keys =
            tables::select(c.tables, tables::kOnlyPartition, *compiled, tables::Means::evaluator);
        for (std::size_t i = 0; i < keys.size(); ++i)
            result.append(from_key(keys.at(i)));
    });
    return result;
}

py::bytes canonical_query(RealmHandle& handle, const CompiledQuery& query) {
    std::string bytes;
    handle.file()->read([&](realm::RealmConnection& c) {
        bytes = query::canonical_bytes(*query.compiled(c.tables, c.tables.schema()));
    });
    return bytes;
}

std::string query_statement(RealmHandle& handle, const CompiledQuery& query) {
    std::string sql;
    handle.file()->read([&](realm::RealmConnection& c) {
        sql = tables::statement(c.tables, *query.compiled(c.tables, c.tables.schema()));
    });
    return sql;
}

std::vector<std::string> explain_query(RealmHandle& handle, const CompiledQuery& query) {
    std::vector<std::string> steps;
    handle.file()->read([&](realm::RealmConnection& c) {
        steps = tables::explain(c.tables, *query.compiled(c.tables, c.tables.schema()));
    });
    return steps;
}

std::pair<std::string, std::size_t> postgresql_condition(RealmHandle& handle,
                                                         const CompiledQuery& query) {
    std::pair<std::string, std::size_t> made;
    handle.file()->read([&](realm::RealmConnection& c) {
        const auto compiled = query.compiled(c.tables, c.tables.schema());
        const query::SqlCondition condition =
            query::to_sql(compiled->predicate, {query::Dialect::postgresql, false});
        made = {condition.text, condition.residual.size()};
    });
    return made;
}

} // namespace

void bind_query_rows(py::module_& m) {
    m.def("select_by_evaluator", &select_by_evaluator, py::arg("handle"), py::arg("query"));
    m.def("canonical_query", &canonical_query, py::arg("handle"), py::arg("query"));
    m.def("query_statement", &query_statement, py::arg("handle"), py::arg("query"));
    m.def("postgresql_condition", &postgresql_condition, py::arg("handle"), py::arg("query"));
    m.def("explain_query", &explain_query, py::arg("handle"), py::arg("query"));
}

} // namespace realmsync::bindings::testbed
