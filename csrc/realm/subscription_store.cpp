#include "realm/subscription_store.hpp"

#include <map>
#include <optional>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "wire/query_body.hpp"

namespace realmsync::realm::subscription_store {

using client::SetState;
using client::SubscriptionSet;

namespace {

std::int64_t code(SetState state) { return static_cast<std::int64_t>(state); }

SetState to_state(std::int64_t stored) {
    switch (static_cast<SetState>(stored)) {
    case SetState::pending:
    case SetState::bootstrapping:
    case SetState::complete:
    case SetState::error:
    case SetState::awaiting_mark: return static_cast<SetState>(stored);
    }
    corrupt("a subscription set of a realm file has an unknown state");
}

std::optional<SubscriptionSet> find(sqlite::Database& db, std::int64_t version) {
    auto row = db.query("SELECT state, snapshot, error FROM rs_subscription_set WHERE version = ?",
                        version);
    if (!row.step())
        return std::nullopt;
    return SubscriptionSet{version, to_state(row->integer(0)), row->unsigned_integer(1),
                           row->string(2)};
}

void set_state(sqlite::Database& db, std::int64_t version, SetState state) {
    db.run("UPDATE rs_subscription_set SET state = ? WHERE version = ?", code(state), version);
}

void insert(sqlite::Database& db, std::int64_t version, std::uint64_t snapshot) {
    db.run("INSERT INTO rs_subscription_set(version, state, snapshot, error) VALUES(?, ?, ?, '')",
           version, code(SetState::pending), snapshot);
}

void erase_below(sqlite::Database& db, std::int64_t version) {
    db.run("DELETE FROM rs_subscription WHERE version < ?", version);
    db.run("DELETE FROM rs_subscription_set WHERE version < ?", version);
}

std::int64_t latest(sqlite::Database& db) {
    const auto found = db.integer("SELECT max(version) FROM rs_subscription_set");
    REALMSYNC_ASSERT(found);
    return *found;
}

} // namespace

void create(sqlite::Database& db) {
    if (is_there(db))
        return;
    db.exec("CREATE TABLE rs_subscription_set("
            "version INTEGER PRIMARY KEY, state INTEGER NOT NULL,"
            "snapshot INTEGER NOT NULL, error TEXT NOT NULL) STRICT;"
            "CREATE TABLE rs_subscription("
            "version INTEGER NOT NULL, position INTEGER NOT NULL,"
            "id BLOB NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
            "name TEXT, class TEXT NOT NULL, query TEXT NOT NULL,"
            "PRIMARY KEY(version, position)) STRICT, WITHOUT ROWID");
    insert(db, 0, 0);
}

bool is_there(sqlite::Database& db) {
    return db.integer("SELECT 1 FROM sqlite_schema WHERE name = 'rs_subscription_set'").has_value();
}

void drop(sqlite::Database& db) {
    db.exec("DROP TABLE rs_subscription; DROP TABLE rs_subscription_set");
}

client::Subscriptions load(sqlite::Database& db) {
    client::Subscriptions result;
    auto row = db.query("SELECT version, state, snapshot, error FROM rs_subscription_set "
                        "ORDER BY version");
    while (row.step())
        result.sets.push_back(
            {row->integer(0), to_state(row->integer(1)), row->unsigned_integer(2), row->string(3)});
    if (result.sets.empty())
        corrupt("the realm file has lost its subscription sets");
    return result;
}

SubscriptionList subscriptions(sqlite::Database& db, std::int64_t version) {
    SubscriptionList::Items items;
    auto row = db.query("SELECT id, created_ms, updated_ms, name, class, query "
                        "FROM rs_subscription WHERE version = ? ORDER BY position",
                        version);
    while (row.step()) {
        Subscription& s = items.emplace_back();
        s.id = row->string(0);
        s.created_ms = row->integer(1);
        s.updated_ms = row->integer(2);
        if (!row->is_null(3))
            s.name = row->string(3);
        s.cls = row->string(4);
        s.query = row->string(5);
    }
    return SubscriptionList(std::move(items));
}

std::string body(sqlite::Database& db, std::int64_t version) {
    std::map<std::string, std::set<std::string>, std::less<>> texts;
    auto row = db.query("SELECT class, query FROM rs_subscription WHERE version = ?", version);
    while (row.step())
        texts[row->string(0)].insert(row->string(1));
    return wire::format_query_body(texts);
}

std::set<std::string, std::less<>> writable_classes(sqlite::Database& db) {
    std::set<std::string, std::less<>> classes;
    auto row = db.query("SELECT DISTINCT class FROM rs_subscription WHERE version = ?", latest(db));
    while (row.step())
        classes.insert(row->string(0));
    return classes;
}

std::int64_t add(sqlite::Database& db, const SubscriptionList& list, std::uint64_t snapshot) {
    const std::int64_t version = latest(db) + 1;
    insert(db, version, snapshot);
    std::int64_t position = 0;
    for (const Subscription& s : list.items()) {
        constexpr std::string_view sql =
            "INSERT INTO rs_subscription(version, position, id, created_ms, updated_ms, class, "
            "query, name) VALUES(?, ?, ?, ?, ?, ?, ?, ?)";
        if (s.name)
            db.run(sql, version, position++, sqlite::Blob{s.id}, s.created_ms, s.updated_ms, s.cls,
                   s.query, *s.name);
        else
            db.run(sql, version, position++, sqlite::Blob{s.id}, s.created_ms, s.updated_ms, s.cls,
                   s.query, sqlite::Null{});
    }
    return version;
}

void begin_bootstrap(sqlite::Database& db, std::int64_t version) {
    const auto set = find(db, version);
    if (!set)
        raise(ErrorKind::bad_message,
              "Received bootstrap for nonexistent query version " + std::to_string(version));
    if (set->state == SetState::error)
        raise(ErrorKind::bad_message, "Received bootstrap for query version " +
                                          std::to_string(version) + " after receiving the error '" +
                                          set->error + "'");
    if (set->state == SetState::pending)
        set_state(db, version, SetState::bootstrapping);
}

void end_bootstrap(sqlite::Database& db, std::int64_t version) {
    const auto set = find(db, version);
    REALMSYNC_ASSERT(set && set->state != SetState::pending && set->state != SetState::error);
    if (set->state != SetState::bootstrapping)
        return; // one that the server has sent unasked: nothing is superseded by it
    set_state(db, version, SetState::awaiting_mark);
    erase_below(db, version);
}

void abandon_bootstrap(sqlite::Database& db) {
    db.run("UPDATE rs_subscription_set SET state = ? WHERE state = ?", code(SetState::pending),
           code(SetState::bootstrapping));
}

void complete(sqlite::Database& db, std::int64_t version) {
    db.run("UPDATE rs_subscription_set SET state = ? WHERE version = ? AND state = ?",
           code(SetState::complete), version, code(SetState::awaiting_mark));
}

void reject(sqlite::Database& db, std::int64_t version, const std::string& message) {
    const auto set = find(db, version);
    if (!set)
        raise(ErrorKind::bad_message,
              "Invalid state update for nonexistent query version " + std::to_string(version));
    if (set->state == SetState::complete)
        raise(ErrorKind::bad_message,
              "Received error '" + message + "' for already-completed query version " +
                  std::to_string(version) +
                  ". This may be due to a queryable field being removed in the server-side "
                  "configuration making the previous subscription set no longer valid");
    db.run("UPDATE rs_subscription_set SET state = ?, error = ? WHERE version = ?",
           code(SetState::error), message, version);
}

void detach(sqlite::Database& db) {
    abandon_bootstrap(db);
    db.exec("UPDATE rs_subscription_set SET snapshot = 0");
}

void restart(sqlite::Database& db, bool keeps_pending) {
    const std::int64_t active = load(db).active_version();
    db.run("UPDATE rs_subscription_set SET state = ?, error = '' WHERE version = ?",
           code(SetState::complete), active);
    abandon_bootstrap(db);
    if (keeps_pending)
        return;
    db.run("DELETE FROM rs_subscription WHERE version > ?", active);
    db.run("DELETE FROM rs_subscription_set WHERE version > ?", active);
}

} // namespace realmsync::realm::subscription_store
