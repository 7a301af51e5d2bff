// What a user may do with the objects of a class, asked with documents.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <set>

#include "bindings/bind.hpp"
#include "bindings/rules/app_schema.hpp"
#include "bindings/rules/documents.hpp"
#include "bindings/rules/values.hpp"
#include "query/printing/print.hpp"
#include "rules/rights.hpp"

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

py::object entry(const py::dict& form, const char* key) {
    return form.contains(key) ? py::object(form[key]) : py::object(py::none());
}

std::optional<Expression> optional_filter(const py::object& value) {
    return value.is_none() ? std::nullopt : std::optional(filter_of(value));
}

rules::Role role_of(const py::dict& form) {
    static const std::set<std::string> kKeys = {"read_filter", "write_filter",     "read",
                                                "write",       "insert",           "delete",
                                                "fields",      "additional_fields"};
    for (const auto& [key, value] : form)
        if (!kKeys.contains(key.cast<std::string>()))
            throw py::value_error("a role has no '" + key.cast<std::string>() + "'");
    const py::object read_filter = entry(form, "read_filter");
    const py::object write_filter = entry(form, "write_filter");
    if (read_filter.is_none() || write_filter.is_none())
        throw py::value_error("a role needs both filters");
    rules::Role role{filter_of(read_filter),
                     filter_of(write_filter),
                     flag_of(entry(form, "read")),
                     flag_of(entry(form, "write")),
                     optional_filter(entry(form, "insert")),
                     optional_filter(entry(form, "delete")),
                     {},
                     field_right(entry(form, "additional_fields"))};
    if (const py::object fields = entry(form, "fields"); !fields.is_none())
        for (const auto& [name, right] : fields.cast<py::dict>())
            role.fields.emplace(name.cast<std::string>(), field_right(right));
    return role;
}

template <class Task> auto asked(Task task) {
    NoObjects objects;
    query::Run run(objects);
    try {
        return task(run);
    } catch (const query::QueryFault& fault) {
        raise_expression_error(fault.what(), false);
    }
}

class RightsHandle {
  public:
    RightsHandle(const AppSchema& schema, const std::string& cls, const py::object& role,
                 const rules::Context& context)
        : RightsHandle(schema.schema(), schema.class_named(cls), role, context) {}

    RightsHandle(const model::SchemaPtr& schema, const model::Class& cls, const py::object& role,
                 const rules::Context& context)
        : rights_(made(schema, cls, role, context)), reader_(cls, rights_.filters()) {}

    const rules::ClassRights& rights() const { return rights_; }

    rules::ObjectRights on(py::handle document) const {
        return asked([&](query::Run& run) {
            const std::vector<model::Value> values = reader_.read(document);
            return rights_.on(reader_.image(values), run);
        });
    }
    bool may_insert(py::handle document) const {
        return asked([&](query::Run& run) {
            const std::vector<model::Value> values = reader_.read(document);
            return rights_.may_insert(reader_.image(values), run);
        });
    }
    bool may_delete(py::handle document) const {
        return asked([&](query::Run& run) {
            const std::vector<model::Value> values = reader_.read(document);
            return rights_.may_delete(reader_.image(values), run);
        });
    }
    bool may_update(py::handle before, py::handle after,
                    const std::vector<std::string>& changed) const {
        const model::Class& cls = rights_.cls();
        std::vector<std::size_t> properties;
        for (const std::string& name : changed) {
            properties.push_back(cls.find(name));
            if (properties.back() == model::Class::npos)
                throw py::key_error(cls.name + "." + name);
        }
        return asked([&](query::Run& run) {
            const std::vector<model::Value> old = reader_.read(before);
            const std::vector<model::Value> changed_to = reader_.read(after);
            return rights_.may_update(reader_.image(old), reader_.image(changed_to), properties,
                                      run);
        });
    }
    std::vector<std::string> names(const std::vector<bool>& flags) const {
        std::vector<std::string> names;
        for (std::size_t i = 0; i < flags.size(); ++i)
            if (flags[i])
                names.push_back(rights_.cls().properties[i].name);
        return names;
    }

  private:
    static rules::ClassRights made(const model::SchemaPtr& schema, const model::Class& cls,
                                   const py::object& role, const rules::Context& context) {
        if (role.is_none())
            return {nullptr, context, schema, cls};
        const rules::Role given = role_of(role.cast<py::dict>());
        return {&given, context, schema, cls};
    }

    rules::ClassRights rights_;
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

std::string digest(const RightsHandle& handle) {
    const std::string& identity = handle.rights().identity();
    return py::module_::import("hashlib")
        .attr("sha256")(py::bytes(identity))
        .attr("hexdigest")()
        .cast<std::string>();
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
        .def(py::init<const AppSchema&, const std::string&, const py::object&,
                      const rules::Context&>(),
             py::arg("schema"), py::arg("cls"), py::arg("role"), py::arg("context"))
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
        .def_property_readonly(
            "read_text", [](const Handle& h) { return query::print(*h.rights().read_filter()); })
        .def_property_readonly(
            "write_text", [](const Handle& h) { return query::print(*h.rights().write_filter()); })
        .def_property_readonly("digest", &digest);
}

} // namespace realmsync::bindings
