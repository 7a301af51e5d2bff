#include "client/failure.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace realmsync::client {

namespace {

constexpr std::array<std::string_view, 14> kActions = {
    "NoAction",          "Warning",       "Transient",   "ApplicationBug",
    "ProtocolViolation", "DeleteRealm",   "ClientReset", "ClientResetNoRecovery",
    "MigrateToFLX",      "RevertToPBS",   "RefreshUser", "RefreshLocation",
    "LogOutUser",        "MigrateSchema",
};

Failure make(std::int32_t status, std::string message, bool fatal, Action action,
             Termination reason) {
    return {status, std::move(message), fatal, action, reason};
}

std::string with(std::string_view prefix, std::string_view message) {
    if (message.empty() && prefix.ends_with(": "))
        prefix.remove_suffix(2);
    return std::string(prefix) + std::string(message);
}

} // namespace

std::string_view to_string(Action action) { return kActions[static_cast<std::size_t>(action)]; }

Action parse_action(std::string_view text) {
    for (std::size_t i = 1; i < kActions.size(); ++i) // no server sends "NoAction"
        if (kActions[i] == text)
            return static_cast<Action>(i);
    return Action::application_bug;
}

Failure to_failure(Violation violation) {
    return make(status::kSyncProtocolInvariantFailed, std::move(violation.message), true,
                Action::protocol_violation, Termination::sync_protocol_violation);
}

Failure to_failure(const TooLarge& t) {
    const std::string limit = std::to_string(t.limit) + " " + std::string(t.unit);
    return to_failure(Violation{t.size == 0 ? "Message too large: more than " + limit
                                            : "Message too large: " + std::to_string(t.size) +
                                                  ", and this client takes at most " + limit});
}

Failure from_protocol_error(std::int32_t code, const wire::ErrorInfo& info,
                            std::int64_t jitter_divisor) {
    Failure f;
    const wire::CodeInfo* known = wire::find_code(code);
    f.status = known && known->status_code ? known->status_code : status::kUnknownError;
    f.message = known ? info.message
                      : with("Unknown sync protocol error code ", std::to_string(code)) + ": " +
                            info.message;
    f.fatal = !info.try_again;
    f.action = parse_action(info.action);
    f.reason = info.try_again ? Termination::server_said_try_again_later
                              : Termination::server_said_do_not_reconnect;
    f.log_url = info.log_url;
    f.protocol_code = code;
    if (info.rejected_updates)
        f.rejected = *info.rejected_updates;
    if (info.compensating_write_server_version)
        f.reverted_by = static_cast<std::uint64_t>(
            std::max<std::int64_t>(*info.compensating_write_server_version, 0));
    f.partition_query = info.partition_query;
    f.previous_schema_version = info.previous_schema_version;
    if (info.backoff) {
        // Bounded, so that a nonsense value neither overflows nor spins.
        const auto ms = [](std::int64_t s) {
            return std::min<std::int64_t>(std::max<std::int64_t>(s, 0), 86'400) * 1000;
        };
        f.backoff =
            BackoffParameters{ms(info.backoff->interval_s), ms(info.backoff->max_delay_s),
                              std::max<std::int64_t>(info.backoff->multiplier, 1), jitter_divisor};
    }
    return f;
}

namespace {

// Shared by HTTP responses and by the close codes that stand for them from protocol 8 on.
Failure refused(int http_status, std::string_view message) {
    constexpr auto nonfatal = Termination::http_response_says_nonfatal_error;
    const auto auth = [&] {
        return with("Websocket was closed because of an authentication issue: ", message);
    };
    switch (http_status) {
    case 401: return make(status::kAuthError, auth(), false, Action::refresh_user, nonfatal);
    case 403:
        return make(status::kAuthError, auth(), true, Action::log_out_user,
                    Termination::http_response_says_fatal_error);
    case 301:
    case 308:
        return make(status::kConnectionClosed, std::string(message), false,
                    Action::refresh_location, nonfatal);
    }
    return make(status::kConnectionClosed, std::string(message), false, Action::none, nonfatal);
}

} // namespace

bool has_forgotten(const Failure& failure) {
    switch (wire::Code{failure.protocol_code}) {
    case wire::Code::bad_client_file_ident:
    case wire::Code::bad_server_version:
    case wire::Code::bad_client_version:
    case wire::Code::diverging_histories: return true;
    default: return false;
    }
}

Failure classify_connect_failure(std::string_view failure, int http_status,
                                 std::string_view message, bool verified) {
    const Action unverified = verified ? Action::none : Action::refresh_location;
    if (failure == "timeout")
        return make(status::kSyncConnectTimeout,
                    "Sync connection was not fully established in time", false, unverified,
                    Termination::sync_connect_timeout);
    if (failure == "tls")
        return make(status::kTlsHandshakeFailed, with("TLS handshake failed: ", message), false,
                    Action::none, Termination::ssl_certificate_rejected);
    if (failure == "protocol")
        return make(status::kSyncProtocolNegotiationFailed, std::string(message), true,
                    Action::none, Termination::bad_headers_in_http_response);
    const std::string told = http_status == 0
                                 ? std::string(message)
                                 : with("HTTP " + std::to_string(http_status) + ": ", message);
    if (failure == "http") {
        const int kind = http_status / 100;
        if (kind == 3 || kind == 5 || http_status == 401 || http_status == 403)
            return refused(http_status, told);
        if (verified)
            return make(status::kSyncConnectFailed, with("Failed to connect to sync: ", told), true,
                        Action::none, Termination::http_response_says_fatal_error);
    }
    return make(status::kSyncConnectFailed, with("Failed to connect to sync: ", told), false,
                unverified, Termination::connect_operation_failed);
}

Failure upload_refused(std::uint64_t version, std::uint64_t bytes, std::string_view reason) {
    return make(status::kLimitExceeded,
                "The server takes no message as large as the upload up to version " +
                    std::to_string(version) + ", of " + std::to_string(bytes) +
                    " bytes: " + std::string(reason),
                true, Action::application_bug, Termination::websocket_protocol_violation);
}

Failure classify_close(std::optional<int> code, std::string_view reason) {
    const int c = code.value_or(1000);
    switch (c) {
    case 1000:
        return make(status::kConnectionClosed,
                    reason.empty() ? "Connection closed" : std::string(reason), false,
                    Action::transient, Termination::read_or_write_error);
    case 1006: {
        Failure f = refused(0, reason);
        f.action = Action::refresh_user;
        return f;
    }
    case kMessageTooBig:
        return make(status::kLimitExceeded,
                    with("Sync websocket closed because the server received a message that was too "
                         "large: ",
                         reason),
                    false, Action::client_reset, Termination::websocket_protocol_violation);
    case 1011: return refused(500, reason);
    case 1015:
        return make(status::kTlsHandshakeFailed, with("TLS handshake failed: ", reason), false,
                    Action::none, Termination::ssl_certificate_rejected);
    case 4001: return refused(401, reason);
    case 4002: return refused(403, reason);
    case 4003: return refused(301, reason);
    }
    return make(status::kSyncProtocolInvariantFailed, std::string(reason), false, Action::none,
                Termination::websocket_protocol_violation);
}

} // namespace realmsync::client
