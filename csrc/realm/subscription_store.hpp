// The subscription sets of a realm file (flexible-sync.md 3): what is subscribed to, and how far
// the server has come with it. One row of rs_subscription_set per set that is not superseded,
// rs_subscription beside it. Plain functions inside the caller's transaction; how a set is edited
// is subscription_list.hpp, when a transition is due is client/session_flexible.cpp's business.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "base/error.hpp"
#include "client/store.hpp"
#include "realm/subscription_list.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::realm {

// An object of a class that nothing is subscribed to was to be created (9.1).
class NoSubscription : public ErrorException {
  public:
    explicit NoSubscription(const std::string& cls)
        : ErrorException({ErrorKind::illegal_operation,
                          "Cannot write to class " + cls +
                              " when no flexible sync subscription has been created."}) {}
};

// A file is synchronised by partition, or flexibly, as is not asked for (12.3).
class OtherSyncMode : public ErrorException {
  public:
    explicit OtherSyncMode(const std::string& path)
        : ErrorException({ErrorKind::illegal_operation,
                          "Realm at path '" + path +
                              "' already opened in a different synchronization mode"}) {}
};

} // namespace realmsync::realm

namespace realmsync::realm::subscription_store {

// With the empty set of version 0, unless it is there: that makes the file one of flexible sync.
void create(sqlite::Database& db);
bool is_there(sqlite::Database& db);
void drop(sqlite::Database& db); // it is one of flexible sync no more

client::Subscriptions load(sqlite::Database& db); // O(sets), of which few are not superseded
SubscriptionList subscriptions(sqlite::Database& db, std::int64_t version);
// What QUERY and IDENT carry (4); `{}` for a version that has no row.
std::string body(sqlite::Database& db, std::int64_t version);
// Classes with a subscription in the latest set (9.1).
std::set<std::string, std::less<>> writable_classes(sqlite::Database& db);

// A new set, committed with this version of the file; its own version (3.5).
std::int64_t add(sqlite::Database& db, const SubscriptionList& list, std::uint64_t snapshot);

// Transitions (3.4). The first and the third throw ErrorException, bad_message, for what a server
// may not send.
void begin_bootstrap(sqlite::Database& db, std::int64_t version);
void end_bootstrap(sqlite::Database& db, std::int64_t version);
void reject(sqlite::Database& db, std::int64_t version, const std::string& message);
void abandon_bootstrap(sqlite::Database& db);
void complete(sqlite::Database& db, std::int64_t version);

// In a copy that is another client, whose history begins anew: none waits for a version of the old.
void detach(sqlite::Database& db);

// After a client reset (14): the active set is Complete, later ones are sent again, or dropped.
void restart(sqlite::Database& db, bool keeps_pending);

} // namespace realmsync::realm::subscription_store
