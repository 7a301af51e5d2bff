// The protocol's error codes: level, what the client does with them, which must never be sent
// (wire-protocol.md section 10, server-behaviour.md 10.4, 10.5, client-session.md 12.5), and the
// JSON bodies of errors and log messages.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace realmsync::wire {

enum class Code : std::int32_t { // only those a server may send, and those a client may
    connection_closed = 100,
    other_error = 101,
    unknown_message = 102,
    bad_syntax = 103,
    wrong_protocol_version = 105,
    bad_session_ident = 106,
    reuse_of_session_ident = 107,
    bound_in_other_session = 108,
    bad_message_order = 109,
    bad_decompression = 110,
    bad_changeset_header_syntax = 111,
    bad_changeset_size = 112,
    switch_to_flx_sync = 113,
    switch_to_pbs = 114,
    session_closed = 200,
    other_session_error = 201,
    illegal_realm_path = 204,
    permission_denied = 206,
    bad_client_file_ident = 208,
    bad_server_version = 209,
    bad_client_version = 210,
    diverging_histories = 211,
    bad_changeset = 212,
    bad_origin_file_ident = 216,
    bad_client_file = 217,
    client_file_expired = 222,
    user_mismatch = 223,
    invalid_schema_change = 225,
    bad_query = 226,
    server_permissions_changed = 228,
    initial_sync_not_completed = 229,
    write_not_allowed = 230,
    compensating_write = 231,
    migrate_to_flx = 232,
    bad_progress = 233,
    revert_to_pbs = 234,
    bad_schema_version = 235,
    schema_version_changed = 236,
};

enum class Level : std::uint8_t { connection, session };

struct CodeInfo {
    std::int32_t code;
    std::string_view name;    // bad_syntax
    std::string_view status;  // SyncProtocolInvariantFailed: what an application sees
    std::int32_t status_code; // 1038
    Level level;
    bool try_again;          // what our server sends
    std::string_view action; // what our server sends
    bool lethal;             // terminates a real client's process: never sent (format.hpp throws)
    bool resets_client;      // by `action`: the client throws away what it has not uploaded
};
const CodeInfo* find_code(std::int32_t code); // nullptr: undefined
std::span<const CodeInfo> code_table();       // ascending

// Whether an error with this code may come with this session ident, 0 being the connection
// (section 10.3). Undefined codes are legal for sessions.
bool is_legal_level(std::int32_t code, std::uint64_t session);

// The code with which a server answers, and a client reports, an error value.
Code protocol_code(const Error& error);

struct RejectedUpdate {
    std::string table;
    std::string reason;
    std::string key; // the primary key in the payload encoding, see primary_key.hpp
};

// What a JSON_ERROR says (section 10.2).
struct ErrorInfo {
    std::string message;
    std::string log_url;
    bool should_client_reset = false;
    bool is_recovery_mode_disabled = false;
    bool try_again = false;
    std::string action;
    struct Backoff {
        std::int64_t interval_s, max_delay_s, multiplier;
    };
    std::optional<Backoff> backoff;
    std::optional<std::vector<RejectedUpdate>> rejected_updates;   // mandatory with 231
    std::int64_t rejected_client_version = 0;                      // stands with rejected_updates
    std::optional<std::int64_t> compensating_write_server_version; // mandatory with 231
    std::string partition_query;                                   // mandatory with 232
    std::optional<std::uint64_t> previous_schema_version;          // mandatory with 236
};
// Keys that stand only with a certain code are checked for that code.
Result<ErrorInfo> parse_error_info(std::string_view json, std::int32_t code);
// What our server says for a code: try_again, action and should_client_reset from the table.
ErrorInfo error_info(Code code, std::string_view message);
// Throws std::logic_error where a key that the code demands is missing: it would crash the client.
std::string format_error_info(Code code, const ErrorInfo& info);
// Both in one, for codes without further keys.
std::string error_body(Code code, std::string_view message);

// The body of a client's JSON_ERROR, and its message.
std::string client_error_body(std::string_view message);
Result<std::string> parse_client_error(std::string_view json);

struct LogInfo {
    std::string connection_id;   // co_id
    std::string level = "debug"; // fatal, error, warn, info, detail, debug or trace
    std::string message;         // empty: nothing to log
};
// Keys of another type count as absent (section 9.7).
Result<LogInfo> parse_log_info(std::string_view json);
std::string format_log_info(const LogInfo& info);

} // namespace realmsync::wire
