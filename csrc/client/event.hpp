// What the client engine tells: to the transport (by socket), to the application (by sync session),
// and to the account layer. Events come out in the order in which they happened.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "client/failure.hpp"
#include "client/progress.hpp"

namespace realmsync::client {

enum class ConnectionState : std::uint8_t { disconnected, connecting, connected };
enum class Lifecycle : std::uint8_t { // client-session.md 2.1
    active,
    dying,
    inactive,
    waiting_for_access_token,
    paused,
};

// To the transport. Every attempt to connect is a socket with a number of its own.
struct Connect {
    std::uint64_t socket;
    std::uint64_t session; // one that it is for: all have the same TLS, proxy and headers
    std::string url;       // with the access token
    std::vector<std::string> subprotocols;
};
struct Writable {
    std::uint64_t socket;
};
struct Close {
    std::uint64_t socket;
    int code; // 0: no close frame
};
struct PauseReading { // more has been received than the store keeps up with
    std::uint64_t socket;
};
struct ResumeReading {
    std::uint64_t socket;
};

// To the application
struct LifecycleChanged {
    std::uint64_t session;
    Lifecycle state;
};
struct ConnectionChanged {
    std::uint64_t session;
    ConnectionState previous, current;
};
struct Progressed {
    std::uint64_t session;
    Notifiers::Call call;
};
struct WaitResolved { // status 0: complete
    std::uint64_t session;
    std::uint64_t wait;
    std::int32_t status;
    std::string message;
};
enum class FileAction : std::uint8_t { none, remove, back_up_then_remove };
struct Errored {
    std::uint64_t session;
    Failure failure;
    bool client_reset; // to be shown as ClientResetError
    FileAction file_action;
};
// Of an error that the application is not told, as nothing of the session was going on any more.
struct FileActionDue {
    std::uint64_t session;
    FileAction action;
};
// Nothing of this sync session uses its file, which has to become what the server has: for the
// server's sake, or since that has gone over to the other mode. Answered by
// SyncSession::finish_reset or fail_reset.
struct ResetRequired {
    std::uint64_t session;
    bool may_recover; // the server lets the client upload its changes again
    std::int32_t status;
    std::string message;
    Action action;
    std::string partition_query; // with migrate_to_flx
    bool has_forgotten;          // the server may have lost what it had acknowledged
};
struct ResetPending { // started with a file that was reset; the server does not know all of it yet
    std::uint64_t session;
};
struct Released { // nothing of this sync session uses its file any more
    std::uint64_t session;
};
struct ServerLog {
    std::string level;
    std::string message;
};

// To the account layer, which answers by Client::set_access_token and its siblings
struct RefreshToken {
    std::uint64_t session;
};
struct RefreshLocation {
    std::uint64_t session;
};
struct LogOut {
    std::uint64_t session;
};

using Event =
    std::variant<Connect, Writable, Close, PauseReading, ResumeReading, LifecycleChanged,
                 ConnectionChanged, Progressed, WaitResolved, Errored, FileActionDue, ResetRequired,
                 ResetPending, Released, ServerLog, RefreshToken, RefreshLocation, LogOut>;

} // namespace realmsync::client
