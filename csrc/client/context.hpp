// What the connections and sessions of one client engine share: settings, time, chance, the
// outgoing jobs and events, and where connections are found. One per client; it decides nothing.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "client/backoff.hpp"
#include "client/connection_directory.hpp"
#include "client/event.hpp"
#include "client/random.hpp"
#include "client/store_job.hpp"
#include "tuning.hpp"

namespace realmsync::client {

struct Context {
    Context(const ClientTuning& settings, std::uint64_t seed)
        : tuning(settings),
          backoff{settings.reconnect_first_ms, settings.reconnect_max_ms,
                  settings.reconnect_multiplier, settings.reconnect_jitter_divisor},
          random(seed), connections(*this) {}
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    const ClientTuning tuning;
    const BackoffParameters backoff; // of connections and sessions, unless the server gives others
    Random random;
    std::int64_t now = 0; // ms, of the call that is running
    std::vector<StoreJob> jobs;
    std::vector<Event> events;
    ConnectionDirectory connections;
    std::uint64_t last_session = 0; // idents of protocol sessions
    std::uint64_t last_wait = 0;
    std::uint64_t visits = 0; // of sessions, by what looks at all of a connection or of a client

    void emit(Event event) { events.push_back(std::move(event)); }
};

} // namespace realmsync::client
