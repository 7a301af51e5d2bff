#include "realm/migration.hpp"

#include <algorithm>
#include <utility>

#include "query/binding/bind.hpp"
#include "query/parsing/parse.hpp"
#include "realm/home_partition.hpp"
#include "realm/pending_bootstrap.hpp"
#include "realm/subscription_store.hpp"

namespace realmsync::realm::migration {

namespace {

// Applications do not see these subscriptions: their ids are numbers, and times are not noted.
Subscription made(std::size_t number, const std::string& cls, const std::string& query) {
    std::string id(12, '\0');
    for (std::size_t i = id.size(); number != 0; number >>= 8)
        id[--i] = static_cast<char>(number & 0xff);
    return {std::move(id), 0, 0, "flx_migrated_" + cls, cls, query};
}

// The server refuses a whole set for one class without the property.
bool is_askable(const std::string& query, const model::SchemaPtr& schema, const model::Class& cls) {
    try {
        query::bind(query::parse(query), schema, cls, {});
        return true;
    } catch (const query::QueryFault&) {
        return false;
    }
}

bool is_covered(const SubscriptionList& list, const std::string& cls) {
    return std::ranges::any_of(list.items(), [&](const Subscription& s) { return s.cls == cls; });
}

} // namespace

std::optional<std::string> query(sqlite::Database& db) {
    if (!db.integer("SELECT 1 FROM sqlite_schema WHERE name = 'rs_migration'"))
        return std::nullopt;
    sqlite::Query row = db.query("SELECT query FROM rs_migration");
    if (!row.step())
        return std::nullopt;
    return row->string(0);
}

void begin(sqlite::Database& db, const std::string& query) {
    db.exec("CREATE TABLE IF NOT EXISTS rs_migration("
            "id INTEGER PRIMARY KEY CHECK (id = 1), query TEXT NOT NULL,"
            "sentinel INTEGER NOT NULL DEFAULT 0) STRICT");
    db.run("INSERT OR REPLACE INTO rs_migration(id, query) VALUES(1, ?)", query);
    subscription_store::create(db);
    pending_bootstrap::create(db);
}

std::int64_t sentinel(sqlite::Database& db) {
    return db.integer("SELECT sentinel FROM rs_migration").value_or(0);
}

void begin_to_leave(sqlite::Database& db, std::uint64_t version) {
    const std::int64_t latest = subscription_store::load(db).latest();
    const SubscriptionList list = subscription_store::subscriptions(db, latest);
    db.run("UPDATE rs_migration SET sentinel = ?", subscription_store::add(db, list, version));
}

void stay(sqlite::Database& db) { db.run("UPDATE rs_migration SET sentinel = 0"); }

bool leave(sqlite::Database& db) {
    const std::int64_t version = sentinel(db);
    const client::Subscriptions subscriptions = subscription_store::load(db);
    const client::SubscriptionSet* set = subscriptions.find(version);
    if (version == 0 ||
        (set && (set->is_to_be_sent() || set->state == client::SetState::awaiting_mark)))
        return false;
    db.exec("DROP TABLE rs_migration");
    home_partition::forget(db);
    return true;
}

void end(sqlite::Database& db) {
    subscription_store::drop(db);
    pending_bootstrap::drop(db);
    db.exec("DROP TABLE rs_migration");
}

std::optional<SubscriptionList> covering(const SubscriptionList& list,
                                         const model::SchemaPtr& schema, const std::string& query) {
    SubscriptionList all = list;
    for (const auto& [name, cls] : schema->classes) {
        if (cls->kind != TableKind::top_level || is_covered(list, name) ||
            !is_askable(query, schema, *cls))
            continue;
        all.insert_or_assign(made(all.items().size(), name, query));
    }
    if (all.items().size() == list.items().size())
        return std::nullopt;
    return all;
}

void cover(sqlite::Database& db, const model::SchemaPtr& schema, std::uint64_t version) {
    const auto text = query(db);
    if (!text || sentinel(db) != 0)
        return;
    const std::int64_t latest = subscription_store::load(db).latest();
    const SubscriptionList list = subscription_store::subscriptions(db, latest);
    if (const auto all = covering(list, schema, *text))
        subscription_store::add(db, *all, version);
}

} // namespace realmsync::realm::migration
