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

namespace realmsync::client {

struct Context;

// How to reach the server: taken by the next attempt to connect.
struct Route {
    std::string url; // without the access token
    std::string access_token;
    bool verified = false; // a connection has succeeded, or the location service gave it
};

class Connection {
  public:
    Connection(Context& context, std::uint64_t id, wire::Mode mode, Backoff backoff, Route route,
               std::int64_t linger_ms);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    std::uint64_t id() const { return id_; }
    Context& context() const { return context_; }
    ConnectionState state() const { return state_; }
    int version() const { return version_; } // of the protocol, once it is connected
    bool is_connected() const { return state_ == ConnectionState::connected; }
    bool is_disposable() const {
        return state_ == ConnectionState::disconnected && sessions_.empty();
    }
    std::size_t session_count() const { return sessions_.size(); }
    const Backoff& backoff() const { return backoff_; }
    std::optional<std::int64_t> next_attempt() const { return reconnect_at_; } // while it waits
    std::optional<std::int64_t> unanswered_since() const {
        return pong_deadline_ ? std::optional(ping_sent_) : std::nullopt;
    }
    bool awaits_reconnect() const { return do_not_reconnect_; } // the server wants no other attempt
    const std::string& lost_by() const { return lost_by_; }     // the last failure, while it lasts
    Route& route() { return route_; }

    // Joins what exists, or starts the attempt to connect.
    void add(std::unique_ptr<Session> session);
    void deactivate(Session& session);
    // Ends delays, or proves that the link is alive (9.5).
    void request_reconnect();
    void skip_delay(); // ends a reconnect delay, if there is one
    // The same as a request to reconnect, but for what the server has asked for: that stands.
    void on_network_change();
    // Hands a store job's result to its session, if that still exists.
    void on_outcome(StoreResult result);

    // From the transport
    void connected(std::string_view subprotocol);
    void connect_failed(std::string_view failure, int http_status, std::string_view message);
    void receive(std::string_view bytes);
    void refuse(std::string_view first_bytes, std::uint64_t size);
    // Behind wire::kHeadRoom free bytes.
    std::optional<std::string> next_message();
    void closed(std::optional<int> code, std::string_view reason);

    void on_timer();
    std::optional<std::int64_t> deadline() const;
    void settle(); // destroys finished sessions: call when nobody uses one any more

    // For sessions
    void enlist(Session& session); // it wants to send
    void on_upload_sent(const Session& session, std::uint64_t version, std::uint64_t bytes);
    void charge(Session& session, std::uint64_t bytes); // received, not integrated
    void discharge(Session& session, std::uint64_t bytes);
    void resume_at(std::int64_t time, const Session& session);
    void on_session_idle(); // one session fewer is live
    void on_session_live(Session& session);
    void on_violation(Violation violation);
    void on_session_finished(Session& session); // it lives until settle()

  private:
    void start(); // waits for the delay that is due, then connects
    void attempt();
    bool quarantine(std::string_view reason);
    void fail(const Failure& failure, bool close_socket);
    void disconnect(const Failure* failure, bool close_socket); // no failure: voluntarily
    void tell_live_sessions(const Failure* failure);
    void announce(Session& session); // connecting, connected: as far as it has got
    void wake();                     // tells the transport that there is output
    std::string ping();
    std::optional<Violation> dispatch(const wire::ServerMessage& message);
    std::optional<Violation> on_error(std::int32_t code, std::uint64_t session,
                                      const Failure& failure);
    std::optional<Violation> on_pong(std::int64_t timestamp);
    std::optional<Violation> on_log(std::string_view body);
    Session* find(std::uint64_t ident);
    // `use` may not end any of them.
    template <class F> void for_each_session(const F& use);

    using Timer = std::optional<std::int64_t>;
    struct SentUpload {
        std::uint64_t session = 0; // ident; 0: none
        std::uint64_t version = 0; // it goes up to this
        std::uint64_t bytes = 0;
    };

    Context& context_;
    const std::uint64_t id_;
    const wire::Mode mode_;
    const std::int64_t linger_ms_;
    Route route_;
    Backoff backoff_;
    ConnectionState state_ = ConnectionState::disconnected;
    std::uint64_t socket_ = 0; // 0: none
    int version_ = 0;          // negotiated

    std::map<std::uint64_t, std::unique_ptr<Session>> sessions_; // by ident: a stable order
    std::vector<std::unique_ptr<Session>> finished_; // on the stack perhaps, until settle()
    std::unordered_set<std::uint64_t> lost_;         // half-unbound when the socket was lost
    std::size_t live_ = 0;                           // sessions neither suspended nor deactivating
    std::deque<std::uint64_t> queue_;                // idents: first come, first served
    // Time and ident. A cancelled one stays until it is due, and does nothing then.
    std::set<std::pair<std::int64_t, std::uint64_t>> resume_timers_;
    bool writable_signalled_ = false;

    bool do_not_reconnect_ = false;
    bool reset_scheduled_ = false;
    std::optional<std::int64_t> last_down_; // when it was connected last
    std::string lost_by_;

    SentUpload largest_upload_; // on this socket
    std::uint64_t backlog_ = 0;
    bool reading_ = true;

    Timer reconnect_at_, connect_deadline_, linger_at_, ping_at_, pong_deadline_;
    bool ping_due_ = false, ping_covers_request_ = false;
    std::int64_t ping_sent_ = 0, round_trip_ = 0;
};

} // namespace realmsync::client
