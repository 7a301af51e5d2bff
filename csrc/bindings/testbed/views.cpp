// ViewLab: query sets over a data set in memory, and which of them its objects concern; and the
// pure parts of flexible sync that need no objects.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <memory>

#include "bindings/testbed/bind.hpp"
#include "bindings/testbed/recorded_world.hpp"
#include "bindings/values/errors.hpp"
#include "changeset/codec.hpp"
#include "rules/session_roles.hpp"
#include "views/fold.hpp"
#include "views/query_set.hpp"
#include "views/touched.hpp"
#include "views/view.hpp"
#include "views/view_index.hpp"
#include "wire/query_body.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

class ViewLab {
  public:
    ViewLab(const py::dict& dataset, const std::optional<std::vector<std::string>>& queryable)
        : world_(std::make_shared<RecordedWorld>(dataset)) {
        fields_.takes_all = !queryable;
        if (queryable)
            fields_.of_all.insert(queryable->begin(), queryable->end());
    }

    // What a QUERY with this body comes to: the bytes of its meaning and the fields that
    // development mode has discovered; ValueError with the text of QUERY_ERROR.
    py::tuple understand(const py::bytes& body) const {
        const views::QuerySet set = read(body);
        return py::make_tuple(py::bytes(set.canonical_bytes()), set.discovered);
    }
    // The number of its group.
    std::uint64_t take(const py::bytes& body, bool is_stored) {
        const auto roles = rules::SessionRoles::everything();
        views::View view(world_->schema(), read(body), *roles);
        if (is_stored)
            view = views::View(world_->schema(), view.bytes());
        auto group = index_.take(std::make_shared<const views::View>(std::move(view)));
        const std::uint64_t number = group->number;
        held_.emplace(number, std::move(group));
        return number;
    }
    void give_back(std::uint64_t group) { held_.erase(held_.find(group)); } // once
    std::vector<std::uint64_t> groups() const { return numbers_of(index_.groups()); }

    std::vector<std::uint64_t> groups_of(const std::string& cls, std::size_t object) {
        query::Run run(*world_);
        return numbers_of(
            index_.groups_of(world_->objects(world_->class_named(cls)).at(object), run));
    }
    // Asks for the groups of each object of the class, again and again: how many it found.
    std::size_t probe(const std::string& cls, std::size_t times) {
        query::Run run(*world_);
        std::size_t found = 0;
        for (; times != 0; --times)
            for (const query::Image& object : world_->objects(world_->class_named(cls)))
                found += index_.groups_of(object, run).size();
        return found;
    }
    // Positions of the objects that a group's view has, each asked by itself.
    std::vector<std::size_t> members(std::uint64_t group, const std::string& cls) {
        std::vector<std::size_t> result;
        query::Run run(*world_);
        const views::View& view = *held_.find(group)->second->view;
        const auto& objects = world_->objects(world_->class_named(cls));
        for (std::size_t i = 0; i < objects.size(); ++i)
            if (view.presence(&objects[i], run).is_inside())
                result.push_back(i);
        return result;
    }

  private:
    static std::vector<std::uint64_t> numbers_of(const std::vector<views::ViewGroupPtr>& groups) {
        std::vector<std::uint64_t> numbers;
        for (const views::ViewGroupPtr& group : groups)
            numbers.push_back(group->number);
        return numbers;
    }
    views::QuerySet read(const std::string& body) const {
        auto set = views::read_query_set(body, world_->schema(), fields_);
        if (const auto* refusal = std::get_if<std::string>(&set))
            throw py::value_error(*refusal);
        return std::get<views::QuerySet>(std::move(set));
    }
    std::shared_ptr<RecordedWorld> world_;
    views::QueryableFields fields_;
    views::ViewIndex index_;
    std::multimap<std::uint64_t, views::ViewGroupPtr> held_; // by number
};

// "absent", "outside", or the names of the fields that are shown; the verdict, and of each change
// the fields that are sent as they are, if it is.
py::tuple fold_presences(const std::vector<std::string>& names) {
    std::map<std::string, rules::Fields> fields;
    std::vector<views::Presence> presences;
    for (const std::string& name : names) {
        const auto& known = fields.emplace(name, rules::Fields::only({name})).first->second;
        presences.push_back(name == "absent"    ? views::kAbsent
                            : name == "outside" ? views::kOutside
                                                : views::Presence{true, &known});
    }
    views::Passage passage(presences.front());
    std::vector<std::optional<std::string>> sends;
    for (std::size_t i = 1; i < presences.size(); ++i) {
        passage.pass(presences[i - 1], presences[i]);
        const rules::Fields* shown = views::shown_plainly(presences[i - 1], presences[i]);
        sends.emplace_back();
        if (shown != nullptr)
            sends.back() = *shown->names().begin();
    }
    if (passage.has_crossed())
        sends.clear();
    constexpr const char* kVerdicts[] = {"plain", "leaves", "nothing", "enters"};
    return py::make_tuple(kVerdicts[static_cast<int>(passage.verdict())], sends);
}

changeset::Changeset parsed(const std::string& bytes) {
    return unwrap(changeset::parse(std::make_shared<const std::string>(bytes)));
}

// Of each object its class, its key as text, and the properties that are written.
py::list touched_objects(const py::bytes& bytes) {
    const changeset::Changeset changeset = parsed(bytes);
    const views::Touched touched(changeset);
    py::list result;
    std::vector<std::string_view> names;
    for (std::uint32_t i = 0; i < touched.objects().size(); ++i) {
        const views::TouchedObject& object = touched.objects()[i];
        touched.properties(i, names);
        result.append(py::make_tuple(std::string(object.table), model::to_text(object.key), names));
    }
    return result;
}
py::bytes without_objects(const py::bytes& bytes, const std::vector<std::uint32_t>& dropped) {
    const changeset::Changeset changeset = parsed(bytes);
    const views::Touched touched(changeset);
    std::vector<bool> keeps(touched.objects().size(), true);
    for (const std::uint32_t object : dropped)
        keeps.at(object) = false;
    return changeset::encode(touched.with(keeps));
}

} // namespace

void bind_views(py::module_& m) {
    py::class_<ViewLab>(m, "ViewLab")
        .def(py::init<const py::dict&, const std::optional<std::vector<std::string>>&>(),
             py::arg("dataset"), py::arg("queryable") = py::none())
        .def("understand", &ViewLab::understand, py::arg("body"))
        .def("take", &ViewLab::take, py::arg("body"), py::arg("is_stored") = false)
        .def("give_back", &ViewLab::give_back, py::arg("group"))
        .def_property_readonly("groups", &ViewLab::groups)
        .def("groups_of", &ViewLab::groups_of, py::arg("cls"), py::arg("object"))
        .def("members", &ViewLab::members, py::arg("group"), py::arg("cls"))
        .def("probe", &ViewLab::probe, py::arg("cls"), py::arg("times"));
    m.def("fold_presences", &fold_presences, py::arg("presences"));
    m.def("touched_objects", &touched_objects, py::arg("changeset"));
    m.def("without_objects", &without_objects, py::arg("changeset"), py::arg("dropped"));
    m.def(
        "parse_query_body",
        [](const py::bytes& json) { return unwrap(wire::parse_query_body(std::string(json))); },
        py::arg("json"));
    m.def(
        "format_query_body",
        [](const std::map<std::string, std::set<std::string>>& texts) {
            return py::bytes(wire::format_query_body({texts.begin(), texts.end()}));
        },
        py::arg("texts"));
    m.def(
        "parse_flexible_bind",
        [](const py::bytes& json) {
            const wire::FlexibleBind bind = unwrap(wire::parse_flexible_bind(std::string(json)));
            return py::make_tuple(bind.migrated_partition, bind.schema_version,
                                  bind.is_after_reset);
        },
        py::arg("json"));
    m.def(
        "format_flexible_bind",
        [](const std::optional<std::string>& migrated, std::uint64_t version, bool is_reset) {
            return py::bytes(wire::format_flexible_bind({migrated, version, is_reset}));
        },
        py::arg("migrated_partition"), py::arg("schema_version"), py::arg("is_after_reset"));
}

} // namespace realmsync::bindings::testbed
