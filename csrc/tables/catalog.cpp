#include "tables/catalog.hpp"

#include <set>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "tables/column_index.hpp"
#include "tables/text_index.hpp"

namespace realmsync::tables {

namespace {

constexpr const char* kInternalTables = R"(
CREATE TABLE rs_schema(partition INTEGER PRIMARY KEY, version INTEGER NOT NULL);
CREATE TABLE rs_class(
  partition INTEGER NOT NULL, class TEXT NOT NULL, kind INTEGER NOT NULL,
  key_property TEXT NOT NULL, key_type INTEGER NOT NULL, key_nullable INTEGER NOT NULL,
  sql_table TEXT NOT NULL, key_column TEXT NOT NULL,
  PRIMARY KEY(partition, class)) WITHOUT ROWID;
CREATE TABLE rs_prop(
  partition INTEGER NOT NULL, class TEXT NOT NULL, property TEXT NOT NULL,
  position INTEGER NOT NULL, type INTEGER NOT NULL, collection INTEGER NOT NULL,
  nullable INTEGER NOT NULL, target TEXT NOT NULL, sql_column TEXT NOT NULL,
  PRIMARY KEY(partition, class, property)) WITHOUT ROWID;
)";

// What strangers may add on a server: more than any app has, and little enough for the others.
constexpr std::size_t kServerClasses = 500; // of a partition
constexpr std::size_t kServerTotal = 5000;  // of all classes of a partition

void check_name(std::string_view name, std::size_t limit, const char* what) {
    if (name.empty() || name.size() > limit || name.find('\0') != name.npos)
        raise(ErrorKind::bad_changeset, std::string("Invalid ") + what + " name '" +
                                            std::string(name.substr(0, 100)) + "': 1 to " +
                                            std::to_string(limit) + " bytes, no U+0000");
}

// Everything that distinguishes one schema from another.
std::string content(const model::Schema& schema) {
    std::string text;
    auto add = [&](std::string_view part) {
        text += std::to_string(part.size());
        text += ':';
        text += part;
    };
    for (const auto& [name, cls] : schema.classes) {
        add(name);
        add(definition(*cls) + std::to_string(static_cast<int>(cls->kind)));
        add(cls->table);
        add(cls->key_column);
        for (const model::Property& property : cls->properties) {
            add(property.name);
            add(property.column);
            add(definition(property));
        }
        text += ';';
    }
    return text;
}

const model::Class& need_class(const model::Schema& schema, std::string_view name) {
    const model::Class* cls = schema.find(name);
    if (cls == nullptr)
        raise(ErrorKind::bad_changeset, "Table '" + std::string(name) + "' does not exist");
    return *cls;
}

void resolve_target(const model::Schema& schema, model::Property& property) {
    if (property.type != Type::link)
        return;
    const model::Class* target = schema.find(property.target);
    if (target == nullptr)
        corrupt("rs_prop names a missing class " + property.target);
    property.target_embedded = target->embedded();
    property.target_key_type = target->key_type;
}

// What AddColumn declares. Throws for what no schema can have.
model::Property declared_property(const model::Schema& schema, const std::string& what,
                                  std::string_view name, Type type, bool nullable,
                                  Collection collection, std::string_view target) {
    if (static_cast<int>(type) < 0)
        raise(ErrorKind::bad_changeset, "AddColumn " + what + ": no property type");
    if (type == Type::link) {
        const model::Class* linked = schema.find(target);
        if (target.empty() || linked == nullptr)
            raise(ErrorKind::bad_changeset, "AddColumn " + what + ": link target class '" +
                                                std::string(target) + "' does not exist");
        if (linked->embedded() && collection == Collection::set)
            raise(ErrorKind::schema, "AddColumn " + what + ": no sets of embedded objects");
        if (linked->kind == TableKind::asymmetric)
            raise(ErrorKind::schema, "AddColumn " + what + ": no links to asymmetric classes");
        nullable = collection == Collection::single || collection == Collection::dictionary;
    } else if (!target.empty()) {
        raise(ErrorKind::bad_changeset, "AddColumn " + what + ": only links have a target class");
    }
    model::Property property{.name = std::string(name),
                             .type = type,
                             .collection = collection,
                             .nullable = nullable || type == kMixed,
                             .target = std::string(target)};
    resolve_target(schema, property);
    return property;
}

void check_same(const model::Property& existing, const model::Property& property,
                const std::string& what) {
    std::string mismatch = "Schema mismatch for existing column " + what + ": ";
    if (existing.type != property.type)
        raise(ErrorKind::schema, mismatch + "types differ");
    if (existing.collection != property.collection)
        raise(ErrorKind::schema, mismatch + "collection kinds differ");
    if (existing.target != property.target)
        raise(ErrorKind::schema, mismatch + "link targets differ");
    if (existing.nullable != property.nullable)
        raise(ErrorKind::schema, mismatch + "nullability differs");
}

bool primary_key_type(Type type) {
    return type == Type::integer || type == Type::string || type == Type::object_id ||
           type == Type::uuid;
}

} // namespace

Catalog::Catalog(sqlite::Database& db, Layout layout)
    : db_(db), layout_(layout), sql_tables_(db, layout) {
    if (!db.integer("SELECT 1 FROM sqlite_schema WHERE name='rs_column'")) { // the last one
        db.exec(kInternalTables);
        SqlTables::create_notes(db);
    }
    rollbacks_seen_ = db.rollbacks();
}

model::SchemaPtr Catalog::schema(std::int64_t partition) {
    notice_rollbacks();
    finish_draft();
    std::int64_t version =
        db_.integer("SELECT version FROM rs_schema WHERE partition=?", partition).value_or(0);
    Cached& cached = cache_[partition];
    if (cached.schema == nullptr || cached.version != version)
        cached = {version, load(partition)};
    return cached.schema;
}

void Catalog::notice_rollbacks() {
    if (rollbacks_seen_ == db_.rollbacks())
        return;
    for (std::int64_t changed : changed_)
        cache_.erase(changed);
    changed_.clear();
    draft_.reset();
    sql_tables_.discard();
    rollbacks_seen_ = db_.rollbacks();
}

model::SchemaPtr Catalog::load(std::int64_t partition) {
    model::Schema schema;
    std::map<std::string, std::shared_ptr<model::Class>> classes;
    sqlite::Query rows =
        db_.query("SELECT class, kind, key_property, key_type, key_nullable, sql_table,"
                  " key_column FROM rs_class WHERE partition=?",
                  partition);
    while (rows.step()) {
        auto cls = std::make_shared<model::Class>();
        cls->name = rows->string(0);
        cls->kind = static_cast<TableKind>(rows->integer(1));
        cls->key_type = static_cast<Type>(rows->integer(3));
        cls->key_nullable = rows->integer(4) != 0;
        cls->has_key_property = primary_key_type(cls->key_type);
        cls->table = rows->string(5);
        cls->key_column = rows->string(6);
        classes[cls->name] = cls;
        schema.classes[cls->name] = cls;
    }
    sqlite::Query props =
        db_.query("SELECT class, property, type, collection, nullable, target, sql_column"
                  " FROM rs_prop WHERE partition=? ORDER BY class, position",
                  partition);
    while (props.step()) {
        model::Property property;
        property.name = props->string(1);
        property.type = static_cast<Type>(props->integer(2));
        property.collection = static_cast<Collection>(props->integer(3));
        property.nullable = props->integer(4) != 0;
        property.target = props->string(5);
        property.column = props->string(6);
        resolve_target(schema, property);
        classes.at(props->string(0))->properties.push_back(std::move(property));
    }
    for (auto& [name, cls] : classes)
        cls->index();
    return share(std::move(schema));
}

model::SchemaPtr Catalog::share(model::Schema schema) {
    std::string key = content(schema);
    std::weak_ptr<const model::Schema>& known = shared_[key];
    model::SchemaPtr shared = known.lock();
    if (shared == nullptr)
        known = shared = std::make_shared<const model::Schema>(std::move(schema));
    if (shared_.size() > 64 && shared_.size() > 2 * cache_.size())
        std::erase_if(shared_, [](const auto& entry) { return entry.second.expired(); });
    return shared;
}

model::SchemaPtr Catalog::store_next(std::int64_t partition, model::Schema schema) {
    db_.run("INSERT INTO rs_schema VALUES(?, 1) ON CONFLICT(partition)"
            " DO UPDATE SET version=version+1",
            partition);
    std::int64_t version =
        db_.integer("SELECT version FROM rs_schema WHERE partition=?", partition).value_or(0);
    changed_.insert(partition);
    model::SchemaPtr shared = share(std::move(schema));
    cache_[partition] = {version, shared};
    return shared;
}

// Additions. A draft collects them: they become one version of the schema, and few statements.

Catalog::Draft& Catalog::draft(std::int64_t partition) {
    notice_rollbacks();
    if (draft_ && draft_->partition != partition)
        finish_draft();
    if (!draft_) {
        model::Schema before = *schema(partition);
        draft_.emplace(Draft{partition, std::move(before), {}, {}, 0});
        for (const auto& [name, cls] : draft_->schema.classes)
            draft_->properties += cls->properties.size();
    }
    return *draft_;
}

model::Class& Catalog::change(Draft& draft, std::string_view cls) {
    auto found = draft.changed.find(cls);
    if (found == draft.changed.end()) {
        auto copy = std::make_shared<model::Class>(need_class(draft.schema, cls));
        found = draft.changed.emplace(copy->name, copy).first;
        draft.schema.classes[copy->name] = copy;
    }
    return *found->second;
}

std::uint64_t Catalog::cost_of_additions() { return draft_ ? sql_tables_.cost() : 0; }

void Catalog::finish_draft() {
    if (!draft_)
        return;
    Draft done = std::move(*draft_);
    draft_.reset();
    if (done.changed.empty())
        return sql_tables_.discard();
    sql_tables_.make();
    for (const auto& [name, cls] : done.changed)
        cls->index();
    store_next(done.partition, std::move(done.schema));
}

bool Catalog::add_class(std::int64_t partition, std::string_view name, TableKind kind,
                        std::string_view key_name, Type key_type, bool key_nullable) {
    Draft& draft = this->draft(partition);
    check_name(name, model::kMaxClassName, "class");
    std::string what = "The existing table '" + std::string(name) + "' ";
    bool embedded = kind == TableKind::embedded;
    bool has_key = !embedded && key_type != Type::global_key;
    if (has_key) {
        check_name(key_name, model::kMaxPropertyName, "property");
        if (!primary_key_type(key_type))
            raise(ErrorKind::bad_changeset, "Invalid primary key type in AddTable");
    } else if (!embedded && (!key_name.empty() || key_nullable)) {
        raise(ErrorKind::bad_changeset,
              "AddTable '" + std::string(name) + "': a class without primary key names one");
    }
    if (const model::Class* existing = draft.schema.find(name)) {
        if (embedded && !existing->embedded())
            raise(ErrorKind::schema, what + "is not embedded");
        bool same = existing->kind == kind &&
                    (embedded ||
                     (existing->key_type == key_type && existing->key_nullable == key_nullable &&
                      existing->has_key_property == has_key &&
                      (!has_key || existing->key_name() == key_name)));
        if (!same)
            raise(ErrorKind::schema, what + "has different properties");
        return false;
    }
    if (layout_ == Layout::server && draft.schema.classes.size() >= kServerClasses)
        raise(ErrorKind::limit_exceeded,
              "A partition has at most " + std::to_string(kServerClasses) + " classes");
    auto cls = std::make_shared<model::Class>();
    cls->name = name;
    cls->kind = kind;
    if (!embedded) {
        cls->key_type = key_type;
        cls->key_nullable = key_nullable;
        cls->has_key_property = has_key;
        cls->key_column = has_key ? SqlTables::key_column(key_name) : "rs$key";
        if (has_key)
            cls->properties.push_back({.name = std::string(key_name),
                                       .type = key_type,
                                       .nullable = key_nullable,
                                       .column = cls->key_column});
        cls->index();
        cls->table = sql_tables_.place(*cls);
    } else if (sql_tables_.is_fixed()) {
        sql_tables_.require_known(db_.integer("SELECT 1 FROM rs_class WHERE class=? AND kind=?",
                                              name, static_cast<int>(kind))
                                      .has_value(),
                                  name);
    }
    db_.run("INSERT INTO rs_class VALUES(?, ?, ?, ?, ?, ?, ?, ?)", partition, name,
            static_cast<int>(kind), has_key ? key_name : "", static_cast<int>(cls->key_type),
            cls->key_nullable, cls->table, cls->key_column);
    if (has_key)
        db_.run("INSERT INTO rs_prop VALUES(?, ?, ?, 0, ?, 0, ?, '', ?)", partition, name, key_name,
                static_cast<int>(key_type), key_nullable, cls->key_column);
    draft.properties += cls->properties.size();
    draft.schema.classes[cls->name] = cls;
    draft.changed[cls->name] = std::move(cls);
    return true;
}

bool Catalog::add_property(std::int64_t partition, std::string_view cls_name, std::string_view name,
                           Type type, bool nullable, Collection collection,
                           std::string_view target) {
    Draft& draft = this->draft(partition);
    const model::Class& cls = need_class(draft.schema, cls_name);
    check_name(name, model::kMaxPropertyName, "property");
    const model::Property property = declared_property(draft.schema, in_class(cls_name, name), name,
                                                       type, nullable, collection, target);
    if (std::size_t at = cls.find(name); at != model::Class::npos) {
        check_same(cls.properties[at], property, in_class(cls_name, name));
        return false;
    }
    if (cls.properties.size() >=
        (layout_ == Layout::server ? kServerProperties : model::kMaxProperties))
        raise(ErrorKind::limit_exceeded, "Class '" + cls.name + "' has too many properties");
    if (layout_ == Layout::server && draft.properties >= kServerTotal)
        raise(ErrorKind::limit_exceeded,
              "A partition's classes have at most " + std::to_string(kServerTotal) + " properties");
    add_column(draft, change(draft, cls_name), property);
    ++draft.properties;
    return true;
}

void Catalog::add_column(Draft& draft, model::Class& cls, model::Property property) {
    if (!cls.embedded())
        property.column = sql_tables_.place(cls, property);
    else if (sql_tables_.is_fixed())
        sql_tables_.require_known(
            db_.integer("SELECT 1 FROM rs_prop WHERE class=? AND property=? AND type=?"
                        " AND collection=? AND nullable=? AND target=?",
                        cls.name, property.name, static_cast<int>(property.type),
                        static_cast<int>(property.collection), property.nullable, property.target)
                .has_value(),
            in_class(cls.name, property.name));
    auto [position, unknown] = draft.positions.try_emplace(cls.name, 0);
    if (unknown)
        position->second = db_.integer("SELECT ifnull(max(position), 0) FROM rs_prop"
                                       " WHERE partition=? AND class=?",
                                       draft.partition, cls.name)
                               .value_or(0);
    db_.run("INSERT INTO rs_prop VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", draft.partition, cls.name,
            property.name, ++position->second, static_cast<int>(property.type),
            static_cast<int>(property.collection), property.nullable, property.target,
            property.column);
    cls.append(std::move(property));
}

model::SchemaPtr Catalog::erase_class(std::int64_t partition, std::string_view name) {
    model::SchemaPtr old = schema(partition);
    const model::Class& cls = need_class(*old, name);
    for (const auto& [other, linking] : old->classes)
        for (const model::Property& property : linking->properties)
            if (property.type == Type::link && property.target == name && other != name)
                raise(ErrorKind::bad_changeset, "EraseTable: '" + std::string(name) +
                                                    "' is the target of " +
                                                    in_class(other, property.name));
    for (const model::Property& property : cls.properties)
        drop_index(cls, property);
    if (!cls.embedded())
        sql_tables_.drop(partition, cls);
    return forget_class(partition, *old, name);
}

model::SchemaPtr Catalog::forget_class(std::int64_t partition, model::Schema next,
                                       std::string_view name) {
    db_.run("DELETE FROM rs_prop WHERE partition=? AND class=?", partition, name);
    db_.run("DELETE FROM rs_class WHERE partition=? AND class=?", partition, name);
    next.classes.erase(std::string(name));
    return store_next(partition, std::move(next));
}

model::SchemaPtr Catalog::erase_property(std::int64_t partition, std::string_view cls_name,
                                         std::string_view name) {
    model::SchemaPtr old = schema(partition);
    const model::Class& cls = need_class(*old, cls_name);
    std::size_t at = cls.find(name);
    if (at == model::Class::npos)
        raise(ErrorKind::bad_changeset, "No such field: " + in_class(cls_name, name));
    if (at == 0 && cls.has_key_property)
        raise(ErrorKind::bad_changeset,
              "EraseColumn: " + in_class(cls_name, name) + " is the primary key");
    drop_index(cls, cls.properties[at]);
    if (!cls.embedded())
        sql_tables_.drop(partition, cls, cls.properties[at]);
    db_.run("DELETE FROM rs_prop WHERE partition=? AND class=? AND property=?", partition, cls_name,
            name);
    auto next_cls = std::make_shared<model::Class>(cls);
    next_cls->properties.erase(next_cls->properties.begin() + static_cast<std::ptrdiff_t>(at));
    next_cls->index();
    model::Schema next = *old;
    next.classes[next_cls->name] = next_cls;
    return store_next(partition, std::move(next));
}

void Catalog::erase_all(std::int64_t partition) {
    const model::SchemaPtr old = schema(partition);
    for (const auto& [name, cls] : old->classes) {
        for (const model::Property& property : cls->properties)
            drop_index(*cls, property);
        if (!cls->embedded())
            sql_tables_.drop(partition, *cls);
    }
    db_.run("DELETE FROM rs_prop WHERE partition=?", partition);
    db_.run("DELETE FROM rs_class WHERE partition=?", partition);
    store_next(partition, {});
}

model::SchemaPtr Catalog::detach_class(std::string_view name, const std::string& table) {
    REALMSYNC_ASSERT(layout_ == Layout::client);
    const model::SchemaPtr old = schema(kOnlyPartition);
    const model::Class& cls = need_class(*old, name);
    for (const model::Property& property : cls.properties)
        drop_index(cls, property);
    if (!cls.embedded())
        sql_tables_.hand_over(cls, table);
    return forget_class(kOnlyPartition, *old, name);
}

// Before the column goes: triggers and indexes name it.
void Catalog::drop_index(const model::Class& cls, const model::Property& property) {
    if (layout_ != Layout::client)
        return;
    if (property.type == Type::string)
        text_index::drop(db_, cls, property);
    if (column_index::is_possible(cls, property))
        column_index::drop(db_, cls, property);
}

bool Catalog::reaches(const model::Schema& schema, const model::Property& property,
                      std::string_view embedded) {
    std::set<std::string_view> seen;
    std::vector<const model::Property*> open{&property};
    while (!open.empty()) {
        const model::Property* next = open.back();
        open.pop_back();
        if (!next->is_embedded() || !seen.insert(next->target).second)
            continue;
        if (next->target == embedded)
            return true;
        for (const model::Property& member : schema.find(next->target)->properties)
            open.push_back(&member);
    }
    return false;
}

} // namespace realmsync::tables
