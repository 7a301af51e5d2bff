// The connections of one client engine: which sessions share one (client-session.md 8.1, 8.2), how
// they are found by number and socket, their deadlines, and the backoffs that outlive them. What a
// connection does is in connection.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "client/connection.hpp"

namespace realmsync::client {

struct Context;

class ConnectionDirectory {
  public:
    explicit ConnectionDirectory(Context& context) : context_(context) {}

    // Whether sessions of one endpoint share a connection. Not to be changed once there is one.
    bool is_multiplexing() const { return multiplexing_; }
    void set_multiplexing(bool enabled);

    // The connection for a new session of `user`: a shared one that is not full, or a new one. All
    // of one are of one mode. It takes the route for its next attempt. `settings` are the
    // transport's: only sessions with equal ones share. With `before`, the connection that an
    // earlier session of the file is still leaving, it is that one, full or not: UNBIND goes out
    // before BIND then.
    Connection& obtain(wire::Mode mode, const std::string& user, const std::string& settings,
                       const Route& route, std::uint64_t before);
    Connection* find(std::uint64_t id);
    Connection* find_socket(std::uint64_t socket);     // nullptr: given up meanwhile
    std::uint64_t open_socket(Connection& connection); // a fresh number for it
    void forget_socket(std::uint64_t socket) { sockets_.erase(socket); }
    void close_sockets();

    // Before something happens to a connection: settle() will look at it.
    void touch(const Connection& connection);
    // The network has changed, as somebody believes: every connection looks after itself, at most
    // once in an interval. What is told meanwhile counts as one, at its end.
    void on_network_change();
    // Destroys what has ended, and notes the deadlines anew.
    void settle();
    void on_timer();
    std::optional<std::int64_t> deadline() const;
    std::size_t size() const { return connections_.size(); }

  private:
    // Mode, scheme, host, port, user, settings.
    using Endpoint =
        std::tuple<wire::Mode, std::string, std::string, std::string, std::string, std::string>;
    struct Entry {
        Endpoint endpoint;
        std::unique_ptr<Connection> connection;
        std::optional<std::int64_t> deadline; // as it stands in timers_
    };

    static Endpoint endpoint_of(wire::Mode mode, const std::string& user,
                                const std::string& settings, std::string_view url);
    Connection* find_shared(const Endpoint& endpoint, std::uint64_t before);
    void note_deadline(Entry& entry, std::optional<std::int64_t> deadline);
    void check_connections();

    Context& context_;
    bool multiplexing_ = true;
    std::map<std::uint64_t, Entry> connections_;  // by number
    std::multimap<Endpoint, Connection*> shared_; // all but the last were full when it was made
    std::map<Endpoint, Backoff> backoffs_;        // of shared connections that are gone
    std::unordered_map<std::uint64_t, Connection*> sockets_;
    std::set<std::pair<std::int64_t, std::uint64_t>> timers_; // time, number of the connection
    std::vector<std::uint64_t> touched_;                      // numbers, since settle()
    std::optional<std::int64_t> check_at_;                    // after a change of the network
    std::int64_t next_check_ = 0;                             // not before
    std::uint64_t last_connection_ = 0, last_socket_ = 0;
};

} // namespace realmsync::client
