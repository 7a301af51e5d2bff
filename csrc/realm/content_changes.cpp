#include "realm/content_changes.hpp"

#include <optional>
#include <string>
#include <vector>

#include "changeset/writer.hpp"
#include "realm/local_history.hpp"
#include "realm/value_writer.hpp"
#include "realm/write_transaction.hpp"
#include "tables/columns.hpp"

namespace realmsync::realm {

namespace {

using changeset::Step;
using model::Class;
using model::Property;
using model::Value;

// Soft bytes of a changeset: what SDKs put into one UPLOAD, and merged in no time.
constexpr std::size_t kChangesetBytes = 128u << 10;
// Objects are not divided, and one of them ends a changeset that was almost full.
constexpr std::size_t kLargestObject = kMaxSyncedChangeset - kChangesetBytes;

class ContentWriter {
  public:
    ContentWriter(sqlite::Database& db, const model::Schema& schema, std::uint64_t now)
        : db_(db), schema_(schema), now_(now) {}

    void write_schema() {
        for (const auto& [name, cls] : schema_.classes)
            writer_.add_table(name, cls->kind, cls->has_key_property ? cls->key_name() : "",
                              cls->key_type, cls->key_nullable);
        for (const auto& [name, cls] : schema_.classes)
            for (std::size_t i = cls->has_key_property ? 1 : 0; i < cls->properties.size(); ++i) {
                const Property& p = cls->properties[i];
                writer_.add_column(name, p.name, p.type, p.nullable, p.collection, p.target);
            }
    }

    void write_objects(const Class& cls) {
        const std::size_t first = cls.has_key_property ? 1 : 0;
        std::string sql = "SELECT " + tables::quote(cls.key_column);
        for (std::size_t i = first; i < cls.properties.size(); ++i)
            sql += ", " + tables::quote(cls.properties[i].column);
        sqlite::Query row = db_.query(sql + " FROM " + tables::quote(cls.table));
        cls_ = &cls;
        while (row.step()) {
            key_ = tables::read_key(*row, 0, cls.key_type);
            const std::size_t before = writer_.size();
            writer_.create_object(cls.name, key_);
            for (std::size_t i = first; i < cls.properties.size(); ++i) {
                const Property& property = cls.properties[i];
                field_ = property.name;
                write(tables::read_value(*row, static_cast<int>(i - first) + 1, property, schema_),
                      property);
            }
            if (writer_.size() - before > kLargestObject)
                raise(ErrorKind::limit_exceeded,
                      "the " + cls.name + " " + model::to_text(key_) +
                          " is too large to be synchronised: " +
                          std::to_string(writer_.size() - before) + " bytes, at most " +
                          std::to_string(kLargestObject) + " are possible");
            if (writer_.size() >= kChangesetBytes)
                finish();
        }
    }

    void finish() {
        if (!writer_.empty())
            local_history::append_local(db_, now_, writer_.take());
    }

  private:
    changeset::Address address() const { return {cls_->name, key_, field_, path_}; }

    template <class Do> void below(Step step, const Do& act) {
        path_.push_back(step);
        act();
        path_.pop_back();
    }

    // A property of a new object, which is null or empty.
    void write(const Value& value, const Property& property) {
        if (property.collection != Collection::single)
            fill(value, property);
        else if (!value.is_null())
            put(value, property);
    }

    // A value in its place; `prior_size`: as an element that a list gets.
    void put(const Value& value, const Property& property,
             std::optional<std::uint32_t> prior_size = std::nullopt) {
        LinkTarget link;
        if (prior_size)
            writer_.array_insert(address(), head_of(value, link), *prior_size);
        else
            writer_.update(address(), head_of(value, link), 0);
        if (value.list())
            writer_.clear(address(), Collection::list);
        else if (value.dictionary())
            writer_.clear(address(), Collection::dictionary);
        fill(value, property);
    }

    // What lies in a value; nothing in one that is no container.
    void fill(const Value& value, const Property& property) {
        LinkTarget link;
        if (const model::Embedded* embedded = value.embedded()) {
            const Class& cls = *schema_.find(property.target);
            for (std::size_t i = 0; i < embedded->properties.size(); ++i)
                below({true, 0, cls.properties[i].name},
                      [&] { write(embedded->properties[i], cls.properties[i]); });
        } else if (const model::List* list = value.list()) {
            std::uint32_t at = 0;
            for (const Value& item : list->items) {
                below({false, at, {}}, [&] { put(item, property, at); });
                ++at;
            }
        } else if (const model::Dictionary* dictionary = value.dictionary()) {
            for (const auto& [key, item] : dictionary->items)
                below({true, 0, key}, [&, &item = item] { put(item, property); });
        } else if (const model::Set* set = value.set()) {
            for (const Value& item : set->items)
                writer_.set_insert(address(), head_of(item, link));
        }
    }

    sqlite::Database& db_;
    const model::Schema& schema_;
    const std::uint64_t now_;
    changeset::Writer writer_;
    // The place that is being written:
    const Class* cls_ = nullptr;
    Key key_;
    std::string_view field_;
    std::vector<Step> path_;
};

} // namespace

void append_content(sqlite::Database& db, const model::Schema& schema, std::uint64_t now) {
    ContentWriter content(db, schema, now);
    content.write_schema();
    content.finish(); // whole, before objects need it
    for (const auto& [name, cls] : schema.classes)
        if (cls->kind == TableKind::top_level)
            content.write_objects(*cls);
    content.finish();
}

} // namespace realmsync::realm
