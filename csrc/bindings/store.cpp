// ScratchStore: the typed tables without a history, for tests and tools. Realm files and the
// server's partitions are bound elsewhere.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdio>

#include "base/decimal.hpp"
#include "base/hex.hpp"
#include "bindings/bind.hpp"
#include "bindings/errors.hpp"
#include "changeset/codec.hpp"
#include "changeset/writer.hpp"
#include "store/apply.hpp"
#include "store/tables.hpp"
#include "store/text_forms.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using namespace store;

py::dict tagged(const char* tag, py::object content) {
    py::dict dict;
    dict[tag] = std::move(content);
    return dict;
}

py::str printed(const char* format, double value) {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

// Objects in the form of `final_state` of the recorded histories.
class StateForm {
  public:
    StateForm(Tables& tables, std::int64_t partition, const Schema& schema)
        : tables_(tables), partition_(partition), schema_(schema) {}

    py::object key(const Key& key) const {
        Scalar scalar = key_scalar(key);
        if (key.type == Type::global_key)
            return py::str(global_key_text(key.global));
        return value(Value(scalar), nullptr, false);
    }

    // `hide`: a link to a missing object shows as null. Lists and sets show such links.
    py::object value(const Value& value, const Property* property, bool hide) const {
        switch (value.type()) {
        case Type::null: return py::none();
        case Type::boolean: return py::bool_(std::get<bool>(value.data));
        case Type::string: return py::str(std::get<std::string>(value.data));
        case Type::integer:
            return tagged("$numberLong",
                          py::str(std::to_string(std::get<std::int64_t>(value.data))));
        case Type::float32:
            return tagged("$numberDouble", printed("%.7e", std::get<float>(value.data)));
        case Type::float64:
            return tagged("$numberDouble", printed("%.16e", std::get<double>(value.data)));
        case Type::decimal:
            return tagged("$numberDecimal",
                          py::str(to_reference_text(std::get<Decimal128>(value.data))));
        case Type::binary: return py::bytes(std::get<Binary>(value.data).bytes);
        case Type::timestamp: {
            const auto& time = std::get<Timestamp>(value.data);
            return tagged("$date", tagged("$numberLong",
                                          py::str(std::to_string(time.seconds * 1000 +
                                                                 time.nanoseconds / 1000000))));
        }
        case Type::object_id:
            return tagged("$oid", py::str(format_object_id(std::get<ObjectId>(value.data))));
        case Type::uuid: return tagged("$uuid", py::str(format_uuid(std::get<Uuid>(value.data))));
        case Type::link: return link(*value.link(), hide);
        case Type::object_value: {
            py::dict object;
            object["table"] = "class_" + property->target;
            object["value"] =
                members(*schema_.find(property->target), value.embedded()->properties);
            return tagged("$embedded", object);
        }
        case Type::list: return items(value.list()->items, property);
        case Type::set: return tagged("$set", items(value.set()->items, property));
        case Type::dictionary: {
            py::dict dict;
            for (const auto& [name, item] : value.dictionary()->items)
                dict[py::str(name)] = this->value(item, property, true);
            return tagged("$dictionary", dict);
        }
        default: return py::none();
        }
    }

    py::dict members(const Class& cls, const std::vector<Value>& values) const {
        py::dict object;
        for (std::size_t i = 0; i < values.size(); i++)
            object[py::str(cls.properties[i].name)] = value(values[i], &cls.properties[i], true);
        return object;
    }

    py::dict state() const {
        py::dict state;
        for (const auto& [name, cls] : schema_.classes) {
            if (cls->embedded())
                continue;
            py::list objects;
            for (const ObjectKey& key : tables_.keys(partition_, *cls, nullptr, SIZE_MAX >> 1))
                objects.append(members(*cls, *tables_.read_object(partition_, schema_, *cls,
                                                                  key.view(), Links::stored)));
            state[py::str(name)] = objects;
        }
        return state;
    }

  private:
    py::list items(const std::vector<Value>& values, const Property* property) const {
        py::list list;
        for (const Value& item : values)
            list.append(value(item, property, false));
        return list;
    }

    py::object link(const Link& link, bool hide) const {
        const Class* target = schema_.find(link.table);
        if (hide && (target == nullptr || !tables_.exists(partition_, *target, link.key.view())))
            return py::none();
        py::dict content;
        content["table"] = link.table;
        content["key"] = key(link.key.view());
        return tagged("$link", content);
    }

    Tables& tables_;
    std::int64_t partition_;
    const Schema& schema_;
};

// The instructions that make an object as it is stored, hidden links included.
class ObjectWriter {
  public:
    ObjectWriter(const Schema& schema, const Class& cls, const Key& key)
        : schema_(schema), cls_(cls), key_(key) {}

    std::string write(const std::vector<Value>& values) {
        writer_.create_object(cls_.name, key_);
        for (std::size_t i = cls_.has_key_property ? 1 : 0; i < values.size(); i++) {
            field_ = cls_.properties[i].name;
            property(values[i], cls_.properties[i]);
        }
        return writer_.take();
    }

  private:
    changeset::Address address() const { return {cls_.name, key_, field_, path_}; }

    void property(const Value& value, const Property& property) {
        if (property.collection == Collection::single)
            assign(value, property);
        else
            contents(value, property);
    }

    void assign(const Value& value, const Property& property) {
        LinkTarget link;
        writer_.update(address(), value.view(link), 0);
        contents(value, property);
    }

    void contents(const Value& value, const Property& property) {
        if (const List* list = value.list()) {
            for (std::uint32_t i = 0; i < list->items.size(); i++) {
                LinkTarget link;
                path_.push_back({false, i, {}});
                writer_.array_insert(address(), list->items[i].view(link), i);
                contents(list->items[i], property);
                path_.pop_back();
            }
        } else if (const Set* set = value.set()) {
            for (const Value& item : set->items) {
                LinkTarget link;
                writer_.set_insert(address(), item.view(link));
            }
        } else if (const Dictionary* dictionary = value.dictionary()) {
            for (const auto& [name, item] : dictionary->items) {
                path_.push_back({true, 0, name});
                assign(item, property);
                path_.pop_back();
            }
        } else if (const Embedded* object = value.embedded()) {
            const Class* cls = schema_.find(property.target);
            for (std::size_t i = 0; i < object->properties.size(); i++) {
                path_.push_back({true, 0, cls->properties[i].name});
                this->property(object->properties[i], cls->properties[i]);
                path_.pop_back();
            }
        }
    }

    const Schema& schema_;
    const Class& cls_;
    Key key_;
    std::string_view field_;
    std::vector<changeset::Step> path_;
    changeset::Writer writer_;
};

Layout layout(bool server) { return server ? Layout::server : Layout::client; }

class ScratchStore {
  public:
    ScratchStore(const std::string& path, bool server, const std::string& durability)
        : db_(path, options(durability)) {
        Transaction transaction(db_);
        tables_ = std::make_unique<Tables>(db_, layout(server));
        transaction.commit();
    }

    void begin() { open_ = std::make_unique<Transaction>(db_); }
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
        std::unique_ptr<Transaction> own;
        if (!open_)
            own = std::make_unique<Transaction>(db_);
        Savepoint savepoint(db_);
        Applier applier(*tables_, partition);
        for (const std::string& bytes : changesets) {
            auto parsed = changeset::parse_borrowed(bytes);
            if (!parsed)
                throw ErrorException(parsed.error());
            applier.apply(parsed.value());
        }
        applier.flush();
        savepoint.release();
        if (own)
            own->commit();
    }

    py::dict state(std::int64_t partition) {
        SchemaPtr schema = tables_->schema(partition);
        return StateForm(*tables_, partition, *schema).state();
    }

    py::dict schema(std::int64_t partition) {
        py::dict classes;
        for (const auto& [name, cls] : tables_->schema(partition)->classes) {
            py::list properties;
            for (const Property& property : cls->properties) {
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
        SchemaPtr schema = tables_->schema(partition);
        py::list changesets;
        for (const auto& [name, cls] : schema->classes) {
            if (cls->embedded())
                continue;
            for (const ObjectKey& key : tables_->keys(partition, *cls, nullptr, SIZE_MAX >> 1)) {
                auto values =
                    tables_->read_object(partition, *schema, *cls, key.view(), Links::stored);
                changesets.append(
                    py::bytes(ObjectWriter(*schema, *cls, key.view()).write(*values)));
            }
        }
        return changesets;
    }

    bool shares_schema(std::int64_t a, std::int64_t b) {
        return tables_->schema(a) == tables_->schema(b);
    }

    // Links to an object: (class, key, property, path).
    py::list incoming(const std::string& cls, std::int64_t key, std::int64_t partition) {
        SchemaPtr schema = tables_->schema(partition);
        const Class* target = schema->find(cls);
        if (target == nullptr)
            throw py::key_error(cls);
        Key wanted;
        wanted.type = Type::integer;
        wanted.integer = key;
        StateForm form(*tables_, partition, *schema);
        py::list found;
        for (const auto& link : tables_->incoming(partition, *schema, *target, wanted)) {
            py::list path;
            for (const auto& step : link.path)
                path.append(step.is_string ? py::object(py::str(step.name))
                                           : py::object(py::int_(step.index)));
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
    static DatabaseOptions options(const std::string& durability) {
        DatabaseOptions options;
        if (durability == "off")
            options.durability = Durability::off;
        else if (durability == "normal")
            options.durability = Durability::normal;
        else if (durability != "full")
            throw py::value_error("durability is off, normal or full");
        return options;
    }
    void need_open() const {
        if (!open_)
            throw py::value_error("no transaction is open");
    }

    Database db_;
    std::unique_ptr<Tables> tables_;
    std::unique_ptr<Transaction> open_;
};

} // namespace

void bind_store(py::module_& m) {
    using release = py::call_guard<py::gil_scoped_release>;
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
                py::gil_scoped_release unlocked;
                self.apply(changesets, partition);
            },
            py::arg("changeset"), py::arg("partition") = kOnlyPartition)
        .def(
            "apply_all",
            [](ScratchStore& self, const std::vector<py::bytes>& changesets,
               std::int64_t partition) {
                std::vector<std::string> owned(changesets.begin(), changesets.end());
                py::gil_scoped_release unlocked;
                self.apply(owned, partition);
            },
            py::arg("changesets"), py::arg("partition") = kOnlyPartition)
        .def("state", &ScratchStore::state, py::arg("partition") = kOnlyPartition)
        .def("schema", &ScratchStore::schema, py::arg("partition") = kOnlyPartition)
        .def("changesets", &ScratchStore::changesets, py::arg("partition") = kOnlyPartition)
        .def("shares_schema", &ScratchStore::shares_schema, py::arg("a"), py::arg("b"))
        .def("incoming", &ScratchStore::incoming, py::arg("cls"), py::arg("key"),
             py::arg("partition") = kOnlyPartition)
        .def("set_durability", &ScratchStore::set_durability, py::arg("durability"))
        .def("shrink", &ScratchStore::shrink);
}

} // namespace realmsync::bindings
