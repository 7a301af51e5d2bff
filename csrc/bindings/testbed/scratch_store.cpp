// ScratchStore: the typed tables without a history, for tests and tools. Realm files and the
// server's partitions are bound elsewhere.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/testbed/bind.hpp"
#include "bindings/values/convert.hpp"
#include "bindings/values/errors.hpp"
#include "bindings/values/state_form.hpp"
#include "bindings/values/without_gil.hpp"
#include "changeset/codec.hpp"
#include "changeset/writer.hpp"
#include "tables/apply.hpp"
#include "tables/object_changeset.hpp"
#include "tables/object_scan.hpp"
#include "tables/tables.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

tables::Layout layout(bool server) {
    return server ? tables::Layout::server : tables::Layout::client;
}

class ScratchStore {
  public:
    ScratchStore(const std::string& path, bool server, const std::string& durability)
        : db_(path, options(durability)) {
        sqlite::Transaction transaction(db_);
        tables_ = std::make_unique<tables::Tables>(db_, layout(server));
        transaction.commit();
    }

    void begin() { open_ = std::make_unique<sqlite::Transaction>(db_); }
    void commit() {
        need_open();
        open_->commit();
        open_.reset();
    }
    void rollback() {
        need_open();
        open_.reset();
    }

    void apply(const std::vector<std::string>& changesets, std::int64_t partition) {
        std::unique_ptr<sqlite::Transaction> own;
        if (!open_)
            own = std::make_unique<sqlite::Transaction>(db_);
        sqlite::Savepoint savepoint(db_);
        tables::Applier applier(*tables_, partition);
        for (const std::string& bytes : changesets)
            applier.apply(value_or_throw(changeset::parse_borrowed(bytes)));
        applier.flush();
        savepoint.release();
        if (own)
            own->commit();
    }

    py::dict state(std::int64_t partition) { return StateForm(*tables_, partition).state(); }

    py::dict schema(std::int64_t partition) {
        py::dict classes;
        for (const auto& [name, cls] : tables_->schema(partition)->classes) {
            py::list properties;
            for (const model::Property& property : cls->properties) {
                py::dict entry;
                entry["name"] = property.name;
                entry["type"] = static_cast<int>(property.type);
                entry["collection"] = static_cast<int>(property.collection);
                entry["nullable"] = property.nullable;
                entry["target"] = property.target;
                entry["column"] = property.column;
                properties.append(entry);
            }
            py::dict entry;
            entry["kind"] = static_cast<int>(cls->kind);
            entry["table"] = cls->table;
            entry["properties"] = properties;
            classes[py::str(name)] = entry;
        }
        return classes;
    }

    py::list changesets(std::int64_t partition) {
        model::SchemaPtr schema = tables_->schema(partition);
        py::list changesets;
        for (const auto& [name, cls] : schema->classes) {
            if (cls->embedded())
                continue;
            for (const model::ObjectKey& key :
                 tables_->keys(partition, *cls, nullptr, SIZE_MAX >> 1)) {
                auto values = tables_->read_object(partition, *schema, *cls, key.view(),
                                                   tables::Links::stored);
                changeset::Writer writer;
                tables::ObjectChangeset(writer, *schema).add(*cls, key.view(), *values);
                changesets.append(py::bytes(writer.take()));
            }
        }
        return changesets;
    }

    // The objects that one scan finds, asked for in this order; None where there is none.
    py::list find(const std::string& cls, const py::list& keys, std::int64_t partition) {
        const model::SchemaPtr schema = tables_->schema(partition);
        const model::Class* wanted = schema->find(cls);
        if (wanted == nullptr)
            throw py::key_error(cls);
        query::Needs needs;
        for (std::size_t i = 0; i < wanted->properties.size(); ++i)
            needs.properties[wanted].insert(i);
        Work work;
        tables::ObjectScan scan(*tables_, partition, schema, needs, work);
        StateForm form(*tables_, partition);
        Scratch scratch;
        py::list found;
        for (const py::handle& key : keys) {
            const query::Image* image = scan.find(
                *wanted,
                key.is_none() ? Key() : to_key(key, wanted->key_type, {cls, "key"}, scratch));
            found.append(image == nullptr ? py::object(py::none())
                                          : form.members(*wanted, {image->values, image->count}));
        }
        return found;
    }

    bool shares_schema(std::int64_t a, std::int64_t b) {
        return tables_->schema(a) == tables_->schema(b);
    }

    // Links to an object: (class, key, property, path).
    py::list incoming(const std::string& cls, std::int64_t key, std::int64_t partition) {
        model::SchemaPtr schema = tables_->schema(partition);
        const model::Class* target = schema->find(cls);
        if (target == nullptr)
            throw py::key_error(cls);
        Key wanted;
        wanted.type = Type::integer;
        wanted.integer = key;
        StateForm form(*tables_, partition);
        py::list found;
        for (const auto& link : tables_->incoming(partition, *schema, *target, wanted)) {
            py::list path;
            for (const auto& step : link.path)
                path.append(step);
            found.append(py::make_tuple(link.cls->name, form.key(link.key.view()),
                                        link.cls->properties[link.property].name, path));
        }
        return found;
    }

    void set_durability(const std::string& durability) {
        db_.set_durability(options(durability).durability);
    }
    void shrink() { db_.shrink(); }

  private:
    static sqlite::DatabaseOptions options(const std::string& durability) {
        sqlite::DatabaseOptions options;
        if (durability == "off")
            options.durability = sqlite::Durability::off;
        else if (durability != "full")
            throw py::value_error("durability is off or full");
        return options;
    }
    void need_open() const {
        if (!open_)
            throw py::value_error("no transaction is open");
    }

    sqlite::Database db_;
    std::unique_ptr<tables::Tables> tables_;
    std::unique_ptr<sqlite::Transaction> open_;
};

} // namespace

void bind_scratch_store(py::module_& m) {
    using release = py::call_guard<WithoutGil>;
    py::class_<ScratchStore>(m, "ScratchStore")
        .def(py::init<const std::string&, bool, const std::string&>(), py::arg("path"),
             py::arg("server") = false, py::arg("durability") = "full", release())
        .def("begin", &ScratchStore::begin, release())
        .def("commit", &ScratchStore::commit, release())
        .def("rollback", &ScratchStore::rollback, release())
        .def(
            "apply",
            [](ScratchStore& self, const py::bytes& changeset, std::int64_t partition) {
                std::vector<std::string> changesets{changeset};
                WithoutGil unlocked;
                self.apply(changesets, partition);
            },
            py::arg("changeset"), py::arg("partition") = tables::kOnlyPartition)
        .def(
            "apply_all",
            [](ScratchStore& self, const std::vector<py::bytes>& changesets,
               std::int64_t partition) {
                std::vector<std::string> owned(changesets.begin(), changesets.end());
                WithoutGil unlocked;
                self.apply(owned, partition);
            },
            py::arg("changesets"), py::arg("partition") = tables::kOnlyPartition)
        .def("state", &ScratchStore::state, py::arg("partition") = tables::kOnlyPartition)
        .def("schema", &ScratchStore::schema, py::arg("partition") = tables::kOnlyPartition)
        .def("changesets", &ScratchStore::changesets, py::arg("partition") = tables::kOnlyPartition)
        .def("find", &ScratchStore::find, py::arg("cls"), py::arg("keys"),
             py::arg("partition") = tables::kOnlyPartition)
        .def("shares_schema", &ScratchStore::shares_schema, py::arg("a"), py::arg("b"))
        .def("incoming", &ScratchStore::incoming, py::arg("cls"), py::arg("key"),
             py::arg("partition") = tables::kOnlyPartition)
        .def("set_durability", &ScratchStore::set_durability, py::arg("durability"))
        .def("shrink", &ScratchStore::shrink);
}

} // namespace realmsync::bindings::testbed
