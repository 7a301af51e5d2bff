// Declared defaults (data-model.md 5.5), looked at before a file is touched.
#include "bindings/realm/given_values.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

void require_element(const DeclaredProperty& p, py::handle value, const Where& where) {
    if (value.is_none()) {
        if (!p.nullable)
            not_nullable(where);
    } else if (p.type == Type::link) {
        if (!is_managed(value))
            to_mapping(value, where);
    } else if (p.type != kMixed || mixed_shape(value, where) == Shape::scalar) {
        Scratch scratch;
        to_scalar(value, p.type, where, scratch);
    }
}

} // namespace

void require_default(const DeclaredProperty& p, const std::string& cls) {
    const py::object& value = p.default_value;
    const Where where{cls, p.label};
    if (PyCallable_Check(value.ptr())) // what it gives is looked at when it is called
        return;
    if (p.collection == Collection::single)
        return require_element(p, value, where);
    if (PyIter_Check(value.ptr()))
        raise_python("PropertyTypeError",
                     where.text() + ": an iterator has its elements once; give a function");
    if (p.collection == Collection::dictionary) {
        const py::dict values = to_mapping(value, where);
        for (auto [key, element] : values)
            require_element(p, element, where.at(dictionary_key(key, where)));
        return;
    }
    const bool is_list = p.collection == Collection::list;
    std::size_t number = 0;
    for (py::handle element : to_elements(value, where, is_list ? "a list" : "a set"))
        require_element(p, element, where.at(number++));
}

} // namespace realmsync::bindings
