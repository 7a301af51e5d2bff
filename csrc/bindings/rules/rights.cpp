// Roles, those of a session, and what a user may do with the objects of a class, asked with
// documents.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <memory>

#include "bindings/bind.hpp"
#include "bindings/rules/app_schema.hpp"
#include "bindings/rules/documents.hpp"
#include "bindings/rules/values.hpp"
#include "query/printing/print.hpp"
#include "rules/rights.hpp"
#include "rules/session_roles.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using rules::Expression;

Expression filter_of(py::handle value) {
    if (py::isinstance<Expression>(value))
        return value.cast<const Expression&>();
    return Expression(to_rule_value(value, "the filter", Unknown::refused), rules::Use::filter);
}

std::optional<bool> flag_of(py::handle value) {
    if (value.is_none())
        return std::nullopt;
    if (!PyBool_Check(value.ptr()))
        throw py::type_error("a right of a role is True, False or None");
    return value.ptr() == Py_True;
}

rules::FieldRight field_right(py::handle value) {
    if (value.is_none())
        return {};
    const auto pair = value.cast<std::pair<py::object, py::object>>();
    return {flag_of(pair.first), flag_of(pair.second)};
}

std::optional<Expression> optional_filter(const py::object& value) {
    return value.is_none() ? std::nullopt : std::optional(filter_of(value));
}

using RolePtr = std::shared_ptr<rules::Role>;

RolePtr make_role(py::handle read_filter, py::handle write_filter, py::handle read,
                  py::handle write, const py::object& insert, const py::object& erase,
                  const std::map<std::string, py::object>& fields,
                  const py::object& additional_fields) {
    rules::Role role{filter_of(read_filter),
                     filter_of(write_filter),
                     flag_of(read),
                     flag_of(write),
                     optional_filter(insert),
                     optional_filter(erase),
                     {},
                     field_right(additional_fields)};
    for (const auto& [name, right] : fields)
        role.fields.emplace(name, field_right(right));
    return std::make_shared<rules::Role>(std::move(role));
}

template <class Task> auto asked(Task task) {
    query::NoObjects objects;
    query::Run run(objects);
    try {
        return task(run);
    } catch (const query::QueryFault& fault) {
        raise_expression_error(fault.what(), false);
    }
}

class RightsHandle {
  public:
    explicit RightsHandle(std::shared_ptr<const rules::ClassRights> rights)
        : rights_(std::move(rights)), reader_(rights_->cls(), rights_->filters()) {}

    const rules::ClassRights& rights() const { return *rights_; }

    rules::ObjectRights on(py::handle document) const {
        return asked([&](query::Run& run) {
            const std::vector<model::Value> values = reader_.read(document);
            return rights_->on(reader_.image(values), run);
        });
    }
    bool may_insert(py::handle document) const {
        return asked([&](query::Run& run) {
            const std::vector<model::Value> values = reader_.read(document);
            return rights_->may_insert(reader_.image(values), run);
        });
    }
    bool may_delete(py::handle document) const {
        return asked([&](query::Run& run) {
            const std::vector<model::Value> values = reader_.read(document);
            return rights_->may_delete(reader_.image(values), run);
        });
    }
    bool may_update(py::handle before, py::handle after,
                    const std::vector<std::string>& changed) const {
        const model::Class& cls = rights_->cls();
        std::vector<std::size_t> properties;
        for (const std::string& name : changed) {
            properties.push_back(cls.find(name));
            if (properties.back() == model::Class::npos)
                throw py::key_error(cls.name + "." + name);
        }
        return asked([&](query::Run& run) {
            const std::vector<model::Value> old = reader_.read(before);
            const std::vector<model::Value> changed_to = reader_.read(after);
            return rights_->may_update(reader_.image(old), reader_.image(changed_to), properties,
                                       run);
        });
    }
    std::vector<std::string> names(const std::vector<bool>& flags) const {
        std::vector<std::string> names;
        for (std::size_t i = 0; i < flags.size(); ++i)
            if (flags[i])
                names.push_back(rights_->cls().properties[i].name);
        return names;
    }

    // What views show of every object and, by the text of a predicate, besides of some.
    std::map<std::string, std::vector<std::string>> shown() const {
        std::map<std::string, std::vector<std::string>> shown;
        shown[query::print(*rights_->view())] = names(rights_->shown());
        for (const rules::Sight& sight : rights_->shown_of_some())
            shown[query::print(*sight.of)] = names(sight.fields);
        return shown;
    }
    std::vector<std::string> names(const rules::Fields& fields) const {
        std::vector<std::string> names;
        for (const model::Property& property : rights_->cls().properties)
            if (fields.contains(property.name))
                names.push_back(property.name);
        return names;
    }

  private:
    std::shared_ptr<const rules::ClassRights> rights_;
    DocumentReader reader_;
};

// With the names of the class.
struct NamedRights {
    std::shared_ptr<RightsHandle> of;
    rules::ObjectRights rights;
};

NamedRights rights_on(const std::shared_ptr<RightsHandle>& handle, py::handle document) {
    return {handle, handle->on(document)};
}

std::string digest(const std::string& identity) {
    return py::module_::import("hashlib")
        .attr("sha256")(py::bytes(identity))
        .attr("hexdigest")()
        .cast<std::string>();
}

std::shared_ptr<RightsHandle> rights_in(const AppSchema& schema, const std::string& cls,
                                        const rules::Role* role, const rules::Context& context) {
    return std::make_shared<RightsHandle>(std::make_shared<const rules::ClassRights>(
        role, context, schema.schema(), schema.class_named(cls)));
}

using SessionRoles = rules::SessionRoles;

rules::Extent extent_of(bool can_write) {
    return can_write ? rules::Extent::all : rules::Extent::reading;
}

std::shared_ptr<SessionRoles> make_session_roles(const std::map<std::string, RolePtr>& roles,
                                                 const RolePtr& otherwise,
                                                 const std::shared_ptr<rules::Context>& context,
                                                 bool can_write) {
    return std::make_shared<SessionRoles>(rules::RolesByClass(roles.begin(), roles.end()),
                                          otherwise, context, extent_of(can_write));
}

std::shared_ptr<RightsHandle> rights_of(const SessionRoles& roles, const AppSchema& schema,
                                        const std::string& cls) {
    const auto rights = roles.rights(schema.schema(), cls);
    return rights == nullptr ? rights_in(schema, cls, nullptr, {})
                             : std::make_shared<RightsHandle>(rights);
}

void bind_session_roles(py::module_& m) {
    py::class_<rules::Role, RolePtr>(m, "Role").def(
        py::init(&make_role), py::kw_only(), py::arg("read_filter"), py::arg("write_filter"),
        py::arg("read") = py::none(), py::arg("write") = py::none(), py::arg("insert") = py::none(),
        py::arg("delete") = py::none(), py::arg("fields") = py::dict(),
        py::arg("additional_fields") = py::none());
    py::class_<SessionRoles, std::shared_ptr<SessionRoles>>(m, "SessionRoles")
        .def(py::init(&make_session_roles), py::arg("roles"), py::arg("otherwise"),
             py::arg("context"), py::kw_only(), py::arg("can_write") = true)
        .def_static(
            "everything",
            [](bool can_write) {
                return std::const_pointer_cast<SessionRoles>(
                    SessionRoles::everything(extent_of(can_write)));
            },
            py::kw_only(), py::arg("can_write") = true)
        .def("rights", &rights_of, py::arg("schema"), py::arg("cls"))
        .def_property_readonly("too_large", &SessionRoles::too_large)
        .def_property_readonly("digest",
                               [](const SessionRoles& r) { return digest(r.identity()); });
}

void bind_object_rights(py::module_& m) {
    py::class_<NamedRights>(m, "ObjectRights")
        .def_property_readonly("readable",
                               [](const NamedRights& r) { return r.of->names(r.rights.readable); })
        .def_property_readonly("writable",
                               [](const NamedRights& r) { return r.of->names(r.rights.writable); })
        .def_property_readonly("insert", [](const NamedRights& r) { return r.rights.insert; })
        .def_property_readonly("delete", [](const NamedRights& r) { return r.rights.erase; })
        .def_property_readonly("is_visible",
                               [](const NamedRights& r) { return r.rights.is_visible; });
}

} // namespace

void bind_rights(py::module_& m) {
    using Handle = RightsHandle;
    bind_object_rights(m);
    py::class_<Handle, std::shared_ptr<Handle>>(m, "ClassRights")
        .def(py::init(&rights_in), py::arg("schema"), py::arg("cls"), py::arg("role"),
             py::arg("context"))
        .def("rights_on", &rights_on, py::arg("document"))
        .def("may_insert", &Handle::may_insert, py::arg("document"))
        .def("may_update", &Handle::may_update, py::arg("before"), py::arg("after"),
             py::arg("changed"))
        .def("may_delete", &Handle::may_delete, py::arg("document"))
        .def_property_readonly("readable",
                               [](const Handle& h) { return h.names(h.rights().readable()); })
        .def_property_readonly("writable",
                               [](const Handle& h) { return h.names(h.rights().writable()); })
        .def_property_readonly("view_text",
                               [](const Handle& h) { return query::print(*h.rights().view()); })
        .def_property_readonly("shown", &Handle::shown)
        .def_property_readonly(
            "read_text", [](const Handle& h) { return query::print(*h.rights().read_filter()); })
        .def_property_readonly(
            "write_text", [](const Handle& h) { return query::print(*h.rights().write_filter()); })
        .def_property_readonly("digest",
                               [](const Handle& h) { return digest(h.rights().identity()); });
    bind_session_roles(m);
}

} // namespace realmsync::bindings
