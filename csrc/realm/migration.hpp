// Files that applications open by partition while their server has gone over to flexible sync
// (flexible-sync.md 15): the note of that, and what such a file subscribes to. Plain functions
// inside the caller's transaction. It is noted with the commit that makes the file what the server
// has, and never before (client_reset.cpp): of a migration that was interrupted the server says so
// again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/schema.hpp"
#include "realm/subscription_list.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::realm::migration {

inline constexpr std::string_view kTable = "rs_migration";

// The query that the server has given for the file's partition; none: the file is no such one.
std::optional<std::string> query(sqlite::Database& db);
// The subscription set with whose completion the file leaves its partition, as its application is
// of flexible sync by now (15.5); 0: none.
std::int64_t sentinel(sqlite::Database& db);
// Sets it, with what is subscribed to, as of this version of the file; and forgets it, since the
// application knows of the partition after all.
void begin_to_leave(sqlite::Database& db, std::uint64_t version);
void stay(sqlite::Database& db);
// Whether the sentinel is complete, or cannot be any more: the file is flexible alone by now.
bool leave(sqlite::Database& db);
// Makes it one, with places for subscriptions and none in them; and no longer one, nor flexible.
void begin(sqlite::Database& db, const std::string& query);
void end(sqlite::Database& db);

// `list` and the same query for each top-level class that nothing of it is for, if the query can be
// asked of the class; none: there is no such class.
std::optional<SubscriptionList> covering(const SubscriptionList& list,
                                         const model::SchemaPtr& schema, const std::string& query);
// In a migrated file: subscribes to classes that have come with this version of it. Any other file
// is left alone.
void cover(sqlite::Database& db, const model::SchemaPtr& schema, std::uint64_t version);

} // namespace realmsync::realm::migration
