// One connection: its sessions and whose turn it is to send, heartbeat, errors of the connection,
// and its deadlines (server-behaviour.md 5.5, 6.8, 14, 15). What a session does is in session.cpp.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "server/context.hpp"
#include "server/session.hpp"
#include "wire/error_code.hpp"
#include "wire/message.hpp"

namespace realmsync::server {

// Close codes. None: TCP ends without a close frame, the client has been told in-band.
inline constexpr int kNoCloseFrame = 0;
inline constexpr int kInternalError = 1011; // SDKs come back without a word
inline constexpr int kUnauthorized = 4001;  // the client refreshes its token and comes back

class Connection {
  public:
    Connection(Context& context, ConnectionId id, std::string app_id, std::string user_id,
               int version, wire::Mode mode);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    ConnectionId id() const { return id_; }
    const std::string& app_id() const { return app_id_; }
    const std::string& user_id() const { return user_id_; }
    std::string whose() const; // the same two, for the log
    const Owner& owner() const { return owner_; }
    int version() const { return version_; } // of the protocol
    bool is_flexible() const { return mode_ == wire::Mode::flexible; }
    Context& context() const { return context_; }

    void receive(std::string_view bytes);
    // Of a message of `size` bytes, which is too large, only the first ones have been received: if
    // it is an upload its session is told, and the connection ends either way.
    void refuse(std::string_view first_bytes, std::uint64_t size);
    // The next message by priority: connection error, PONG, sessions in turn, log messages.
    std::optional<std::string> next_message();
    Session* find(const SessionRef& ref);

    // For sessions
    void enlist(Session& session);
    bool has_waiting_siblings() const { return !queue_.empty(); }
    // Room for one more page being built or waiting; without it the session is called again later.
    bool take_page_slot(const Session& session);
    void release_page_slot();
    void queue_log(std::uint64_t session, std::string_view level, std::string message);

    // Ends the connection in-band: the error is the last message it sends, then the transport
    // closes; when that does not come to an end, the soft-close deadline drops the connection.
    void fail(wire::Code code, std::string_view message);
    void refuse_mode(); // the app has the other one, and the client cannot follow
    // The same with 100, try again after `backoff_s`.
    void fail_for_now(wire::Code code, std::string_view message, std::int64_t backoff_s,
                      int close_code = kNoCloseFrame);
    void fail_without_storage(); // likewise
    // The log-in has ended: so do the sessions. SDKs keep the socket for a while, and when they log
    // in again meanwhile they bind on it: closed by us, it would delay their next one.
    void revoke();
    void take_over(); // by a new log-in of the same program
    void authorize(std::uint64_t session, std::uint64_t question,
                   std::optional<Permission> permission);
    void authorize_roles(std::uint64_t session, std::uint64_t question,
                         std::shared_ptr<const rules::SessionRoles> roles);
    void reauthorize();
    void obey_settings();    // the app's are others: what they do not allow ends
    void drop();             // ends TCP without a message
    void detach();           // all sessions leave
    void destroy_sessions(); // of an ended connection

    bool has_failed() const { return ended_; }
    void pause();
    void resume();
    std::optional<std::int64_t> deadline() const;
    void on_timer();

  private:
    struct LogEntry {
        std::uint64_t session; // 0: the connection
        std::string message;
    };

    void on_message(const wire::ClientMessage& message);
    void on_ping(const wire::Ping& message);
    Session* addressee(std::uint64_t ident, std::string_view name);
    void on_bind(const wire::Bind& message);
    void require_mode(); // or that of a session that says more about itself
    template <class F> void for_each_session(const F& use);
    void end(std::optional<std::string> last_message, int close_code);
    void close_revoked();
    void wake(); // tells the transport that there is output
    void note_sent();
    void note_sending(std::size_t bytes);

    Context& context_;
    const ConnectionId id_;
    const std::string app_id_;
    const std::string user_id_;
    const Owner owner_; // of the jobs of its sessions
    const int version_;
    const wire::Mode mode_;
    std::unordered_map<std::uint64_t, Session> sessions_;
    std::size_t unbinding_ = 0;    // of them, that only have to be told UNBOUND
    std::deque<SessionRef> queue_; // sessions that want to send, in turn
    std::deque<SessionRef> page_waiters_;
    bool is_sending_page_ = false; // a socket holds one, and counts in the page memory
    std::size_t page_slots_taken_ = 0;
    std::deque<std::int64_t> pongs_; // timestamps to give back
    std::deque<LogEntry> logs_;
    std::optional<std::string> last_message_; // of an ended connection
    bool ended_ = false;
    bool dropped_ = false;
    bool asleep_ = true; // the transport waits for a Writable event
    std::int64_t last_received_;
    std::int64_t seen_noted_;                   // of the client files, when last
    std::optional<std::int64_t> waiting_since_; // output, and no call of next_message()
    std::optional<std::int64_t> paused_since_;
    std::optional<std::int64_t> soft_close_at_;
    std::optional<std::int64_t> revoked_since_;
};

} // namespace realmsync::server
