// One binding of a session, as two tables: what lies between its BIND and the ERROR or UNBOUND that
// ends it (client-session.md 10, wire-protocol.md 11).
//
// Theory of operation
//
// Three machines stand one upon the other:
//
//     connection   disconnected, connecting, connected       connection.hpp
//     session      active, suspended, deactivating           session.hpp
//     binding      the states below                          here
//
// A binding sees events of two kinds: what this client has done (sent a message, stored an ident,
// been told to end) and the messages of the server that move it. UPLOAD, DOWNLOAD, MARK, QUERY and
// QUERY_ERROR move cursors, numbers and sets, not the state, so they are no events.
//
// The machines are coupled at four places and nowhere else:
//
//   - A lost connection ends every binding, in whatever state. The session gets a new, unbound one.
//   - ERROR makes the binding `failed` and the session suspended. These are two things because they
//     end apart: the suspension by a timer or by the application, the binding by its UNBIND. A
//     suspended session does not begin a binding; whatever is left of the old one goes on.
//   - A session that is deactivated while bound turns its binding to `unbinding`; while unbound it
//     is finished at once. So does one that is suspended because its file cannot be read or
//     written: what the server has sent meanwhile is lost, and comes again after the next BIND.
//   - A binding that is `over` finishes a deactivating session, and gives an active one a new
//     binding.
//
// kTransitions says what may happen. Anything else is a defect of this library, and asserted.
// kReactions says what the server may send. Anything else is the server's fault, and ends the
// connection. What the tables cannot say is checked by session.cpp where a message is accepted: the
// numbers of a MARK, the cursors of a DOWNLOAD, and that ERROR 231 and 236 only tell something. A
// message for a session that was half-unbound when its connection was lost never gets here: the
// connection ignores it.
//
// tools/state_tables.py reads this file and writes docs/protocol/session-states.md.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/assert.hpp"
#include "client/failure.hpp"
#include "client/store.hpp"
#include "wire/cursor.hpp"
#include "wire/error_code.hpp"

namespace realmsync::client {

// Named as in server/session.hpp where both ends wait for the same.
enum class BindingState : std::uint8_t {
    unbound,          // BIND not sent
    wait_for_ident,   // BIND has asked for a client file ident
    storing_ident,    // IDENT has come and is being stored
    send_ident,       // ident known, IDENT not sent
    running,          // IDENT sent
    send_error,       // a DOWNLOAD could not be integrated; not yet told
    wait_for_error,   // told: it is for the server to end the binding
    failed,           // ERROR received, UNBIND not sent
    unbinding,        // given up by this client, UNBIND not sent
    unbinding_failed, // both: ERROR received and given up, UNBIND not sent
    wait_for_unbound, // UNBIND sent
    over,             // UNBIND sent, ERROR or UNBOUND received
};

enum class BindingEvent : std::uint8_t {
    sent_bind,           // which names the stored ident
    sent_bind_for_ident, // which asks for an ident
    received_ident,
    ident_stored, // or found in the file, stored by an earlier binding
    sent_ident,
    integration_failed,
    sent_error,
    received_error,
    given_up, // by this client: the session ends, or is suspended
    sent_unbind,
    received_unbound,
};

// What a server sends to a session.
enum class SessionMessage : std::uint8_t { ident, download, mark, query_error, error, unbound };

enum class Reaction : std::uint8_t {
    accept,
    ignore,    // crossed with what this client has sent
    violation, // ends the connection
};

struct BindingTransition {
    BindingState from;
    BindingEvent event;
    BindingState to;
};

inline constexpr BindingTransition kTransitions[] = {
    {BindingState::unbound, BindingEvent::sent_bind, BindingState::send_ident},
    {BindingState::unbound, BindingEvent::sent_bind_for_ident, BindingState::wait_for_ident},
    {BindingState::wait_for_ident, BindingEvent::received_ident, BindingState::storing_ident},
    {BindingState::wait_for_ident, BindingEvent::ident_stored, BindingState::send_ident},
    {BindingState::wait_for_ident, BindingEvent::received_error, BindingState::failed},
    {BindingState::wait_for_ident, BindingEvent::given_up, BindingState::unbinding},
    {BindingState::storing_ident, BindingEvent::ident_stored, BindingState::send_ident},
    {BindingState::storing_ident, BindingEvent::received_error, BindingState::failed},
    {BindingState::storing_ident, BindingEvent::given_up, BindingState::unbinding},
    {BindingState::send_ident, BindingEvent::sent_ident, BindingState::running},
    {BindingState::send_ident, BindingEvent::received_error, BindingState::failed},
    {BindingState::send_ident, BindingEvent::given_up, BindingState::unbinding},
    {BindingState::running, BindingEvent::integration_failed, BindingState::send_error},
    {BindingState::running, BindingEvent::received_error, BindingState::failed},
    {BindingState::running, BindingEvent::given_up, BindingState::unbinding},
    {BindingState::send_error, BindingEvent::sent_error, BindingState::wait_for_error},
    {BindingState::send_error, BindingEvent::received_error, BindingState::failed},
    {BindingState::send_error, BindingEvent::given_up, BindingState::unbinding},
    {BindingState::wait_for_error, BindingEvent::received_error, BindingState::failed},
    {BindingState::wait_for_error, BindingEvent::given_up, BindingState::unbinding},
    {BindingState::failed, BindingEvent::sent_unbind, BindingState::over},
    {BindingState::failed, BindingEvent::given_up, BindingState::unbinding_failed},
    {BindingState::unbinding, BindingEvent::sent_unbind, BindingState::wait_for_unbound},
    {BindingState::unbinding, BindingEvent::received_error, BindingState::unbinding_failed},
    {BindingState::unbinding_failed, BindingEvent::sent_unbind, BindingState::over},
    {BindingState::wait_for_unbound, BindingEvent::received_error, BindingState::over},
    {BindingState::wait_for_unbound, BindingEvent::received_unbound, BindingState::over},
};

struct BindingReactions {
    BindingState state;
    Reaction ident, download, mark, query_error, error, unbound;
};

namespace detail {
using enum Reaction;

inline constexpr BindingReactions kReactions[] = {
    {BindingState::unbound, violation, violation, violation, violation, violation, violation},
    {BindingState::wait_for_ident, accept, violation, violation, violation, accept, violation},
    {BindingState::storing_ident, violation, violation, violation, violation, accept, violation},
    {BindingState::send_ident, violation, violation, violation, violation, accept, violation},
    {BindingState::running, violation, accept, accept, accept, accept, violation},
    {BindingState::send_error, violation, ignore, accept, accept, accept, violation},
    {BindingState::wait_for_error, violation, ignore, accept, accept, accept, violation},
    {BindingState::failed, violation, violation, violation, violation, violation, violation},
    {BindingState::unbinding, ignore, ignore, ignore, ignore, accept, violation},
    {BindingState::unbinding_failed, ignore, ignore, ignore, ignore, violation, violation},
    {BindingState::wait_for_unbound, ignore, ignore, ignore, ignore, accept, accept},
    {BindingState::over, violation, violation, violation, violation, violation, violation},
};
} // namespace detail

constexpr Reaction reaction(BindingState state, SessionMessage message) {
    const BindingReactions& row = detail::kReactions[static_cast<std::size_t>(state)];
    switch (message) {
    case SessionMessage::ident: return row.ident;
    case SessionMessage::download: return row.download;
    case SessionMessage::mark: return row.mark;
    case SessionMessage::query_error: return row.query_error;
    case SessionMessage::error: return row.error;
    case SessionMessage::unbound: break;
    }
    return row.unbound;
}

constexpr std::optional<BindingState> next_state(BindingState from, BindingEvent event) {
    for (const BindingTransition& transition : kTransitions)
        if (transition.from == from && transition.event == event)
            return transition.to;
    return std::nullopt;
}

namespace detail {
// The tables agree: one row per state, in order; a message that moves a state is accepted there;
// and an ERROR or UNBOUND that is accepted moves it.
constexpr bool tables_agree() {
    constexpr auto kStates = static_cast<std::size_t>(BindingState::over) + 1;
    if (std::size(kReactions) != kStates)
        return false;
    for (std::size_t i = 0; i < kStates; ++i) {
        const auto state = static_cast<BindingState>(i);
        const auto moves = [state](BindingEvent event) {
            return next_state(state, event).has_value();
        };
        const auto accepts = [state](SessionMessage message) {
            return reaction(state, message) == Reaction::accept;
        };
        if (kReactions[i].state != state ||
            moves(BindingEvent::received_ident) != accepts(SessionMessage::ident) ||
            moves(BindingEvent::received_error) != accepts(SessionMessage::error) ||
            moves(BindingEvent::received_unbound) != accepts(SessionMessage::unbound))
            return false;
    }
    return true;
}
static_assert(tables_agree());
} // namespace detail

// Why a message is refused where the table says so.
constexpr const char* refusal(SessionMessage message) {
    switch (message) {
    case SessionMessage::ident: return "IDENT that was not asked for";
    case SessionMessage::download: return "DOWNLOAD at the wrong time";
    case SessionMessage::mark: return "MARK at the wrong time";
    case SessionMessage::query_error: return "QUERY_ERROR at the wrong time";
    case SessionMessage::error: return "ERROR at the wrong time";
    case SessionMessage::unbound: break;
    }
    return "UNBOUND that was not asked for";
}

// Replaced as a whole when a binding begins.
struct Binding {
    struct ClientError {
        wire::Code code;
        std::string message;
    };

    std::uint64_t number = 0; // of this session
    BindingState state = BindingState::unbound;
    wire::SyncProgress received = {};           // of the last DOWNLOAD, integrated or not
    wire::UploadCursor scanned = {};            // the history is fetched up to here
    std::uint64_t announced_server_version = 0; // in the last UPLOAD
    // Fetched, to be sent in this order.
    std::vector<std::variant<PendingUpload, PendingQuery>> outgoing = {};
    bool is_fetching = false;
    std::optional<ClientError> error = {}; // from send_error on
    // Of flexible sync:
    std::int64_t scanned_query = 0;   // version of the newest set in IDENT, sent or in `outgoing`
    std::int64_t received_query = -1; // of the last bootstrap that has come as a whole
    std::optional<BootstrapPart> part = {}; // that has come last of one that has not

    bool is_bound() const { return state != BindingState::unbound && state != BindingState::over; }
    void on(BindingEvent event) {
        const auto next = next_state(state, event);
        REALMSYNC_ASSERT(next);
        state = *next;
    }
    // Whether a message is to be taken; otherwise why it is refused, or nothing to ignore it.
    struct Verdict {
        bool is_accepted;
        std::optional<Violation> violation;
    };
    Verdict judge(SessionMessage message) const {
        switch (reaction(state, message)) {
        case Reaction::accept: return {true, {}};
        case Reaction::ignore: return {false, {}};
        case Reaction::violation: break;
        }
        return {false, Violation{refusal(message)}};
    }
};

} // namespace realmsync::client
