#include "bindings/realm/query.hpp"

#include <pybind11/stl.h>

#include <algorithm>

#include "bindings/realm/place.hpp"
#include "bindings/realm/query_arguments.hpp"
#include "bindings/realm/snapshot.hpp"
#include "bindings/values/errors.hpp"
#include "query/parsing/parse.hpp"
#include "query/printing/print.hpp"
#include "tables/select.hpp"
#include "tables/text_index.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

// Of queries that stand on each other: each is asked, printed and destroyed with those below it.
constexpr std::size_t kMaxDepth = 1000;
// Compiled forms that are kept: the reader and the writer have one schema each.
constexpr std::size_t kMaxForms = 4;

} // namespace

CompiledQuery::CompiledQuery(Asked asked, tables::Tables& tables, const model::SchemaPtr& schema)
    : asked_(std::move(asked)), syntax_(query::parse(asked_.text)),
      depth_(asked_.base ? asked_.base->depth_ + 1 : 1) {
    if (depth_ > kMaxDepth)
        throw query::QueryFault(query::FaultKind::limit, "More than " + std::to_string(kMaxDepth) +
                                                             " queries stand on each other");
    text_ = query::print(*compiled(tables, schema));
}

CompiledQuery::Form CompiledQuery::form(tables::Tables& tables,
                                        const model::SchemaPtr& schema) const {
    const std::int64_t version = tables.db().integer("PRAGMA schema_version").value();
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(compiled_.begin(), compiled_.end(), [&](const Form& form) {
        return form.query->schema == schema && form.tables == version;
    });
    if (found != compiled_.end())
        return *found;
    Form form = compile(tables, schema);
    form.tables = version;
    if (!form.is_lasting)
        return form;
    if (compiled_.size() == kMaxForms)
        compiled_.erase(compiled_.begin());
    compiled_.push_back(form);
    return form;
}

CompiledQuery::Form CompiledQuery::compile(tables::Tables& tables,
                                           const model::SchemaPtr& schema) const {
    const model::Class* cls = schema->find(asked_.cls);
    if (cls == nullptr)
        raise(ErrorKind::schema, "The file has no class '" + asked_.cls + "' any more");
    Form form;
    query::BindOptions options;
    options.mapping = &asked_.mapping;
    options.exists = [&](const model::Class& target, const Key& key) {
        form.is_lasting = false;
        return tables.exists(tables::kOnlyPartition, target, key);
    };
    for (const auto& [name, property] : tables::text_index::list(tables.db()))
        options.full_text.push_back(name + "." + property);
    query::Query bound = query::bind(syntax_, schema, *cls, asked_.arguments, options);
    if (asked_.base) {
        const Form base = asked_.base->form(tables, schema);
        bound.of = base.query;
        form.is_lasting = form.is_lasting && base.is_lasting;
    }
    form.query = std::make_shared<const query::Query>(std::move(bound));
    return form;
}

py::list Selection::page(std::size_t first, std::size_t limit) const {
    const std::size_t begin = std::min(first, keys_.size());
    const std::size_t end = begin + std::min(limit, keys_.size() - begin);
    py::list result;
    for (std::size_t i = begin; i < end; ++i)
        result.append(from_key(keys_.at(i)));
    return result;
}

std::ptrdiff_t Selection::position(py::handle key) const {
    Scratch scratch;
    const std::size_t found = keys_.find(handle_->key_of(cls_, key, scratch));
    return found == model::KeyList::npos ? -1 : static_cast<std::ptrdiff_t>(found);
}

std::shared_ptr<CompiledQuery> RealmHandle::query(int cls, std::shared_ptr<CompiledQuery> base,
                                                  std::string text, const py::list& arguments,
                                                  const py::list& mapping) {
    CompiledQuery::Asked asked{declared(cls).name, std::move(base), std::move(text),
                               to_arguments(*this, arguments), to_mapping_of_paths(mapping)};
    for (const DeclaredClass& c : classes_)
        for (const DeclaredProperty& p : c.properties)
            if (p.label != p.name)
                asked.mapping.properties.push_back({c.name, p.label, p.name});
    const std::string shown = asked.text;
    try {
        return with_snapshot([&](realm::RealmConnection& c, const Resolved& resolved) {
            return std::make_shared<CompiledQuery>(std::move(asked), c.tables, resolved.schema);
        });
    } catch (const query::QueryFault& fault) {
        throw_python(fault, shown);
    }
}

std::shared_ptr<Selection> RealmHandle::select(const std::shared_ptr<CompiledQuery>& query,
                                               const Place* members) {
    struct Found {
        model::KeyList keys;
        sqlite::DataState state;
        std::string cls;
    };
    try {
        // Members are read before; when something was committed in between, once more.
        for (;;) {
            std::optional<sqlite::DataState> before;
            std::optional<model::KeyList> among;
            if (members != nullptr) {
                before = with_tables(
                    [](tables::Tables& tables, const Resolved&) { return tables.db().state(); });
                among = members->members();
            }
            Found found = with_snapshot([&](realm::RealmConnection& c, const Resolved& resolved) {
                const query::QueryPtr compiled = query->compiled(c.tables, resolved.schema);
                const sqlite::DataState state = c.db.state();
                return Found{among ? tables::select_among(c.tables, tables::kOnlyPartition,
                                                          *compiled, *among)
                                   : tables::select(c.tables, tables::kOnlyPartition, *compiled),
                             state, compiled->cls->name};
            });
            if (!before || *before == found.state)
                return std::make_shared<Selection>(shared_from_this(), by_name_.at(found.cls),
                                                   std::move(found.keys), found.state);
        }
    } catch (const query::QueryFault& fault) { // of another schema than it was made for
        throw_python(fault, query->asked_text());
    }
}

bool RealmHandle::is_current(const sqlite::DataState& state) {
    return with_tables(
        [&](tables::Tables& tables, const Resolved&) { return tables.db().state() == state; });
}

void bind_query(py::module_& m) {
    py::class_<CompiledQuery, std::shared_ptr<CompiledQuery>>(m, "Query")
        .def_property_readonly("text", &CompiledQuery::text);
    py::class_<Selection, std::shared_ptr<Selection>>(m, "Selection")
        .def("__len__", &Selection::size)
        .def("keys", &Selection::page, py::arg("first"), py::arg("limit"))
        .def("position", &Selection::position, py::arg("key"))
        .def("is_current", &Selection::is_current)
        .def("aggregate", &Selection::aggregate, py::arg("operation"), py::arg("property"));
}

} // namespace realmsync::bindings
