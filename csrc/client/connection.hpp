// One websocket, or the intent to have one, to one endpoint for one user, with the protocol
// sessions that share it (client-session.md 8 and 9, wire-protocol.md 13).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "client/backoff.hpp"
#include "client/event.hpp"
#include "client/session.hpp"
#include "tuning.hpp"

namespace realmsync::client {

class Connection;

// How to reach the server: taken by the next attempt to connect.
struct Route {
    std::string url; // without the access token
    std::string access_token;
    bool verified = false; // a connection has succeeded, or the location service gave it
    std::vector<std::pair<std::string, std::string>> headers;
};

class ConnectionHost {
  public:
    virtual void emit(Event event) = 0;
    virtual std::uint64_t open_socket(Connection& connection) = 0; // a fresh number for it
    virtual void socket_closed(std::uint64_t socket) = 0;
    virtual void post(Session& session, StoreTask task) = 0;
    virtual bool watched(Session& session) = 0;
    virtual void reported(Session& session, const Report& report) = 0;
    virtual void uploads_complete(Session& session) = 0;
    virtual void downloads_complete(Session& session) = 0;
    // The state of the connection as this session sees it, or an error, or both (4.2).
    virtual void connection_changed(Session& session, ConnectionState state,
                                    const Failure* failure) = 0;
    virtual void session_finished(Session& session) = 0;
    virtual void route_verified(Connection& connection) = 0;
    virtual Random& random() = 0;
    virtual std::int64_t now() const = 0;

  protected:
    ~ConnectionHost() = default;
};

class Connection final : public SessionHost {
  public:
    Connection(ConnectionHost& host, std::uint64_t id, const ClientTuning& tuning, Backoff backoff,
               Route route, std::int64_t linger_ms);

    std::uint64_t id() const { return id_; }
    ConnectionState state() const { return state_; }
    bool disposable() const { return state_ == ConnectionState::disconnected && sessions_.empty(); }
    const Backoff& backoff() const { return backoff_; }
    Route& route() { return route_; }

    // Joins what exists, or starts the attempt to connect.
    void add(std::unique_ptr<Session> session);
    void deactivate(Session& session);
    // Ends delays, or proves that the link is alive (9.5).
    void request_reconnect();
    void wake(); // ends a reconnect delay, if there is one
    // Hands a store job's result to its session.
    void done(Session& session, StoreResult result);

    // From the transport
    void connected(std::string_view subprotocol);
    void connect_failed(std::string_view failure, int http_status, std::string_view message);
    void receive(std::string_view bytes);
    std::optional<std::string> next_message();
    void closed(std::optional<int> code, std::string_view reason);

    void advance();                // runs the timers that are due
    std::int64_t deadline() const; // -1: none
    void collect();                // destroys finished sessions: call when nobody uses one any more

    // SessionHost
    void wants_to_send(Session& session) override;
    void post(Session& session, StoreTask task) override;
    bool watched(Session& s) override { return host_.watched(s); }
    void reported(Session& s, const Report& report) override { host_.reported(s, report); }
    void uploads_complete(Session& s) override { host_.uploads_complete(s); }
    void downloads_complete(Session& s) override { host_.downloads_complete(s); }
    void suspended(Session& session, const Failure& failure) override;
    void resumed(Session& session) override;
    void noticed(Session& session, const Failure& failure) override;
    void violated(Session& session, std::string message) override;
    void finished(Session& session) override;
    void resume_timer_changed(Session& session) override;
    Random& random() override { return host_.random(); }
    std::int64_t now() const override { return host_.now(); }

  private:
    void start(); // waits for the delay that is due, then connects
    void attempt();
    void disconnect(const Failure* failure, bool close_socket); // no failure: voluntarily
    void left();                                                // one session fewer is live
    void announce(Session& session); // connecting, connected: as far as it has got
    void signal();
    std::string ping();
    std::optional<std::string> dispatch(const wire::ServerMessage& message);
    std::optional<std::string> on_error(std::int32_t code, std::uint64_t session,
                                        const wire::ErrorInfo& info);
    std::optional<std::string> on_pong(std::int64_t timestamp);
    Session* find(std::uint64_t ident);

    ConnectionHost& host_;
    const std::uint64_t id_;
    const ClientTuning& tuning_;
    const std::int64_t linger_ms_;
    Route route_;
    Backoff backoff_;
    ConnectionState state_ = ConnectionState::disconnected;
    std::uint64_t socket_ = 0; // 0: none
    int version_ = 0;          // negotiated

    std::map<std::uint64_t, std::unique_ptr<Session>> sessions_; // by ident: a stable order
    std::vector<std::unique_ptr<Session>> finished_; // on the stack perhaps, until collect()
    std::unordered_set<std::uint64_t> lost_;         // half-unbound when the socket was lost
    std::size_t live_ = 0;                           // sessions neither suspended nor deactivating
    std::deque<std::uint64_t> queue_;                // idents: first come, first served
    // Time and ident. A cancelled one stays until it is due, and does nothing then.
    std::set<std::pair<std::int64_t, std::uint64_t>> resume_timers_;
    bool writable_signalled_ = false;

    bool do_not_reconnect_ = false;
    bool reset_scheduled_ = false;
    std::int64_t last_down_ = -1; // when it was connected last

    std::uint64_t backlog_ = 0;
    bool reading_ = true;

    // Timers, -1: off
    std::int64_t reconnect_at_ = -1, connect_deadline_ = -1, linger_at_ = -1;
    std::int64_t ping_at_ = -1, pong_deadline_ = -1;
    bool ping_due_ = false, ping_covers_request_ = false;
    std::int64_t ping_sent_ = 0, round_trip_ = 0;
};

} // namespace realmsync::client
