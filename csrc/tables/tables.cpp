#include "tables/tables.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "tables/catalog.hpp"
#include "tables/columns.hpp"
#include "tables/json_form.hpp"
#include "tables/text_index.hpp"

namespace realmsync::tables {

namespace {

enum Purpose : unsigned { kExists, kCount, kRead, kReadObject, kKeys, kKeysAfter, kInsert };
constexpr std::size_t kMaxStatements = 256;
// A statement's number is made of class, purpose and property: none may reach into the next one.
constexpr std::uint64_t kPurposesPerClass = 8;
constexpr std::uint64_t kPropertiesPerPurpose = 65536;
static_assert(kInsert < kPurposesPerClass && model::kMaxProperties <= kPropertiesPerPurpose);

const char* const kPartitionIs = "\"rs$partition\"=? AND ";

} // namespace

Tables::Tables(sqlite::Database& db, Layout layout, FirstNumber first_number)
    : db_(db), layout_(layout), catalog_(std::make_unique<Catalog>(db, layout)),
      first_number_(first_number) {
    if (layout == Layout::client)
        text_index::define_functions(db);
}

Tables::~Tables() = default;

Tables Tables::create(sqlite::Database& db, Layout layout, void (*beside)(sqlite::Database&)) {
    sqlite::Transaction transaction(db);
    if (beside != nullptr)
        beside(db);
    [[maybe_unused]] const Tables first(db, layout); // creates the internal tables
    transaction.commit();
    return Tables(db, layout);
}

model::SchemaPtr Tables::schema(std::int64_t partition) { return catalog_->schema(partition); }

std::string Tables::where_key(const model::Class& cls) const {
    return std::string(" WHERE ") + (layout_ == Layout::server ? kPartitionIs : "") +
           quote(cls.key_column) + "=?";
}

int Tables::bind_object(sqlite::Statement& statement, int index, std::int64_t partition,
                        const Key& key) {
    if (layout_ == Layout::server)
        statement.bind(index++, partition);
    scratch_.reset();
    bind_key(statement, index++, key, scratch_);
    return index;
}

template <class Build>
sqlite::Query Tables::statement(const model::Class& cls, unsigned purpose, std::size_t property,
                                const Build& build) {
    REALMSYNC_ASSERT(purpose < kPurposesPerClass && property < kPropertiesPerPurpose);
    const std::uint64_t number =
        (cls.id * kPurposesPerClass + purpose) * kPropertiesPerPurpose + property;
    if (statements_.size() >= kMaxStatements)
        statements_.clear();
    std::shared_ptr<sqlite::Statement>& statement = statements_[number];
    if (statement == nullptr)
        statement = std::make_shared<sqlite::Statement>(db_.handle(), build());
    return sqlite::Query(statement);
}

bool Tables::has_numbers(const model::Class& cls) {
    if (layout_ == Layout::server)
        return false;
    if (rollbacks_seen_ != db_.rollbacks()) { // one may have taken a column away
        numbered_.clear();
        rollbacks_seen_ = db_.rollbacks();
    }
    if (numbered_.contains(cls.id))
        return true;
    // No column of a property begins with rs$.
    const auto found = db_.integer("SELECT instr(sql, ?) FROM sqlite_schema WHERE type = 'table' "
                                   "AND name = ?",
                                   quote(kOrderColumn), cls.table);
    if (found.value_or(0) == 0)
        return false;
    numbered_.insert(cls.id);
    return true;
}

bool Tables::numbers(const model::Class& cls) {
    if (layout_ == Layout::server)
        return false;
    if (!has_numbers(cls)) {
        db_.exec("ALTER TABLE " + quote(cls.table) + " ADD COLUMN " + quote(kOrderColumn) +
                 " INTEGER");
        numbered_.insert(cls.id);
    }
    return true;
}

std::uint64_t Tables::next_number() {
    if (!next_number_)
        next_number_ = first_number_ ? first_number_(db_) : 0;
    return (*next_number_)++;
}

bool Tables::exists(std::int64_t partition, const model::Class& cls, const Key& key) {
    sqlite::Query query = statement(
        cls, kExists, 0, [&] { return "SELECT 1 FROM " + quote(cls.table) + where_key(cls); });
    bind_object(*query, 1, partition, key);
    return query.step();
}

std::uint64_t Tables::count(std::int64_t partition, const model::Class& cls) {
    bool server = layout_ == Layout::server;
    sqlite::Query query = statement(cls, kCount, 0, [&] {
        return "SELECT count(*) FROM " + quote(cls.table) +
               (server ? " WHERE \"rs$partition\"=?" : "");
    });
    if (server)
        query->bind(1, partition);
    query.step();
    return query->unsigned_integer(0);
}

std::optional<model::Value> Tables::read(std::int64_t partition, const model::Schema& schema,
                                         const model::Class& cls, const Key& key,
                                         std::size_t property, Links links) {
    const model::Property& definition = cls.properties[property];
    model::Value value;
    {
        sqlite::Query query = statement(cls, kRead, property, [&] {
            return "SELECT " + quote(definition.column) + " FROM " + quote(cls.table) +
                   where_key(cls);
        });
        bind_object(*query, 1, partition, key);
        if (!query.step())
            return std::nullopt;
        value = property == 0 && cls.has_key_property
                    ? model::Value(model::key_scalar(read_key(*query, 0, cls.key_type)))
                    : read_value(*query, 0, definition, schema);
    }
    if (links == Links::visible)
        hide_dangling(partition, schema, definition, value);
    return value;
}

std::optional<std::vector<model::Value>> Tables::read_object(std::int64_t partition,
                                                             const model::Schema& schema,
                                                             const model::Class& cls,
                                                             const Key& key, Links links) {
    std::vector<model::Value> values;
    values.reserve(cls.properties.size());
    {
        sqlite::Query query = statement(cls, kReadObject, 0, [&] {
            std::string sql = "SELECT ";
            for (const model::Property& property : cls.properties)
                sql += quote(property.column) + ", ";
            return sql + "1 FROM " + quote(cls.table) + where_key(cls);
        });
        bind_object(*query, 1, partition, key);
        if (!query.step())
            return std::nullopt;
        for (std::size_t i = 0; i < cls.properties.size(); i++)
            values.push_back(
                i == 0 && cls.has_key_property
                    ? model::Value(model::key_scalar(read_key(*query, 0, cls.key_type)))
                    : read_value(*query, static_cast<int>(i), cls.properties[i], schema));
    }
    if (links == Links::visible)
        for (std::size_t i = 0; i < values.size(); i++)
            hide_dangling(partition, schema, cls.properties[i], values[i]);
    return values;
}

std::vector<model::ObjectKey> Tables::keys(std::int64_t partition, const model::Class& cls,
                                           const Key* after, std::size_t limit) {
    bool server = layout_ == Layout::server;
    sqlite::Query query = statement(cls, after == nullptr ? kKeys : kKeysAfter, 0, [&] {
        std::string key = quote(cls.key_column);
        std::string sql = "SELECT " + key + " FROM " + quote(cls.table) + " WHERE ";
        sql += server ? "\"rs$partition\"=?" : "1";
        return sql + (after == nullptr ? "" : " AND " + key + ">?") + " ORDER BY " + key +
               " LIMIT ?";
    });
    int index = 1;
    if (after != nullptr)
        index = bind_object(*query, 1, partition, *after);
    else if (server)
        query->bind(index++, partition);
    query->bind(index, static_cast<std::int64_t>(limit));
    std::vector<model::ObjectKey> keys;
    while (query.step())
        keys.emplace_back(read_key(*query, 0, cls.key_type));
    return keys;
}

bool Tables::insert(std::int64_t partition, const model::Class& cls, const Key& key,
                    std::span<const Scalar> values) {
    REALMSYNC_ASSERT(values.size() >= cls.properties.size());
    bool server = layout_ == Layout::server;
    auto plain = [](const model::Property& property) {
        return property.collection == Collection::single && !property.is_embedded();
    };
    std::size_t first = cls.has_key_property ? 1 : 0;
    const bool numbered = numbers(cls);
    sqlite::Query query = statement(cls, kInsert, 0, [&] {
        std::string columns = (server ? "\"rs$partition\", " : "") + quote(cls.key_column);
        std::string places = server || numbered ? "?, ?" : "?";
        if (numbered)
            columns += ", " + quote(kOrderColumn);
        for (std::size_t i = first; i < cls.properties.size(); i++) {
            if (!plain(cls.properties[i]))
                continue;
            columns += ", " + quote(cls.properties[i].column);
            places += ", ?";
        }
        return "INSERT INTO " + quote(cls.table) + "(" + columns + ") VALUES(" + places +
               ") ON CONFLICT DO NOTHING";
    });
    int index = bind_object(*query, 1, partition, key);
    if (numbered)
        query->bind(index++, next_number());
    for (std::size_t i = first; i < cls.properties.size(); i++)
        if (const model::Property& property = cls.properties[i]; plain(property)) {
            const bool left_out = values[i].type == Type::null && !property.takes_null();
            bind_scalar(*query, index++, property,
                        left_out ? model::zero_scalar(property) : values[i], scratch_);
        }
    query->run();
    return db_.changes() != 0;
}

bool Tables::dangling(std::int64_t partition, const model::Schema& schema,
                      const model::Value& value) {
    const model::Link* link = value.link();
    if (link == nullptr)
        return false;
    const model::Class* target = schema.find(link->table);
    return target == nullptr || target->embedded() || !exists(partition, *target, link->key.view());
}

void Tables::hide_dangling(std::int64_t partition, const model::Schema& schema,
                           const model::Property& property, model::Value& value) {
    if (property.type != kMixed && property.type != Type::link)
        return;
    auto hide = [&](model::Value& item) {
        if (dangling(partition, schema, item))
            item = model::Value();
        else if (item.is_container())
            hide_dangling(partition, schema, property, item);
    };
    if (model::List* list = value.list()) {
        if (property.is_link())
            list->items.erase_if(
                [&](const model::Value& item) { return dangling(partition, schema, item); });
        else
            std::for_each(list->items.begin(), list->items.end(), hide);
    } else if (model::Set* set = value.set()) {
        if (property.is_link()) // a set of Mixed keeps them
            set->items.erase_if(
                [&](const model::Value& item) { return dangling(partition, schema, item); });
    } else if (model::Dictionary* dictionary = value.dictionary()) {
        for (auto& [key, item] : dictionary->items)
            hide(item);
    } else if (model::Embedded* object = value.embedded()) {
        const model::Class* cls = schema.find(property.target);
        for (std::size_t i = 0; i < object->properties.size(); i++)
            hide_dangling(partition, schema, cls->properties[i], object->properties[i]);
    } else if (dangling(partition, schema, value)) {
        value = model::Value();
    }
}

namespace {

struct LinkSearch {
    const model::Schema& schema;
    std::string_view table;
    const Key& key;
    OwnedPath path;
    std::vector<OwnedPath> found;

    bool hit(const model::Value& value) const {
        const model::Link* link = value.link();
        return link != nullptr && link->table == table && model::equal(link->key.view(), key);
    }

    template <class Items> void search_items(const Items& items, const model::Property& property) {
        items.each_backwards([&](std::size_t index, const model::Value& item) {
            path.emplace_back(static_cast<std::uint32_t>(index));
            search(item, property);
            path.pop_back();
        });
    }

    void search(const model::Value& value, const model::Property& property) {
        if (hit(value)) {
            found.push_back(path);
        } else if (const model::List* list = value.list()) {
            search_items(list->items, property);
        } else if (const model::Set* set = value.set()) {
            search_items(set->items, property);
        } else if (const model::Dictionary* dictionary = value.dictionary()) {
            for (const auto& [name, item] : dictionary->items) {
                path.emplace_back(name);
                search(item, property);
                path.pop_back();
            }
        } else if (const model::Embedded* object = value.embedded()) {
            const model::Class* cls = schema.find(property.target);
            for (std::size_t i = 0; i < object->properties.size(); i++) {
                path.emplace_back(cls->properties[i].name);
                search(object->properties[i], cls->properties[i]);
                path.pop_back();
            }
        }
    }
};

bool may_link(const model::Schema& schema, const model::Property& property,
              std::string_view table) {
    if (property.is_link())
        return property.target == table;
    if (!property.is_embedded())
        return property.type == kMixed;
    for (const auto& [name, cls] : schema.classes) {
        if (!cls->embedded() || !Catalog::reaches(schema, property, name))
            continue;
        for (const model::Property& member : cls->properties)
            if (!member.is_embedded() && may_link(schema, member, table))
                return true;
    }
    return false;
}

} // namespace

std::vector<IncomingLink> Tables::incoming(std::int64_t partition, const model::Schema& schema,
                                           const model::Class& target, const Key& key) {
    std::vector<IncomingLink> incoming;
    for (const auto& [name, cls] : schema.classes) {
        if (cls->embedded())
            continue;
        for (std::size_t i = 0; i < cls->properties.size(); i++) {
            const model::Property& property = cls->properties[i];
            if (!may_link(schema, property, target.name))
                continue;
            bool direct = property.is_link() && property.collection == Collection::single;
            std::string column = quote(property.column);
            std::string sql = "SELECT " + quote(cls->key_column) + ", " + column + " FROM " +
                              quote(cls->table) + " WHERE ";
            if (layout_ == Layout::server)
                sql += kPartitionIs;
            if (direct)
                sql += column + "=?";
            else if (property.type == kMixed && property.collection == Collection::single)
                sql += "typeof(" + column + ")='blob'";
            else
                sql += column + " NOT IN ('[]', '{}')";
            sqlite::Query rows = db_.query(sql);
            int index = 1;
            if (layout_ == Layout::server)
                rows->bind(index++, partition);
            Scratch scratch;
            if (direct)
                bind_key(*rows, index, key, scratch);
            while (rows.step()) {
                LinkSearch search{schema, target.name, key, {}, {}};
                search.search(read_value(*rows, 1, property, schema), property);
                if (search.found.empty())
                    continue;
                model::ObjectKey owner(read_key(*rows, 0, cls->key_type));
                for (auto& path : search.found)
                    incoming.push_back({cls.get(), owner, i, std::move(path)});
            }
        }
    }
    return incoming;
}

} // namespace realmsync::tables
