#include "bindings/rules/values.hpp"

#include <atomic>

#include "bindings/values/convert.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using model::Value;

constexpr int kMaxDepth = 100;
constexpr std::size_t kMaxItems = 1'000'000;

// Something that is there but is no value of rules: equal to itself alone.
Value unknown_value() {
    static std::atomic<std::int64_t> count{0};
    Key key;
    key.type = Type::integer;
    key.integer = ++count;
    return Value(std::make_unique<model::Link>(model::Link{{}, model::ObjectKey(key)}));
}

class Reading {
  public:
    Reading(const char* what, Unknown unknown) : what_(what), unknown_(unknown) {}

    Value read(py::handle value, int depth = 0) {
        if (depth > kMaxDepth)
            fail("nests deeper than " + std::to_string(kMaxDepth) + " levels");
        if (++items_ > kMaxItems)
            fail("has more than " + std::to_string(kMaxItems) + " values");
        PyObject* v = value.ptr();
        if (v == Py_None)
            return {};
        if (PyDict_Check(v))
            return dictionary(value, depth);
        if (PyList_Check(v) || PyTuple_Check(v))
            return list(value, depth);
        if (PyMapping_Check(v) && py::hasattr(value, "keys"))
            return dictionary(py::dict(py::reinterpret_borrow<py::object>(value)), depth);
        return scalar(value);
    }

  private:
    Value dictionary(py::handle value, int depth) {
        Value result = Value::empty(Type::dictionary);
        auto& items = result.dictionary()->items;
        PyObject *key = nullptr, *item = nullptr;
        Py_ssize_t position = 0;
        while (PyDict_Next(value.ptr(), &position, &key, &item)) {
            if (!PyUnicode_Check(key))
                fail("has a key that is no text");
            items.emplace(key_text(key), read(item, depth + 1));
        }
        return result;
    }

    std::string key_text(py::handle key) const {
        Py_ssize_t size = 0;
        const char* data = PyUnicode_AsUTF8AndSize(key.ptr(), &size);
        if (data == nullptr) {
            PyErr_Clear();
            fail("has a key that is no valid Unicode");
        }
        return {data, static_cast<std::size_t>(size)};
    }

    Value list(py::handle value, int depth) {
        Value result = Value::empty(Type::list);
        const auto items = py::reinterpret_steal<py::object>(PySequence_Fast(value.ptr(), ""));
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.ptr()); ++i)
            result.list()->items.push_back(
                read(PySequence_Fast_GET_ITEM(items.ptr(), i), depth + 1));
        return result;
    }

    Value scalar(py::handle value) {
        if (PyLong_Check(value.ptr()) && !PyBool_Check(value.ptr())) {
            int overflow = 0;
            const long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
            if (overflow == 0)
                return Value(static_cast<std::int64_t>(number));
            return large_number(value);
        }
        if (is_code(value))
            return unknown(value);
        Scratch scratch;
        try {
            return Value(to_scalar(value, kMixed, where_, scratch));
        } catch (py::error_already_set& error) {
            if (!error.matches(PyExc_TypeError) && !error.matches(PyExc_ValueError))
                throw;
            return unknown(value);
        }
    }

    // As JSON's readers elsewhere have it, a double.
    Value large_number(py::handle value) {
        const double number = PyLong_AsDouble(value.ptr());
        if (number == -1.0 && PyErr_Occurred()) {
            PyErr_Clear();
            return unknown(value);
        }
        return Value(number);
    }

    // bson.Code is a kind of str.
    static bool is_code(py::handle value) {
        return PyUnicode_Check(value.ptr()) && !PyUnicode_CheckExact(value.ptr()) &&
               py::hasattr(value, "scope");
    }

    Value unknown(py::handle value) {
        if (unknown_ == Unknown::refused)
            fail(std::string("has a value that rules do not know: ") +
                 Py_TYPE(value.ptr())->tp_name);
        return unknown_value();
    }

    [[noreturn]] void fail(const std::string& why) const {
        raise_expression_error(what_ + " " + why, false);
    }

    const std::string what_;
    const Unknown unknown_;
    const Where where_{what_, kNoProperty};
    std::size_t items_ = 0;
};

} // namespace

model::Value to_rule_value(py::handle value, const char* what, Unknown unknown) {
    return Reading(what, unknown).read(value);
}

py::object from_rule_value(const model::Value& value) {
    if (value.list() != nullptr) {
        py::list result;
        for (const Value& item : value.list()->items)
            result.append(from_rule_value(item));
        return result;
    }
    if (value.dictionary() != nullptr) {
        py::dict result;
        for (const auto& [key, item] : value.dictionary()->items)
            result[py::str(key)] = from_rule_value(item);
        return result;
    }
    return from_value(value, kMixed);
}

void raise_expression_error(const std::string& why, bool is_misplaced) {
    py::object cls = py::module_::import("realmsync.errors").attr("ExpressionError");
    py::object exception = cls(why, is_misplaced);
    PyErr_SetObject(cls.ptr(), exception.ptr());
    throw py::error_already_set();
}

} // namespace realmsync::bindings
