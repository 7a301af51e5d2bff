// Why a session, a connection or a wait failed, as the application sees it, and the classification
// of failed and closed sockets (client-session.md 9.8, 9.9, 12).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/backoff.hpp"
#include "wire/error_code.hpp"

namespace realmsync::client {

enum class Action : std::uint8_t { // what the sync session does (12.4)
    none,                          // nobody asked for one: reported as unrecognised
    warning,
    transient,
    application_bug,
    protocol_violation,
    delete_realm,
    client_reset,
    client_reset_no_recovery,
    migrate_to_flx,
    revert_to_pbs,
    refresh_user,
    refresh_location,
    log_out_user,
    migrate_schema,
};
// Of a JSON_ERROR; unknown text, and the name of there being none, is application_bug
// (wire-protocol.md 10.2).
Action parse_action(std::string_view text);
std::string_view to_string(Action action);

enum class Termination : std::int32_t { // they matter for equality in the backoff only (9.8)
    closed_voluntarily,
    connect_operation_failed,
    read_or_write_error,
    ssl_certificate_rejected,
    websocket_protocol_violation,
    http_response_says_fatal_error,
    http_response_says_nonfatal_error,
    bad_headers_in_http_response,
    sync_protocol_violation,
    sync_connect_timeout,
    server_said_try_again_later,
    server_said_do_not_reconnect,
    pong_timeout,
};

namespace status { // numeric codes of data-model.md section 25 that this engine makes itself
inline constexpr std::int32_t kOk = 0;
inline constexpr std::int32_t kRuntimeError = 1000;
inline constexpr std::int32_t kBadChangeset = 1015;
inline constexpr std::int32_t kSubscriptionFailed = 1016;
inline constexpr std::int32_t kOperationAborted = 1027;
inline constexpr std::int32_t kAutoClientResetFailed = 1028;
inline constexpr std::int32_t kConnectionClosed = 1030;
inline constexpr std::int32_t kSyncConnectFailed = 1034;
inline constexpr std::int32_t kSyncConnectTimeout = 1035;
inline constexpr std::int32_t kSyncProtocolInvariantFailed = 1038;
inline constexpr std::int32_t kSyncProtocolNegotiationFailed = 1039;
inline constexpr std::int32_t kTlsHandshakeFailed = 1042;
inline constexpr std::int32_t kLimitExceeded = 3018;
inline constexpr std::int32_t kAuthError = 4346;
inline constexpr std::int32_t kUnknownError = 2000000;
} // namespace status

struct Failure {
    std::int32_t status = 0;
    std::string message;
    bool fatal = false;
    Action action = Action::none;
    Termination reason = Termination::read_or_write_error;
    std::string log_url = {};
    std::optional<BackoffParameters> backoff = {};
    std::int32_t protocol_code = 0; // of a protocol error, for the session's backoff
    // Writes that the server has reverted (12.8), in the changeset with this server version.
    std::vector<wire::RejectedUpdate> rejected = {};
    std::uint64_t reverted_by = 0;
    std::string partition_query = {};                          // with migrate_to_flx
    std::optional<std::uint64_t> previous_schema_version = {}; // with migrate_schema
};

// The peer has broken the protocol: why, for the log and the application.
struct Violation {
    std::string message;
};
Failure to_failure(Violation violation);
// What came is more than this client takes, of `unit`; `size` is 0 if nobody has counted further.
struct TooLarge {
    std::string_view unit; // "bytes" or "instructions"
    std::uint64_t size;
    std::uint64_t limit;
};
// Ends a session for good, as a violation does: never a client reset, which would be as large.
Failure to_failure(const TooLarge& too_large);
// The failure that a protocol error stands for; the plain form has no action.
Failure from_protocol_error(std::int32_t code, const wire::ErrorInfo& info,
                            std::int64_t jitter_divisor);
// Whether the server says that it does not know this file, or that its history is not the one that
// it has told it, as that of a restored one is: it may have lost what it had acknowledged.
bool has_forgotten(const Failure& failure);
// A connection attempt that did not get through. `failure` is what the transport noticed:
// "resolve", "tcp", "tls", "timeout", "http" (with the response's status) or "protocol".
Failure classify_connect_failure(std::string_view failure, int http_status,
                                 std::string_view message, bool verified);
// A socket that ended: no code means without a close frame, or after code 1000 (9.9).
inline constexpr int kMessageTooBig = 1009; // a close code
Failure classify_close(std::optional<int> code, std::string_view reason);
// For the session whose upload the server has refused for its size.
Failure upload_refused(std::uint64_t version, std::uint64_t bytes, std::string_view reason);

} // namespace realmsync::client
