// QueryLab: queries of a data set in memory, in the form of the recorded ones, asked stage by stage
// without a file and without SQL.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <memory>

#include "bindings/testbed/bind.hpp"
#include "bindings/testbed/recorded_forms.hpp"
#include "bindings/testbed/recorded_world.hpp"
#include "bindings/values/errors.hpp"
#include "query/binding/bind.hpp"
#include "query/evaluation/evaluate.hpp"
#include "query/parsing/parse.hpp"
#include "query/printing/print.hpp"
#include "query/tree/needs.hpp"
#include "query/tree/normal_form.hpp"
#include "query/tree/soundness.hpp"
#include "query/tree/tree_bytes.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

// One bound query.
class LabQuery {
  public:
    LabQuery(std::shared_ptr<RecordedWorld> world, query::Query query)
        : world_(std::move(world)), query_(std::make_shared<query::Query>(std::move(query))) {}

    std::string text() const { return query::print(*query_); }
    py::bytes tree() const { return query::tree_bytes(*query_); }
    std::string unsoundness() const { return query::unsoundness(*query_); }
    py::bytes canonical() const { return query::canonical_bytes(*query_); }

    // Positions of the objects, in the order of the query.
    std::vector<std::size_t> select() const {
        try {
            return query::select(*query_, world_->objects(*query_->cls), *world_);
        } catch (const query::QueryFault& fault) {
            throw_python(fault, text());
        }
    }
    bool matches(std::size_t object) const {
        query::Run run(*world_);
        return query::Evaluator(*query_).matches(world_->objects(*query_->cls).at(object), run);
    }

    LabQuery normalized() const {
        query::Query normal{query_->schema, query_->cls, query::normalize(query_->predicate),
                            query_->clauses, query_->of};
        return {world_, std::move(normal)};
    }
    // What its exact text says.
    LabQuery reread() const;
    std::string exact_text() const { return query::print_exact(*query_).text; }

    // Class to names of properties; classes of backlinks; links and Mixed that are followed.
    py::dict needs() const {
        query::Needs needs = query::needs_of(*query_);
        std::map<std::string, std::set<std::string>> properties;
        for (const auto& [cls, numbers] : needs.properties)
            for (std::size_t number : numbers)
                properties[cls->name].insert(cls->properties[number].name);
        std::set<std::string> backlinks;
        for (const auto& [cls, number] : needs.backlinks)
            backlinks.insert(cls->name + "." + cls->properties[number].name);
        py::dict made;
        made["properties"] = properties;
        made["backlinks"] = backlinks;
        made["follows_links"] = needs.follows_links;
        made["totals_backlinks"] = needs.totals_backlinks;
        made["follows_mixed"] = needs.follows_mixed;
        return made;
    }

  private:
    std::shared_ptr<RecordedWorld> world_;
    query::QueryPtr query_;
};

query::Query bound(const RecordedWorld& world, const model::Class& cls, const std::string& text,
                   std::span<const query::Argument> arguments, query::BindOptions options) {
    try {
        options.full_text = world.full_text();
        query::ParseOptions parsing;
        parsing.is_subscription = options.is_subscription;
        return query::bind(query::parse(text, parsing), world.schema(), cls, arguments, options);
    } catch (const query::QueryFault& fault) {
        throw_python(fault, text);
    }
}

LabQuery LabQuery::reread() const {
    query::ExactText exact = query::print_exact(*query_);
    return {world_, bound(*world_, *query_->cls, exact.text, exact.arguments, {})};
}

class QueryLab {
  public:
    explicit QueryLab(const py::dict& dataset) : world_(std::make_shared<RecordedWorld>(dataset)) {}

    LabQuery bind(const std::string& cls, const std::string& text, const py::list& arguments,
                  const py::list& mapping, bool is_subscription, bool knows_objects) {
        std::vector<query::Argument> given;
        for (py::handle argument : arguments)
            given.push_back(recorded_argument(argument.cast<py::dict>(), *world_->schema()));
        query::KeyPathMapping names = recorded_mapping(mapping);
        query::BindOptions options;
        options.mapping = &names;
        options.is_subscription = is_subscription;
        if (knows_objects)
            options.exists = [this](const model::Class& of, const Key& key) {
                return world_->target(of, key) != nullptr;
            };
        return {world_, bound(*world_, world_->class_named(cls), text, given, options)};
    }

  private:
    std::shared_ptr<RecordedWorld> world_;
};

} // namespace

void bind_query_lab(py::module_& m) {
    py::class_<LabQuery>(m, "LabQuery")
        .def_property_readonly("text", &LabQuery::text)
        .def_property_readonly("exact_text", &LabQuery::exact_text)
        .def_property_readonly("tree", &LabQuery::tree)
        .def_property_readonly("unsoundness", &LabQuery::unsoundness)
        .def_property_readonly("canonical", &LabQuery::canonical)
        .def("select", &LabQuery::select)
        .def("matches", &LabQuery::matches, py::arg("object"))
        .def("normalized", &LabQuery::normalized)
        .def("reread", &LabQuery::reread)
        .def("needs", &LabQuery::needs);
    py::class_<QueryLab>(m, "QueryLab")
        .def(py::init<const py::dict&>(), py::arg("dataset"))
        .def("bind", &QueryLab::bind, py::arg("cls"), py::arg("text"),
             py::arg("arguments") = py::list(), py::arg("mapping") = py::list(),
             py::arg("is_subscription") = false, py::arg("knows_objects") = true);
}

} // namespace realmsync::bindings::testbed
