// RealmHandle's migrations: what becomes of the file before and after the callback. How objects get
// their new form is tables/schema_rewrite.hpp's; the order of it all is
// realmsync/model/migration.py's.
#include <pybind11/pybind11.h>

#include <deque>

#include "bindings/realm/realm_handle.hpp"
#include "bindings/values/without_gil.hpp"
#include "realm/schema_version.hpp"
#include "tables/schema_rewrite.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

void RealmHandle::rewrite(const tables::Rewriting& what) {
    realm::WriteTransaction& t = transaction();
    recent_.forget();
    writer_current_ = false;
    WithoutGil release;
    t.rewrite(what);
}

void RealmHandle::begin_migration(std::int64_t version) {
    realm::WriteTransaction& t = transaction();
    rewrite({.target = realm::merged(*t.schema(), *declared_, true)});
    add_schema(version);
}

namespace {

[[noreturn]] void refuse(const std::string& what) { raise_python("IllegalOperationError", what); }

// Without the class, or without one of its properties.
model::Schema without(const model::Schema& schema, const std::string& name,
                      const std::string& property = {}) {
    model::Schema result = schema;
    if (property.empty()) {
        result.classes.erase(name);
        return result;
    }
    auto cls = std::make_shared<model::Class>(*schema.find(name));
    std::erase_if(cls->properties, [&](const model::Property& p) { return p.name == property; });
    cls->index();
    result.classes[name] = std::move(cls);
    return result;
}

} // namespace

void RealmHandle::rename_property(int cls, const std::string& from, const std::string& to) {
    const std::string& name = declared(cls).name;
    const model::SchemaPtr schema = transaction().schema();
    const model::Class& actual = *schema->find(name);
    const std::string what = "Cannot rename property '" + name + "." + from + "' to '" + to + "': ";
    const std::size_t source = actual.find(from), target = actual.find(to);
    const model::Class& wanted = *declared_->find(name);
    if (source == model::Class::npos)
        refuse(what + "it does not exist");
    if (wanted.find(from) != model::Class::npos)
        refuse(what + "it is in the new schema, too");
    if (target == model::Class::npos || wanted.find(to) == model::Class::npos)
        refuse(what + "the new schema has no such property");
    const model::Property &was = actual.properties[source], &is = actual.properties[target];
    if (was.type != is.type || was.collection != is.collection || was.target != is.target)
        refuse(what + "they are not of the same type");
    if (was.nullable && !is.nullable)
        refuse(what + "it would change from optional to required");
    rewrite({.target = without(*schema, name, from), .former_names = {{{name, to}, from}}});
}

void RealmHandle::end_migration(const RealmHandle& final, const std::vector<std::string>& deleted,
                                const py::list& keys, bool is_lenient) {
    realm::WriteTransaction& t = transaction();
    tables::Rewriting what{.target = realm::merged(*t.schema(), *final.declared_, false),
                           .is_lenient = is_lenient};
    for (const std::string& name : deleted)
        what.target = without(what.target, name);
    for (const py::handle& entry : keys) {
        const auto [cls, from, to] = entry.cast<std::tuple<int, py::object, py::object>>();
        Scratch scratch;
        model::ObjectKey before(key_of(cls, from, scratch));
        what.keys[declared(cls).name].emplace_back(std::move(before),
                                                   model::ObjectKey(key_of(cls, to, scratch)));
    }
    rewrite(what);
    final.add_to(t);
}

void RealmHandle::delete_class(const std::string& name) {
    const model::SchemaPtr schema = transaction().schema();
    if (schema->find(name) == nullptr)
        raise_python("NoSuchTableError", "The file has no class '" + name + "'");
    rewrite({.target = without(*schema, name)});
}

void RealmHandle::begin_anew() {
    realm::WriteTransaction& t = transaction();
    recent_.forget();
    writer_current_ = false;
    WithoutGil release;
    t.begin_anew();
}

} // namespace realmsync::bindings
