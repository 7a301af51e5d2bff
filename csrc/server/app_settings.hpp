// What the server obeys of an app's configuration while clients are connected: any of it may change
// at any time (app-configuration.md 4.1, 4.3, 4.4). Who may do what is asked of the owner of the
// engine (Authorize); the schema is the store's.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "views/query_set.hpp"
#include "wire/message.hpp"
#include "wire/partition_value.hpp"

namespace realmsync::server {

// Which clients an app has. Both: one without a configuration, which takes whoever comes.
enum class SyncMode : std::uint8_t { both, partition, flexible };

enum class PartitionType : std::uint8_t { any, string, object_id, integer, uuid };

struct AppSettings {
    bool in_development = true; // clients may add classes and properties
    bool is_paused = false;     // nobody is served, nothing is lost
    SyncMode sync_mode = SyncMode::both;
    // What partitions are told apart by: the property of objects that holds it (empty: none), the
    // type of its values, and whether null is none. In a flexible app, what they were told apart by
    // before it went over to flexible sync: clients that know of partitions are to follow.
    std::string partition_key;
    PartitionType partition_type = PartitionType::any;
    bool needs_partition = false;
    std::int64_t max_offline_ms = 0; // after which a client file expires, 0: never
    bool may_recover = true;         // clients that are reset keep what they have not uploaded
    // Flexible sync: versions of the schema that clients may have; none: any.
    std::optional<std::set<std::uint64_t>> schema_versions;
    // What subscriptions may ask about.
    views::QueryableFields queryable = {.takes_all = true};
};

// Whether the app has clients of this mode.
bool takes(const AppSettings& settings, wire::Mode mode);

// Whether clients of the other mode are heard as far as BIND, as they may be told to change theirs
// (flexible-sync.md 15).
bool leads_over(const AppSettings& settings, wire::Mode mode, int protocol_version);

// Why the app has no such partition.
std::optional<std::string> illegal_partition(const AppSettings& settings,
                                             const wire::PartitionValue& value);

} // namespace realmsync::server
