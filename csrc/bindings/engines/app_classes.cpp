#include "bindings/engines/app_classes.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/values/class_words.hpp"
#include "changeset/codec.hpp"
#include "changeset/writer.hpp"
#include "model/schema.hpp"
#include "partitions/app_schema.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using PropertyTuple = std::tuple<std::string, std::string, bool, std::optional<std::string>,
                                 std::optional<std::string>>;
using ClassTuple =
    std::tuple<std::string, std::string, std::optional<std::string>, std::vector<PropertyTuple>>;

template <class T, std::size_t n>
T by_name(const std::pair<std::string_view, T> (&words)[n], const std::string& name,
          const char* what) {
    const T* found = meaning_of(words, name);
    if (found == nullptr)
        throw py::value_error(std::string("no ") + what + ": " + name);
    return *found;
}

template <class T, std::size_t n>
std::string name_of(const std::pair<std::string_view, T> (&names)[n], T value) {
    return std::string(
        std::ranges::find(names, value, &std::pair<std::string_view, T>::second)->first);
}

void check_names(const ClassTuple& cls) {
    const auto check = [](const std::string& name, std::size_t limit) {
        if (name.empty() || name.size() > limit)
            throw py::value_error("a class or property with a name that is empty or too long: " +
                                  name.substr(0, 100));
    };
    check(std::get<0>(cls), model::kMaxClassName);
    for (const PropertyTuple& property : std::get<3>(cls))
        check(std::get<0>(property), model::kMaxPropertyName);
}

void add_class(changeset::Writer& writer, const ClassTuple& cls) {
    const auto& [name, kind, key, properties] = cls;
    check_names(cls);
    const TableKind table_kind = by_name(kKindWords, kind, "kind of class");
    if (!key || table_kind == TableKind::embedded)
        return writer.add_table(name, table_kind, "", Type::global_key, false);
    for (const auto& [property, type, nullable, collection, target] : properties)
        if (property == *key && !collection) {
            const Type key_type = by_name(kTypeWords, type, "type");
            if (!changeset::is_primary_key_type(key_type))
                throw py::value_error("no type of primary keys: " + type);
            return writer.add_table(name, table_kind, *key, key_type, nullable);
        }
    throw py::value_error("class " + name + " has no property " + *key);
}

py::tuple to_tuple(const model::Property& property, const model::Schema& schema) {
    const model::Class* target = schema.find(property.target);
    const std::string type = property.type != Type::link
                                 ? name_of(kTypeWords, property.type)
                                 : (target && target->embedded() ? "embedded" : "link");
    const bool is_single = property.collection == Collection::single;
    return py::make_tuple(property.name, type, property.nullable,
                          is_single
                              ? py::none()
                              : py::object(py::str(name_of(kCollectionWords, property.collection))),
                          target ? py::object(py::str(property.target)) : py::none());
}

} // namespace

std::string to_changeset(const py::sequence& classes) {
    const auto tuples = classes.cast<std::vector<ClassTuple>>();
    changeset::Writer writer;
    for (const ClassTuple& cls : tuples)
        add_class(writer, cls);
    for (const auto& [name, kind, key, properties] : tuples)
        for (const auto& [property, type, nullable, collection, target] : properties) {
            if (key && property == *key && !collection)
                continue;
            const Type of = by_name(kTypeWords, type, "type");
            writer.add_column(name, property, of, nullable,
                              collection ? by_name(kCollectionWords, *collection, "collection")
                                         : Collection::single,
                              of == Type::link ? target.value_or("") : "");
        }
    return writer.take();
}

py::list to_classes(const std::string& changeset) {
    const model::Schema schema = partitions::read_schema(changeset);
    py::list classes;
    for (const auto& [name, cls] : schema.classes) {
        py::list properties;
        for (const model::Property& property : cls->properties)
            properties.append(to_tuple(property, schema));
        classes.append(py::make_tuple(
            name, name_of(kKindWords, cls->kind),
            cls->has_key_property ? py::object(py::str(cls->key_name())) : py::none(), properties));
    }
    return classes;
}

} // namespace realmsync::bindings
