// The sync server without I/O: received messages, outcomes of storage jobs and a clock value in;
// messages, storage jobs, events and the next deadline out. Deterministic for a seed. Connections
// are in connection.cpp, sessions in session.cpp, partitions in partition.cpp; threads and storage
// in runtime/server_runtime.cpp (server-behaviour.md sections 5 to 8, 10, 14, 15).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/app_settings.hpp"
#include "server/event.hpp"
#include "server/job.hpp"
#include "tuning.hpp"

namespace realmsync::rules {
class SessionRoles;
}

namespace realmsync::server {

struct Context;

class Server {
  public:
    // Asks for each session what its user may do (Authorize), if `asks_permission`.
    Server(const ServerTuning& tuning, std::uint64_t seed, bool asks_permission = false);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // `subprotocol` is the element chosen at the upgrade, com.mongodb.realm-sync#14 for instance;
    // std::invalid_argument when it is none that this server speaks.
    ConnectionId open_connection(std::string_view app_id, std::string_view user_id,
                                 std::string_view subprotocol, std::int64_t now);
    // One whole binary message. Anything wrong with it ends the session or connection in-band.
    void receive(ConnectionId connection, std::string_view message, std::int64_t now);
    // A message of `size` bytes is too large to be received; `first_bytes` are some of it.
    void refuse(ConnectionId connection, std::string_view first_bytes, std::uint64_t size,
                std::int64_t now);
    // The message to send now, behind wire::kHeadRoom free bytes; built only here, so call it when
    // the socket can take it. None: a Writable event will come.
    std::optional<std::string> next_message(ConnectionId connection, std::int64_t now);
    // The log-in behind the connection has ended: its sessions end, and a BIND closes it (4001),
    // unless a new log-in of the same program has taken the connection over by then.
    void revoke(ConnectionId connection, std::int64_t now);
    void take_over(ConnectionId connection, std::int64_t now);
    // The answer to an Authorize event, or none: nobody knows, and the client is to try again.
    // Stale answers are ignored.
    void authorize(ConnectionId connection, std::uint64_t session, std::uint64_t question,
                   std::optional<Permission> permission, std::int64_t now);
    // The same for a session of flexible sync whose user is restricted. Others than before end it:
    // the client comes again and is shown what it may see then.
    void authorize_roles(ConnectionId connection, std::uint64_t session, std::uint64_t question,
                         std::shared_ptr<const rules::SessionRoles> roles, std::int64_t now);
    // Asks again for all sessions of the connection; meanwhile they go on.
    void reauthorize(ConnectionId connection, std::int64_t now);
    // Connections of the app hold to it from now on, those that are there too.
    void configure_app(const std::string& app_id, const AppSettings& settings, std::int64_t now);
    // The app is no longer served: its connections are told to come again, and find nothing.
    void remove_app(const std::string& app_id, std::int64_t now);
    // Answered by an Administered event with the number that it gives.
    std::uint64_t administer(const std::string& app_id, Administration what, std::int64_t now);
    std::uint32_t number_of(const std::string& app_id); // of an app, as its jobs have it
    // The transport has lost or ended the connection; always called, also after Close and Drop.
    void closed(ConnectionId connection);

    void on_outcome(Outcome outcome, std::int64_t now);
    void on_timer(std::int64_t now);
    std::optional<std::int64_t> deadline() const;
    // Finishes what is accepted, acknowledges it (tuning.drain_ms at most), then ends every
    // connection with 100, try again.
    void shutdown(std::int64_t now);

    std::vector<Job> take_jobs();
    std::vector<Event> take_events();
    bool has_events() const;
    Stats stats() const;
    std::int64_t now() const; // of the last call
    // How often a session was looked at because all of its connection were: what one of many does
    // adds nothing.
    std::uint64_t visits() const;

  private:
    void end_call(); // what every call ends with: ended connections, the end of a shutdown
    void finish_shutdown();
    std::int64_t draw_restart_backoff();

    std::unique_ptr<Context> context_;
};

} // namespace realmsync::server
