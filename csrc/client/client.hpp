// The sync client: all sync sessions and connections of one App (client-session.md 8). Sans-IO:
// calls, received messages, results of store jobs and the time go in; messages, store jobs, events
// and the next deadline come out. Not thread-safe: runtime/client_runtime.hpp is.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "client/connection.hpp"
#include "client/event.hpp"
#include "client/random.hpp"
#include "client/store_job.hpp"
#include "client/sync_session.hpp"
#include "tuning.hpp"

namespace realmsync::client {

class Client final : private ConnectionHost {
  public:
    Client(const ClientTuning& tuning, std::uint64_t seed);
    ~Client();

    // Before the first sync session only: false if it is too late.
    bool enable_multiplexing(bool enabled);

    // Every call below names the time; it must not decrease.
    void set_time(std::int64_t now_ms) { now_ = std::max(now_, now_ms); }

    // Sync sessions, by number. A new one is inactive: revive it.
    std::uint64_t add_session(SyncSessionConfig config);
    SyncSession* find(std::uint64_t session);
    // Forgets a session that is inactive or paused and released.
    void forget(std::uint64_t session);
    std::uint64_t wait(std::uint64_t session, Direction direction);
    void set_access_token(const std::string& user, const std::string& token);
    void log_out(const std::string& user);
    void set_route(std::uint64_t session, const Route& route);
    void shutdown(); // every session becomes inactive, every socket is closed

    // Transport
    void connected(std::uint64_t socket, std::string_view subprotocol);
    void connect_failed(std::uint64_t socket, std::string_view failure, int http_status,
                        std::string_view message);
    void receive(std::uint64_t socket, std::string_view bytes);
    std::optional<std::string> next_message(std::uint64_t socket);
    void closed(std::uint64_t socket, std::optional<int> code, std::string_view reason);

    void done(StoreResult result);
    void advance(); // runs due timers
    std::int64_t deadline() const { return timers_.empty() ? -1 : timers_.begin()->first; }
    // Call after every input: frees what has ended and updates the deadline.
    void settle();
    std::vector<Event> take_events() { return std::exchange(events_, {}); }
    std::vector<StoreJob> take_jobs() { return std::exchange(jobs_, {}); }
    bool has_output() const { return !events_.empty() || !jobs_.empty(); }
    std::size_t connection_count() const { return connections_.size(); }

    // For sync sessions
    void emit(Event event) override { events_.push_back(std::move(event)); }
    Session& open(SyncSession& sync_session); // a protocol session, not yet on its connection
    void join(SyncSession& sync_session);
    void leave(SyncSession& sync_session);
    void released(SyncSession& sync_session);
    std::uint64_t next_wait() { return ++last_wait_; }

  private:
    // Scheme, host, port, user; the mode is always PBS.
    using Endpoint = std::tuple<std::string, std::string, std::string, std::string>;
    struct Slot {
        Endpoint endpoint;
        std::unique_ptr<Connection> connection;
        std::int64_t deadline = -1; // as it stands in timers_
    };

    std::uint64_t open_socket(Connection& connection) override;
    void socket_closed(std::uint64_t socket) override { sockets_.erase(socket); }
    void post(Session& session, StoreTask task) override;
    bool watched(Session& session) override;
    void reported(Session& session, const Report& report) override;
    void uploads_complete(Session& session) override;
    void downloads_complete(Session& session) override;
    void connection_changed(Session& session, ConnectionState state,
                            const Failure* failure) override;
    void session_finished(Session& session) override;
    void route_verified(Connection& connection) override;
    Random& random() override { return random_; }
    std::int64_t now() const override { return now_; }

    SyncSession* owner(Session& session);
    Connection& connection_for(const SyncSessionConfig& config);
    Connection* by_socket(std::uint64_t socket);
    void touch(const Connection& connection);

    const ClientTuning tuning_;
    Random random_;
    std::int64_t now_ = 0;
    bool multiplexing_ = true;

    std::map<std::uint64_t, std::unique_ptr<SyncSession>> sync_sessions_;
    std::map<std::uint64_t, Slot> connections_; // by id
    std::map<Endpoint, Connection*> shared_;
    std::map<Endpoint, Backoff> backoffs_; // of shared connections that are gone
    std::unordered_map<std::uint64_t, Connection*> sockets_;
    std::unordered_map<std::uint64_t, std::pair<Session*, Connection*>> sessions_; // by ident
    std::unordered_map<std::uint64_t, std::size_t>
        unfinished_; // protocol sessions per sync session
    std::vector<std::pair<std::uint64_t, std::unique_ptr<Session>>> opened_; // not joined yet
    std::set<std::pair<std::int64_t, std::uint64_t>> timers_;                // time, connection id
    std::vector<std::uint64_t> touched_; // connection ids, since settle()

    std::uint64_t last_sync_session_ = 0, last_ident_ = 0, last_wait_ = 0;
    std::uint64_t last_connection_ = 0, last_socket_ = 0;
    std::vector<Event> events_;
    std::vector<StoreJob> jobs_;
};

} // namespace realmsync::client
