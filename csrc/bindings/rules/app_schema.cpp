#include "bindings/rules/app_schema.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "bindings/bind.hpp"
#include "bindings/values/class_words.hpp"
#include "bindings/values/convert.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using Text = std::optional<std::string>;
using PropertyForm = std::tuple<std::string, std::string, bool, Text, Text>;
using ClassForm = std::tuple<std::string, std::string, Text, py::sequence>;

[[noreturn]] void refuse(const std::string& why) { raise_python("SchemaValidationError", why); }

template <class T, std::size_t n>
T named(const std::pair<std::string_view, T> (&words)[n], const std::string& name,
        const std::string& of) {
    const T* found = meaning_of(words, name);
    if (found == nullptr)
        refuse(of + ": unknown word '" + name + "'");
    return *found;
}

model::Property property_of(const PropertyForm& form, const std::string& cls) {
    const auto& [name, type, nullable, collection, target] = form;
    const std::string of = cls + "." + name;
    if (name.empty() || name.size() > model::kMaxPropertyName)
        refuse(of + ": a property's name has 1 to " + std::to_string(model::kMaxPropertyName) +
               " bytes");
    model::Property property;
    property.name = name;
    property.type = named(kTypeWords, type, of);
    property.nullable = nullable;
    if (collection)
        property.collection = named(kCollectionWords, *collection, of);
    if ((property.type == Type::link) != target.has_value())
        refuse(of + ": links and embedded objects have a target, and nothing else has");
    property.target = target.value_or("");
    property.target_embedded = type == "embedded";
    return property;
}

// A primary key is the first property.
void set_key(model::Class& cls, const std::string& name) {
    auto found = std::find_if(cls.properties.begin(), cls.properties.end(),
                              [&](const model::Property& p) { return p.name == name; });
    const bool is_key = found != cls.properties.end() && found->collection == Collection::single &&
                        (found->type == Type::integer || found->type == Type::string ||
                         found->type == Type::object_id || found->type == Type::uuid);
    if (!is_key)
        refuse(cls.name + ": '" + name + "' can be no primary key");
    std::rotate(cls.properties.begin(), found, found + 1);
    cls.has_key_property = true;
    cls.key_type = cls.properties[0].type;
    cls.key_nullable = cls.properties[0].nullable;
}

std::shared_ptr<model::Class> class_of(const ClassForm& form) {
    const auto& [name, kind, key, properties] = form;
    if (name.empty() || name.size() > model::kMaxClassName)
        refuse("'" + name + "': a class's name has 1 to " + std::to_string(model::kMaxClassName) +
               " bytes");
    if (py::len(properties) > model::kMaxProperties)
        refuse(name + " has too many properties");
    auto cls = std::make_shared<model::Class>();
    cls->name = name;
    cls->kind = named(kKindWords, kind, name);
    for (py::handle property : properties)
        cls->properties.push_back(property_of(property.cast<PropertyForm>(), name));
    if (key)
        set_key(*cls, *key);
    else if (!cls->embedded())
        cls->key_type = Type::global_key;
    cls->index();
    for (std::size_t i = 0; i < cls->properties.size(); ++i)
        if (cls->find(cls->properties[i].name) != i)
            refuse(name + "." + cls->properties[i].name + " is declared twice");
    return cls;
}

} // namespace

AppSchema::AppSchema(const py::sequence& classes) {
    std::map<std::string, std::shared_ptr<model::Class>> made;
    for (py::handle form : classes) {
        std::shared_ptr<model::Class> cls = class_of(form.cast<ClassForm>());
        const std::string name = cls->name;
        if (!made.emplace(name, std::move(cls)).second)
            refuse("the class " + name + " is declared twice");
    }
    auto schema = std::make_shared<model::Schema>();
    for (const auto& [name, cls] : made) {
        for (model::Property& property : cls->properties) {
            if (property.type != Type::link)
                continue;
            auto target = made.find(property.target);
            if (target == made.end() || target->second->embedded() != property.target_embedded)
                refuse(name + "." + property.name + " leads to no class of its kind");
            property.target_key_type = target->second->key_type;
        }
        schema->classes.emplace(name, cls);
    }
    schema_ = std::move(schema);
}

const model::Class& AppSchema::class_named(const std::string& name) const {
    const model::Class* cls = schema_->find(name);
    if (cls == nullptr)
        throw py::key_error(name);
    return *cls;
}

void bind_app_schema(py::module_& m) {
    py::class_<AppSchema>(m, "AppSchema")
        .def(py::init<const py::sequence&>(), py::arg("classes"))
        .def_property_readonly("classes", [](const AppSchema& schema) {
            std::vector<std::string> names;
            for (const auto& [name, cls] : schema.schema()->classes)
                names.push_back(name);
            return names;
        });
}

} // namespace realmsync::bindings
