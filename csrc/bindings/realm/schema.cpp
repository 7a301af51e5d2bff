// What a realm declares beside what its file has: comparing them, adding, finding the declared
// classes in what is there now. Which difference asks for what is realm/schema_version.hpp's.
#include <pybind11/pybind11.h>

#include <algorithm>

#include "bindings/realm/realm_handle.hpp"
#include "bindings/values/without_gil.hpp"
#include "realm/schema_version.hpp"
#include "tables/catalog.hpp"
#include "tables/column_index.hpp"
#include "tables/text_index.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

using model::Class;
using realm::SchemaMode;
using realm::SchemaStep;

namespace {

// A declaration as a file would have it, without a place in SQL.
model::SchemaPtr as_schema(const std::vector<DeclaredClass>& classes) {
    model::Schema schema;
    for (const DeclaredClass& declared : classes) {
        auto cls = std::make_shared<Class>();
        cls->name = declared.name;
        cls->kind = declared.kind;
        for (const DeclaredProperty& p : declared.properties)
            cls->properties.push_back({.name = p.name,
                                       .type = p.type,
                                       .collection = p.collection,
                                       .nullable = p.nullable,
                                       .target = p.target,
                                       .target_embedded = p.embedded});
        if (!cls->embedded())
            cls->key_type = Type::global_key;
        if (declared.key >= 0) {
            const auto key = cls->properties.begin() + declared.key;
            std::rotate(cls->properties.begin(), key, key + 1);
            cls->has_key_property = true;
            cls->key_type = cls->properties.front().type;
            cls->key_nullable = cls->properties.front().nullable;
        }
        cls->index();
        schema.classes[cls->name] = std::move(cls);
    }
    return std::make_shared<const model::Schema>(std::move(schema));
}

// Calls `use` with class, property and whether it shall have one for each that does not have the
// full-text index that is declared, or has one that is not.
template <class Use>
void compare_text_indexes(const std::vector<DeclaredClass>& classes,
                          const tables::text_index::Names& existing, const Use& use) {
    for (const auto& cls : classes)
        for (const auto& p : cls.properties)
            if (existing.contains({cls.name, p.name}) != p.has_text_index)
                use(cls.name, p.name, p.has_text_index);
}

// The same of other indexes, where there can be one.
template <class Use>
void compare_column_indexes(const std::vector<DeclaredClass>& classes, const model::Schema& schema,
                            const tables::column_index::Names& existing, const Use& use) {
    for (const auto& cls : classes) {
        const Class* actual = schema.find(cls.name);
        for (const auto& p : cls.properties) {
            const std::size_t at = actual == nullptr ? Class::npos : actual->find(p.name);
            if (at != Class::npos &&
                tables::column_index::is_possible(*actual, actual->properties[at]) &&
                existing.contains({cls.name, p.name}) != p.is_indexed)
                use(cls.name, p.name, p.is_indexed);
        }
    }
}

} // namespace

void RealmHandle::declare(std::vector<DeclaredClass> classes) {
    REALMSYNC_ASSERT(classes_.empty()); // places refer to the declaration
    classes_ = std::move(classes);
    for (std::size_t i = 0; i < classes_.size(); ++i)
        by_name_[classes_[i].name] = static_cast<int>(i);
    for (DeclaredClass& cls : classes_)
        for (DeclaredProperty& property : cls.properties)
            if (auto found = by_name_.find(property.target); found != by_name_.end()) {
                property.target_class = found->second;
                property.embedded = declared(found->second).kind == TableKind::embedded;
            }
    declared_ = as_schema(classes_);
}

void RealmHandle::enter_version(std::optional<std::int64_t> version) {
    std::optional<std::int64_t> other;
    if (!file_->versions().enter(version, other))
        raise_python("MismatchedConfigError", "Realm at path '" + file_->path() +
                                                  "' already opened with different schema " +
                                                  (version && other ? "version." : "mode."));
    version_ = version;
}

void RealmHandle::leave_version() {
    if (version_)
        file_->versions().leave(*std::exchange(version_, std::nullopt));
}

// On the transaction's connection, or else on a reading one: use(connection).
template <class Use> void RealmHandle::with_connection(Use use) {
    require_usable();
    if (in_transaction())
        return use(transaction_->connection());
    WithoutGil release;
    file_->read_briefly(use);
}

std::int64_t RealmHandle::schema_version() {
    std::int64_t version = 0;
    with_connection([&](realm::RealmConnection& c) {
        version = realm::schema_version::find(c.db, *c.tables.schema());
    });
    return version;
}

SchemaStep RealmHandle::schema_step(SchemaMode mode, std::optional<std::int64_t> version) {
    SchemaStep step = SchemaStep::none;
    with_connection([&](realm::RealmConnection& c) {
        const model::SchemaPtr schema = c.tables.schema();
        step = realm::schema_step(*schema, *declared_, mode,
                                  realm::schema_version::find(c.db, *schema), version);
        if (step != SchemaStep::none)
            return;
        const auto differs = [&](const auto&, const auto&, bool) { step = SchemaStep::add; };
        compare_column_indexes(classes_, *schema, tables::column_index::list(c.db, *schema),
                               differs);
        compare_text_indexes(classes_, tables::text_index::list(c.db), differs);
    });
    return step;
}

void RealmHandle::add_schema(std::optional<std::int64_t> version) {
    realm::WriteTransaction& t = transaction();
    add_to(t);
    if (version)
        realm::schema_version::store(t.connection().db, *version);
    writer_current_ = false;
}

// What is declared here, to a transaction of whichever handle.
void RealmHandle::add_to(realm::WriteTransaction& t) const {
    // All classes first, so that links find their targets (changeset-format.md 11.1).
    for (const auto& [name, cls] : declared_->classes)
        t.add_class(name, cls->kind, cls->has_key_property ? cls->key_name() : "", cls->key_type,
                    cls->key_nullable);
    for (const auto& cls : classes_)
        for (std::size_t i = 0; i < cls.properties.size(); ++i)
            if (const auto& p = cls.properties[i]; static_cast<int>(i) != cls.key)
                t.add_property(cls.name, p.name, p.type, p.nullable, p.collection, p.target);
    compare_text_indexes(classes_, tables::text_index::list(t.connection().db),
                         [&](const std::string& cls, const std::string& property, bool wanted) {
                             t.index_text(cls, property, wanted);
                         });
    const model::SchemaPtr schema = t.schema();
    compare_column_indexes(classes_, *schema,
                           tables::column_index::list(t.connection().db, *schema),
                           [&](const std::string& cls, const std::string& property, bool wanted) {
                               t.index_column(cls, property, wanted);
                           });
}

std::vector<DeclaredClass> RealmHandle::file_schema() {
    model::SchemaPtr schema;
    tables::text_index::Names full_text;
    tables::column_index::Names indexed;
    {
        WithoutGil release;
        file_->read_briefly([&](realm::RealmConnection& c) {
            schema = c.tables.schema();
            full_text = tables::text_index::list(c.db);
            indexed = tables::column_index::list(c.db, *schema);
        });
    }
    std::vector<DeclaredClass> classes;
    for (const auto& [name, actual] : schema->classes) {
        DeclaredClass cls{name, actual->kind, actual->has_key_property ? 0 : -1};
        for (const auto& p : actual->properties)
            cls.properties.emplace_back(p.name, p.name, p.type, p.collection, p.nullable, p.target,
                                        false, py::object(), full_text.contains({name, p.name}),
                                        indexed.contains({name, p.name}));
        classes.push_back(std::move(cls));
    }
    return classes;
}

const Resolved& RealmHandle::resolve(Resolved& resolved, model::SchemaPtr schema) {
    if (resolved.schema == schema)
        return resolved;
    realm::require_compatible(*declared_, *schema);
    resolved.classes.clear();
    resolved.properties.clear();
    for (const auto& declared : classes_) {
        const Class* cls = schema->find(declared.name);
        std::vector<std::size_t> properties;
        for (const auto& p : declared.properties)
            properties.push_back(cls ? cls->find(p.name) : Class::npos);
        resolved.classes.push_back(cls);
        resolved.properties.push_back(std::move(properties));
    }
    resolved.schema = std::move(schema);
    return resolved;
}

const Resolved& RealmHandle::writing_schema() {
    if (!writer_current_) { // nobody else changes it while we write
        resolve(writer_, transaction().schema());
        writer_current_ = true;
    }
    return writer_;
}

namespace {

void set_error(const char* name, const std::exception& error) {
    const py::object cls = py::module_::import("realmsync.errors").attr(name);
    PyErr_SetString(cls.ptr(), error.what());
}

} // namespace

void bind_schema_steps(py::module_& m) {
    py::register_exception_translator([](std::exception_ptr pointer) {
        try {
            if (pointer)
                std::rethrow_exception(pointer);
        } catch (const realm::SchemaRefused& e) {
            using Reason = realm::SchemaRefused::Reason;
            set_error(e.reason == Reason::mismatch        ? "SchemaMismatchError"
                      : e.reason == Reason::lower_version ? "InvalidSchemaVersionError"
                                                          : "InvalidSchemaChangeError",
                      e);
        } catch (const tables::RewriteFailed& e) {
            set_error("MigrationFailedError", e);
        }
    });
    py::enum_<SchemaMode>(m, "SchemaMode")
        .value("additive", SchemaMode::additive)
        .value("automatic", SchemaMode::automatic)
        .value("anew", SchemaMode::anew);
    py::enum_<SchemaStep>(m, "SchemaStep")
        .value("none", SchemaStep::none)
        .value("add", SchemaStep::add)
        .value("migrate", SchemaStep::migrate)
        .value("begin_anew", SchemaStep::begin_anew);
}

} // namespace realmsync::bindings
