// The table of codes (wire-protocol.md 10.4, server-behaviour.md 10.4, client-session.md 12.5).
#include "wire/error_code.hpp"

#include <algorithm>

namespace realmsync::wire {

namespace {

constexpr Level kConnection = Level::connection;
constexpr Level kSession = Level::session;

struct Status {
    std::string_view name;
    std::int32_t code;
};
constexpr Status kRuntime{"RuntimeError", 1000};
constexpr Status kObjectExists{"ObjectAlreadyExists", 1013};
constexpr Status kBadChangeset{"BadChangeset", 1015};
constexpr Status kBadPartition{"BadSyncPartitionValue", 1029};
constexpr Status kClosed{"ConnectionClosed", 1030};
constexpr Status kBadQuery{"InvalidSubscriptionQuery", 1031};
constexpr Status kReset{"SyncClientResetRequired", 1032};
constexpr Status kCompensating{"SyncCompensatingWrite", 1033};
constexpr Status kDenied{"SyncPermissionDenied", 1037};
constexpr Status kInvariant{"SyncProtocolInvariantFailed", 1038};
constexpr Status kPermissions{"SyncServerPermissionsChanged", 1040};
constexpr Status kUser{"SyncUserMismatch", 1041};
constexpr Status kSyncType{"WrongSyncType", 1043};
constexpr Status kWrite{"SyncWriteNotAllowed", 1044};
constexpr Status kMigration{"SyncSchemaMigrationError", 1046};
constexpr Status kSchema{"InvalidSchemaChange", 2019};
constexpr Status kUnknown{"UnknownError", 2000000};

constexpr CodeInfo sent(std::int32_t code, std::string_view name, Status status, Level level,
                        bool try_again, std::string_view action) {
    const bool resets_client = action == "ClientReset" || action == "ClientResetNoRecovery";
    return {code, name, status.name, status.code, level, try_again, action, false, resets_client};
}
// SDKs know the code without knowing a status for it, and abort.
constexpr CodeInfo lethal(std::int32_t code, std::string_view name, Level level) {
    return {code, name, kUnknown.name, kUnknown.code, level, false, "", true, false};
}

constexpr CodeInfo kCodes[] = {
    sent(100, "connection_closed", kClosed, kConnection, true, "Transient"),
    sent(101, "other_error", kRuntime, kConnection, true, "Transient"),
    sent(102, "unknown_message", kInvariant, kConnection, false, "ProtocolViolation"),
    sent(103, "bad_syntax", kInvariant, kConnection, false, "ProtocolViolation"),
    lethal(104, "limits_exceeded", kConnection),
    sent(105, "wrong_protocol_version", kInvariant, kConnection, false, "ProtocolViolation"),
    sent(106, "bad_session_ident", kInvariant, kConnection, false, "ProtocolViolation"),
    sent(107, "reuse_of_session_ident", kInvariant, kConnection, false, "ProtocolViolation"),
    sent(108, "bound_in_other_session", kInvariant, kConnection, false, "ProtocolViolation"),
    sent(109, "bad_message_order", kInvariant, kConnection, false, "ProtocolViolation"),
    sent(110, "bad_decompression", kRuntime, kConnection, false, "ProtocolViolation"),
    sent(111, "bad_changeset_header_syntax", kInvariant, kConnection, false, "ProtocolViolation"),
    sent(112, "bad_changeset_size", kInvariant, kConnection, false, "ProtocolViolation"),
    sent(113, "switch_to_flx_sync", kSyncType, kConnection, false, "ApplicationBug"),
    sent(114, "switch_to_pbs", kSyncType, kConnection, false, "ApplicationBug"),
    sent(200, "session_closed", kClosed, kSession, true, "Transient"),
    sent(201, "other_session_error", kRuntime, kSession, true, "Transient"),
    lethal(202, "token_expired", kSession),
    lethal(203, "bad_authentication", kSession),
    sent(204, "illegal_realm_path", kBadPartition, kSession, false, "ApplicationBug"),
    lethal(205, "no_such_realm", kSession),
    sent(206, "permission_denied", kDenied, kSession, false, "ApplicationBug"),
    lethal(207, "bad_server_file_ident", kSession),
    sent(208, "bad_client_file_ident", kReset, kSession, false, "ClientReset"),
    sent(209, "bad_server_version", kReset, kSession, false, "ClientReset"),
    sent(210, "bad_client_version", kReset, kSession, false, "ClientReset"),
    sent(211, "diverging_histories", kReset, kSession, false, "ClientReset"),
    sent(212, "bad_changeset", kBadChangeset, kSession, false, "ClientReset"),
    lethal(214, "partial_sync_disabled", kSession),
    lethal(215, "unsupported_session_feature", kSession),
    sent(216, "bad_origin_file_ident", kInvariant, kSession, false, "ProtocolViolation"),
    sent(217, "bad_client_file", kReset, kSession, false, "ClientReset"),
    lethal(218, "server_file_deleted", kSession),
    lethal(219, "client_file_blacklisted", kSession),
    lethal(220, "user_blacklisted", kSession),
    lethal(221, "transact_before_upload", kSession),
    sent(222, "client_file_expired", kReset, kSession, false, "ClientReset"),
    sent(223, "user_mismatch", kUser, kSession, false, "ClientResetNoRecovery"),
    lethal(224, "too_many_sessions", kSession),
    sent(225, "invalid_schema_change", kSchema, kSession, false, "ApplicationBug"),
    sent(226, "bad_query", kBadQuery, kSession, false, "ApplicationBug"),
    sent(227, "object_already_exists", kObjectExists, kSession, false, "ClientReset"),
    sent(228, "server_permissions_changed", kPermissions, kSession, false, "ClientReset"),
    sent(229, "initial_sync_not_completed", kClosed, kSession, true, "Transient"),
    sent(230, "write_not_allowed", kWrite, kSession, false, "ClientReset"),
    sent(231, "compensating_write", kCompensating, kSession, true, "Warning"),
    sent(232, "migrate_to_flx", kSyncType, kSession, true, "MigrateToFLX"),
    sent(233, "bad_progress", kInvariant, kSession, false, "ClientReset"),
    sent(234, "revert_to_pbs", kSyncType, kSession, true, "RevertToPBS"),
    sent(235, "bad_schema_version", kMigration, kSession, false, "ApplicationBug"),
    sent(236, "schema_version_changed", kMigration, kSession, true, "MigrateSchema"),
};
static_assert(std::ranges::is_sorted(kCodes, {}, &CodeInfo::code));

} // namespace

std::span<const CodeInfo> code_table() { return kCodes; }

const CodeInfo* find_code(std::int32_t code) {
    const auto* found = std::ranges::lower_bound(kCodes, code, {}, &CodeInfo::code);
    return found != std::end(kCodes) && found->code == code ? found : nullptr;
}

bool is_legal_level(std::int32_t code, std::uint64_t session) {
    const CodeInfo* info = find_code(code);
    if (info == nullptr)
        return session != 0;
    return (info->level == Level::session) == (session != 0);
}

Code protocol_code(const Error& error) {
    switch (error.kind) {
    case ErrorKind::unknown_message: return Code::unknown_message;
    case ErrorKind::bad_compression: return Code::bad_decompression;
    case ErrorKind::bad_entry_header: return Code::bad_changeset_header_syntax;
    case ErrorKind::bad_entry_size: return Code::bad_changeset_size;
    case ErrorKind::bad_partition: return Code::illegal_realm_path;
    case ErrorKind::bad_changeset:
    case ErrorKind::transform: return Code::bad_changeset;
    case ErrorKind::schema: return Code::invalid_schema_change;
    case ErrorKind::bad_progress: return Code::bad_progress;
    case ErrorKind::bad_message: return Code::bad_syntax;
    default: return Code::other_session_error; // trouble of the machine or misuse, not of the peer
    }
}

} // namespace realmsync::wire
