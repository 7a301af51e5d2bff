// Where a sync session stands, for whoever wants to know why a wait waits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/event.hpp"

namespace realmsync::client {

// How far the download is (flexible-sync.md 7).
enum class DownloadPhase : std::uint8_t {
    steady,    // changes come as they happen
    waiting,   // for data of a subscription set, of which none have come
    receiving, // there is more to come
    applying,  // all has come, and cannot be read yet
};

struct Situation {
    Lifecycle lifecycle = Lifecycle::inactive;
    ConnectionState connection = ConnectionState::disconnected;
    bool is_resetting = false;
    bool needs_refresh = false;                  // a new token or place, which is asked for
    bool is_suspended = false;                   // by an error, alone or with its connection
    bool awaits_reconnect = false;               // its connection was told not to come back
    bool is_bound = false;                       // the server knows the session
    bool uploads_later = false;                  // the first download comes first
    bool awaits_mark = false;                    // the server has not said yet that this was all
    bool is_storing = false;                     // downloads that have been received
    std::optional<std::int64_t> next_attempt_ms; // from now, if one is due
    std::optional<std::int64_t> unanswered_ms;   // since a PING without a PONG
    std::uint64_t unsent_bytes = 0;              // not acknowledged, as far as is known
    std::uint64_t downloadable_bytes = 0;        // as the server has said last
    DownloadPhase phase = DownloadPhase::steady;
    std::string error; // that has suspended it, or ended the connection
};

} // namespace realmsync::client
