#include "bindings/realm/given_values.hpp"

#include <algorithm>

#include "bindings/realm/place.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

void not_nullable(const Where& where) {
    raise_python("PropertyNotNullableError", where.text() + " is required: None is no value");
}

void too_deep(const Where& where) {
    raise_python("LimitExceededError",
                 where.text() + ": collections are nested deeper than 100 levels");
}

namespace {

// Whether a live collection is in a value, on whatever level of plain lists and dicts.
bool has_live(py::handle value, const Where& where, std::size_t depth = 0) {
    PyObject* v = value.ptr();
    if (PyLong_CheckExact(v) || PyUnicode_CheckExact(v) || PyFloat_CheckExact(v) || v == Py_None)
        return false;
    const bool is_dict = PyDict_Check(v);
    if (!is_dict && !PyList_Check(v) && !PyTuple_Check(v))
        return is_collection(value);
    if (depth > model::kMaxDepth)
        too_deep(where);
    const auto is_live = [&](py::handle item) { return has_live(item, where, depth + 1); };
    if (is_dict) {
        const auto items = py::reinterpret_borrow<py::dict>(value);
        return std::any_of(items.begin(), items.end(),
                           [&](const auto& entry) { return is_live(entry.second); });
    }
    const auto items = py::reinterpret_borrow<py::sequence>(value);
    return std::any_of(items.begin(), items.end(), is_live);
}

// Live collections, in plain ones too, as their present content (data-model.md 12.3), which the
// write may change.
py::object plain(py::handle value) {
    if (is_collection(value))
        return place_of(value).cast<const Place&>().plain();
    if (PyDict_Check(value.ptr())) {
        py::dict copy;
        for (auto [key, item] : py::reinterpret_borrow<py::dict>(value))
            copy[key] = plain(item);
        return copy;
    }
    if (!PyList_Check(value.ptr()) && !PyTuple_Check(value.ptr()))
        return py::reinterpret_borrow<py::object>(value);
    py::list copy;
    for (py::handle item : py::reinterpret_borrow<py::sequence>(value))
        copy.append(plain(item));
    return copy;
}

py::object detached(py::handle value, const Where& where) {
    return has_live(value, where) ? plain(value) : py::reinterpret_borrow<py::object>(value);
}

[[noreturn]] void unknown_property(const DeclaredClass& c, py::handle name) {
    py::dict known;
    for (const DeclaredProperty& p : c.properties)
        known[p.attribute] = p.name;
    const auto no_property = py::module_::import("realmsync.naming").attr("no_property");
    raise_python("InvalidPropertyError", no_property(c.name, name, known).cast<std::string>());
}

} // namespace

py::list to_elements(py::handle given, const Where& where, const char* expected) {
    const py::object value = detached(given, where);
    PyObject* v = value.ptr();
    if (v == Py_None)
        not_nullable(where);
    if (PyUnicode_Check(v) || PyBytes_Check(v) || PyDict_Check(v) ||
        !PyObject_HasAttrString(v, "__iter__"))
        raise_python("PropertyTypeError", "Expected " + where.text() + " to be " + expected +
                                              ", got " + Py_TYPE(v)->tp_name);
    auto list = py::reinterpret_steal<py::object>(PySequence_List(v));
    if (!list)
        throw py::error_already_set();
    return PyList_Check(v) || PyTuple_Check(v) ? list : detached(list, where); // of an iterator
}

py::handle given_value(const py::dict& values, const DeclaredProperty& p) {
    PyObject* value = PyDict_GetItemWithError(values.ptr(), p.attribute.ptr());
    if (!value && PyErr_Occurred())
        throw py::error_already_set();
    return value;
}

void require_properties(const DeclaredClass& c, const py::dict& values, std::size_t found) {
    if (found == values.size())
        return;
    for (auto [name, value] : values) {
        const auto same = [&](const DeclaredProperty& p) { return p.attribute.equal(name); };
        if (std::none_of(c.properties.begin(), c.properties.end(), same))
            unknown_property(c, name);
    }
}

void require_properties(const DeclaredClass& c, const py::dict& values) {
    std::size_t found = 0;
    for (const DeclaredProperty& p : c.properties)
        found += static_cast<bool>(given_value(values, p));
    require_properties(c, values, found);
}

void missing(const DeclaredClass& c, const py::dict& values, const Where& where) {
    require_properties(c, values);
    raise_python("MissingPropertyValueError", "Missing value for property " + where.text());
}

std::optional<py::object> initial_value(const DeclaredClass& c, const DeclaredProperty& p,
                                        const py::dict& values, const Where& where) {
    if (!p.has_default) {
        if (p.collection == Collection::single && !p.nullable)
            missing(c, values, where);
        return std::nullopt;
    }
    py::object value =
        PyCallable_Check(p.default_value.ptr()) ? p.default_value() : p.default_value;
    if (value.is_none() && p.type == Type::link)
        return std::nullopt;
    return value;
}

py::dict to_mapping(py::handle given, const Where& where) {
    const py::object value = detached(given, where);
    if (PyDict_Check(value.ptr()))
        return py::reinterpret_borrow<py::dict>(value);
    if (value.is_none())
        not_nullable(where);
    if (!PyMapping_Check(value.ptr()) || !PyObject_HasAttrString(value.ptr(), "keys"))
        raise_python("PropertyTypeError", "Expected " + where.text() + " to be a mapping, got " +
                                              Py_TYPE(value.ptr())->tp_name);
    return py::dict(py::reinterpret_borrow<py::object>(value));
}

std::string_view dictionary_key(py::handle key, const Where& where) {
    if (!PyUnicode_Check(key.ptr()))
        raise_python("PropertyTypeError", "Expected a key of " + where.text() + " to be str, got " +
                                              Py_TYPE(key.ptr())->tp_name);
    const std::string_view text = utf8(key, where);
    if (text.starts_with('$') || text.find('.') != text.npos)
        raise_python("InvalidDictionaryKeyError", "A key of " + where.text() +
                                                      " may not start with '$' or contain '.': '" +
                                                      std::string(text) + "'");
    return text;
}

} // namespace realmsync::bindings
