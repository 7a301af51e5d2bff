// What the server engine tells the transport (one struct per event) and its counters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace realmsync::server {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

// What a user may do with a partition, or with all objects of flexible sync; each includes those
// before it.
enum class Permission : std::uint8_t { none, read, write };

struct Writable { // next_message() has something
    std::uint64_t connection;
};
struct Close { // send what next_message() still gives, then a close frame (code 0: none), end TCP
    std::uint64_t connection;
    int code;
};
struct Drop { // end TCP at once
    std::uint64_t connection;
};
struct PauseReading {
    std::uint64_t connection;
};
struct ResumeReading {
    std::uint64_t connection;
};
// What may this user do? Server::authorize() answers, and authorize_roles() for a session of
// flexible sync.
struct Authorize {
    std::uint64_t connection;
    std::uint64_t session;
    std::uint64_t question; // the session's newest counts
    std::string partition;  // canonical value; of no matter in flexible sync
    bool is_flexible = false;
};
struct Administered { // what an operator asked for is done, or why it is not
    std::uint64_t task;
    std::string error;                 // empty: done
    std::optional<std::string> schema; // if that was asked for, as a changeset
    bool has_client_files = false;     // the app, if that was asked for
};
struct FieldsDiscovered { // development mode: subscriptions may ask about them from now on
    std::string app_id;
    std::string cls;
    std::vector<std::string> fields;
};
struct StorageFailed {
    std::string message;
};
struct Log {
    LogLevel level;
    std::string text;
};
using Event = std::variant<Writable, Close, Drop, PauseReading, ResumeReading, Authorize,
                           Administered, FieldsDiscovered, StorageFailed, Log>;

struct Stats {
    std::uint64_t connections = 0;   // now open
    std::uint64_t sessions = 0;      // now bound or binding
    std::uint64_t partitions = 0;    // known to the engine
    std::uint64_t backlog_bytes = 0; // of accepted uploads, inflated
    std::uint64_t messages_received = 0;
    std::uint64_t messages_sent = 0;
    std::uint64_t changesets_integrated = 0;
    std::uint64_t downloads_sent = 0;
    std::uint64_t session_errors = 0;
    std::uint64_t connection_errors = 0;
};

} // namespace realmsync::server
