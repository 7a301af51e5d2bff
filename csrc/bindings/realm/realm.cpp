// Realm files in Python: opening, schema, transactions, and the registration of RealmHandle.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/bind.hpp"
#include "bindings/realm/realm_handle.hpp"
#include "bindings/values/errors.hpp"
#include "tables/catalog.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

using model::Class;
using realm::RealmFile;

void RealmHandle::declare(const py::list& classes) {
    std::vector<DeclaredClass> result;
    std::unordered_map<std::string, int> by_name;
    for (py::handle item : classes) {
        auto c = py::reinterpret_borrow<py::tuple>(item);
        DeclaredClass cls;
        cls.name = c[0].cast<std::string>();
        cls.kind = static_cast<TableKind>(c[1].cast<int>());
        cls.key = c[2].cast<int>();
        for (py::handle entry : c[3].cast<py::list>()) {
            auto p = py::reinterpret_borrow<py::tuple>(entry);
            DeclaredProperty property;
            property.name = p[0].cast<std::string>();
            PyObject* attribute = p[1].cast<py::str>().release().ptr();
            PyUnicode_InternInPlace(&attribute);
            property.attribute = py::reinterpret_steal<py::object>(attribute);
            property.label = property.attribute.cast<std::string>();
            property.type = static_cast<Type>(p[2].cast<int>());
            property.collection = static_cast<Collection>(p[3].cast<int>());
            property.nullable = p[4].cast<bool>();
            property.target = p[5].cast<std::string>();
            property.has_default = p[6].cast<bool>();
            property.default_value = p[7];
            cls.properties.push_back(std::move(property));
        }
        by_name[cls.name] = static_cast<int>(result.size());
        result.push_back(std::move(cls));
    }
    for (auto& cls : result)
        for (auto& property : cls.properties)
            if (auto found = by_name.find(property.target); found != by_name.end()) {
                property.target_class = found->second;
                property.embedded =
                    result[static_cast<std::size_t>(found->second)].kind == TableKind::embedded;
            }
    classes_ = std::move(result);
    by_name_ = std::move(by_name);
    reader_ = {};
    writer_ = {};
    writer_current_ = false;
}

namespace {

std::string describe(Type type, Collection collection, const std::string& target) {
    static const char* const names[] = {"mixed",      "int",  "bool",     "string",
                                        "data",       "date", "float",    "double",
                                        "decimal128", "link", "objectId", "uuid"};
    const std::string element =
        type == Type::link ? "<" + target + ">" : names[static_cast<int>(type)];
    switch (collection) {
    case Collection::list: return "array<" + element + ">";
    case Collection::set: return "set<" + element + ">";
    case Collection::dictionary: return "dictionary<string, " + element + ">";
    default: return element;
    }
}

// What an existing class contradicts of its declaration; additions are fine (data-model.md 15.2).
void compare_class(const DeclaredClass& cls, const Class& old, std::vector<std::string>& faults) {
    if (cls.kind != old.kind) {
        faults.push_back("Class '" + cls.name + "' has been changed between embedded and not.");
        return;
    }
    const std::string old_key = old.has_key_property ? old.key_name() : "";
    const std::string new_key =
        cls.key < 0 ? "" : cls.properties[static_cast<std::size_t>(cls.key)].name;
    if (old_key != new_key)
        faults.push_back("Primary Key for class '" + cls.name + "' has " +
                         (old_key.empty() ? "been added."
                          : new_key.empty()
                              ? "been removed."
                              : "changed from '" + old_key + "' to '" + new_key + "'."));
    for (const auto& p : cls.properties) {
        const std::size_t index = old.find(p.name);
        if (index == Class::npos)
            continue;
        const auto& o = old.properties[index];
        const std::string name = "Property '" + cls.name + "." + p.name + "' has been ";
        if (o.type != p.type || o.collection != p.collection || o.target != p.target)
            faults.push_back(name + "changed from '" + describe(o.type, o.collection, o.target) +
                             "' to '" + describe(p.type, p.collection, p.target) + "'.");
        else if (o.nullable != p.nullable)
            faults.push_back(name + (p.nullable ? "made optional." : "made required."));
    }
}

} // namespace

std::uint64_t RealmHandle::apply_schema(std::uint64_t now) {
    bool complete = true;
    std::vector<std::string> faults;
    auto compare = [&](const model::Schema& schema) {
        for (const auto& cls : classes_) {
            const Class* old = schema.find(cls.name);
            complete &= old != nullptr;
            if (!old)
                continue;
            compare_class(cls, *old, faults);
            for (const auto& p : cls.properties)
                complete &= old->find(p.name) != Class::npos;
        }
    };
    {
        py::gil_scoped_release release;
        file_->read([&](realm::RealmConnection& c) { compare(*c.tables.schema()); });
    }
    auto refuse = [&] {
        if (faults.empty())
            return;
        std::string text = "The following changes cannot be made in additive-only schema mode:";
        for (const auto& fault : faults)
            text += "\n- " + fault;
        raise(ErrorKind::schema, text);
    };
    refuse();
    if (complete)
        return 0;
    begin();
    try {
        auto& t = transaction();
        complete = true; // another opener may have been quicker
        compare(*t.schema());
        refuse();
        // All classes first, so that links find their targets (changeset-format.md 11.1).
        for (const auto& cls : classes_) {
            if (cls.key < 0) {
                t.add_class(cls.name, cls.kind, "",
                            cls.kind == TableKind::embedded ? Type::null : Type::global_key, false);
            } else {
                const auto& key = cls.properties[static_cast<std::size_t>(cls.key)];
                t.add_class(cls.name, cls.kind, key.name, key.type, key.nullable);
            }
        }
        for (const auto& cls : classes_)
            for (std::size_t i = 0; i < cls.properties.size(); ++i)
                if (const auto& p = cls.properties[i]; static_cast<int>(i) != cls.key)
                    t.add_property(cls.name, p.name, p.type, p.nullable, p.collection, p.target);
    } catch (...) {
        rollback();
        throw;
    }
    return commit(now, false).first;
}

py::list RealmHandle::file_schema() {
    model::SchemaPtr schema;
    {
        py::gil_scoped_release release;
        file_->read([&](realm::RealmConnection& c) { schema = c.tables.schema(); });
    }
    py::list classes;
    for (const auto& [name, cls] : schema->classes) {
        py::list properties;
        for (const auto& p : cls->properties)
            properties.append(py::make_tuple(p.name, static_cast<int>(p.type),
                                             static_cast<int>(p.collection), p.nullable, p.target));
        classes.append(py::make_tuple(name, static_cast<int>(cls->kind),
                                      cls->has_key_property ? 0 : -1, properties));
    }
    return classes;
}

void RealmHandle::close() {
    transaction_.reset();
    reader_ = {};
    writer_ = {};
    writer_current_ = false;
    py::gil_scoped_release release;
    file_.reset();
}

void RealmHandle::begin() {
    std::unique_ptr<realm::WriteTransaction> transaction;
    {
        py::gil_scoped_release release;
        transaction = file_->begin_write();
    }
    transaction_ = std::move(transaction);
    writer_current_ = false;
}

bool RealmHandle::try_begin() {
    transaction_ = file_->try_begin_write();
    writer_current_ = false;
    return transaction_ != nullptr;
}

std::pair<std::uint64_t, std::uint64_t> RealmHandle::commit(std::uint64_t now, bool deferred) {
    transaction();
    auto transaction = std::move(transaction_);
    py::gil_scoped_release release;
    auto done = transaction->commit(now, deferred);
    return {done.version, done.ticket};
}

void RealmHandle::rollback() {
    auto transaction = std::move(transaction_);
    py::gil_scoped_release release;
    transaction.reset();
}

realm::WriteTransaction& RealmHandle::transaction() {
    if (!transaction_)
        raise_python("WrongTransactionStateError",
                     "Cannot modify managed objects outside of a write transaction.");
    return *transaction_;
}

const Resolved& RealmHandle::resolve(Resolved& slot, model::SchemaPtr schema) {
    if (slot.schema == schema)
        return slot;
    slot.classes.clear();
    slot.properties.clear();
    for (const auto& declared : classes_) {
        const Class* cls = schema->find(declared.name);
        std::vector<std::size_t> properties;
        for (const auto& p : declared.properties)
            properties.push_back(cls ? cls->find(p.name) : Class::npos);
        slot.classes.push_back(cls);
        slot.properties.push_back(std::move(properties));
    }
    slot.schema = std::move(schema);
    return slot;
}

const Resolved& RealmHandle::writing_schema() {
    if (!writer_current_) { // nobody else changes it while we write
        resolve(writer_, transaction().schema());
        writer_current_ = true;
    }
    return writer_;
}

void bind_realm(py::module_& m) {
    py::enum_<OnExisting>(m, "OnExisting")
        .value("refuse", OnExisting::refuse)
        .value("update_changed", OnExisting::update_changed)
        .value("update_all", OnExisting::update_all);
    py::class_<RealmFile, client::ClientStore, std::shared_ptr<RealmFile>>(m, "RealmFile")
        .def_static(
            "open",
            [](const std::string& path, const std::string& durability) {
                realm::RealmFileOptions options;
                options.durability =
                    durability == "process" ? sqlite::Durability::off : sqlite::Durability::full;
                return RealmFile::open(path, options);
            },
            py::arg("path"), py::kw_only(), py::arg("durability") = "full",
            py::call_guard<py::gil_scoped_release>())
        .def_static("is_open", &RealmFile::is_open)
        .def_static("remove", &RealmFile::remove, py::call_guard<py::gil_scoped_release>())
        .def_property_readonly("path", &RealmFile::path)
        .def("try_claim_sync", &RealmFile::try_claim_sync)
        .def("release_sync", &RealmFile::release_sync)
        .def("flush", &RealmFile::flush, py::call_guard<py::gil_scoped_release>());
    py::class_<RealmHandle>(m, "RealmHandle")
        .def(py::init<std::shared_ptr<RealmFile>>())
        .def_property_readonly("file", &RealmHandle::file)
        .def("declare", &RealmHandle::declare)
        .def("apply_schema", &RealmHandle::apply_schema)
        .def("file_schema", &RealmHandle::file_schema)
        .def("close", &RealmHandle::close)
        .def("begin", &RealmHandle::begin)
        .def("try_begin", &RealmHandle::try_begin)
        .def("commit", &RealmHandle::commit)
        .def("rollback", &RealmHandle::rollback)
        .def_property_readonly("writing", &RealmHandle::writing)
        .def("get", &RealmHandle::get)
        .def("size", &RealmHandle::size)
        .def("item", &RealmHandle::item)
        .def("items", &RealmHandle::items)
        .def("exists", &RealmHandle::exists)
        .def("count", &RealmHandle::count)
        .def("keys", &RealmHandle::keys)
        .def("create", &RealmHandle::create)
        .def("set", &RealmHandle::set)
        .def("erase", &RealmHandle::erase)
        .def("erase_embedded", &RealmHandle::erase_embedded)
        .def("list_insert", &RealmHandle::list_insert)
        .def("list_set", &RealmHandle::list_set)
        .def("list_erase", &RealmHandle::list_erase)
        .def("list_move", &RealmHandle::list_move)
        .def("set_insert", &RealmHandle::set_insert)
        .def("set_erase", &RealmHandle::set_erase)
        .def("dictionary_set", &RealmHandle::dictionary_set)
        .def("dictionary_erase", &RealmHandle::dictionary_erase)
        .def("clear", &RealmHandle::clear)
        .def("create_rows", &RealmHandle::create_rows)
        .def("create_columns", &RealmHandle::create_columns);
}

} // namespace realmsync::bindings
