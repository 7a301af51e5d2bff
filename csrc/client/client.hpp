// The sync client: all sync sessions and connections of one App (client-session.md 8). Sans-IO:
// calls, received messages, outcomes of store jobs and the time go in; messages, store jobs, events
// and the next deadline come out. Deterministic for a seed. Not thread-safe:
// runtime/client_runtime.hpp is.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/context.hpp"
#include "client/event.hpp"
#include "client/store_job.hpp"
#include "client/sync_session.hpp"
#include "tuning.hpp"

namespace realmsync::client {

class Client {
  public:
    Client(const ClientTuning& tuning, std::uint64_t seed);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Before the first sync session only: false if it is too late.
    bool enable_multiplexing(bool enabled);

    // Sync sessions, by number. A new one is inactive: revive it.
    std::uint64_t add_session(SyncSessionConfig config);
    const SyncSession* find(std::uint64_t session) const;
    // Runs `use` on a sync session; nothing if it is gone.
    template <class F> void with(std::uint64_t session, std::int64_t now, F&& use) {
        set_now(now);
        if (const auto found = sync_sessions_.find(session); found != sync_sessions_.end())
            use(*found->second);
        settle();
    }
    // After Released: the session goes as soon as it has nothing left to do.
    void forget(std::uint64_t session);
    std::uint64_t wait(std::uint64_t session, Direction direction, std::int64_t now);
    std::uint64_t wait_for_set(std::uint64_t session, std::int64_t version, std::int64_t now);
    void set_access_token(const std::string& user, const std::string& token, std::int64_t now);
    // A token that nobody has asked for: it is used at the next handshake, and moves nothing.
    void keep_access_token(const std::string& user, const std::string& token, std::int64_t now);
    void log_out(const std::string& user, std::int64_t now);
    void set_route(std::uint64_t session, const Route& route, std::int64_t now);
    void on_network_change(std::int64_t now);
    // Every session becomes inactive, every socket is closed.
    void shutdown(std::int64_t now);

    // From the transport, by socket
    void connected(std::uint64_t socket, std::string_view subprotocol, std::int64_t now);
    void connect_failed(std::uint64_t socket, std::string_view failure, int http_status,
                        std::string_view message, std::int64_t now);
    void receive(std::uint64_t socket, std::string_view bytes, std::int64_t now);
    // A message of `size` bytes was not taken in, only its first bytes: enough to tell whose it is.
    void refuse(std::uint64_t socket, std::string_view first_bytes, std::uint64_t size,
                std::int64_t now);
    // The message to send now, behind wire::kHeadRoom free bytes; built only here, so call it when
    // the socket can take it. None: a Writable event will come.
    std::optional<std::string> next_message(std::uint64_t socket, std::int64_t now);
    void closed(std::uint64_t socket, std::optional<int> code, std::string_view reason,
                std::int64_t now);

    void on_outcome(StoreResult result, std::int64_t now);
    void on_timer(std::int64_t now);
    std::optional<std::int64_t> deadline() const { return context_.connections.deadline(); }

    std::vector<Event> take_events() { return std::exchange(context_.events, {}); }
    std::vector<StoreJob> take_jobs() { return std::exchange(context_.jobs, {}); }
    bool has_events() const { return !context_.events.empty(); }
    std::size_t connection_count() const { return context_.connections.size(); }
    // How often a session was looked at because all were: what one of many does adds nothing.
    std::uint64_t visits() const { return context_.visits; }

  private:
    void set_now(std::int64_t now);
    template <class F>
    void with_sessions_of(const std::string& user, std::int64_t now, const F& use);
    Connection* touch_socket(std::uint64_t socket);
    void settle(); // at the end of every input: destroys what has ended
    template <class F> void for_each_session(const F& use);

    Context context_;
    std::map<std::uint64_t, std::unique_ptr<SyncSession>> sync_sessions_;
    std::uint64_t last_sync_session_ = 0;
    std::vector<std::uint64_t> forgotten_; // not yet released
};

} // namespace realmsync::client
