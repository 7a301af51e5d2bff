// The connections of one client engine (client-session.md 8.1, 8.2).
#include "client/connection_directory.hpp"

#include <algorithm>
#include <string_view>

#include "base/assert.hpp"
#include "client/context.hpp"

namespace realmsync::client {

// `url` is "wss://host:port/path"; the default port is filled in, so that both spellings share a
// socket.
ConnectionDirectory::Endpoint ConnectionDirectory::endpoint_of(wire::Mode mode,
                                                               const std::string& user,
                                                               const std::string& settings,
                                                               std::string_view url) {
    std::string scheme, port;
    if (const auto end = url.find("://"); end != url.npos) {
        scheme = url.substr(0, end);
        url.remove_prefix(end + 3);
    }
    url = url.substr(0, url.find_first_of("/?"));
    const auto colon = url.rfind(':');
    if (colon != url.npos && url.find(']', colon) == url.npos) { // not inside an IPv6 address
        port = url.substr(colon + 1);
        url = url.substr(0, colon);
    }
    if (port.empty())
        port = scheme == "wss" ? "443" : "80";
    return {mode, std::move(scheme), std::string(url), std::move(port), user, settings};
}

void ConnectionDirectory::set_multiplexing(bool enabled) {
    REALMSYNC_ASSERT(connections_.empty());
    multiplexing_ = enabled;
}

Connection* ConnectionDirectory::find_shared(const Endpoint& endpoint, std::uint64_t before) {
    Connection* roomy = nullptr;
    for (auto [at, end] = shared_.equal_range(endpoint); at != end; ++at) {
        Connection& connection = *at->second;
        if (connection.id() == before)
            return &connection;
        if (!roomy && connection.session_count() < context_.tuning.sessions_per_connection)
            roomy = &connection;
    }
    return roomy;
}

Connection& ConnectionDirectory::obtain(wire::Mode mode, const std::string& user,
                                        const std::string& settings, const Route& route,
                                        std::uint64_t before) {
    const Endpoint endpoint = endpoint_of(mode, user, settings, route.url);
    if (multiplexing_) {
        if (Connection* shared = find_shared(endpoint, before)) {
            Route& next = shared->route();
            next.url = route.url;
            next.access_token = route.access_token;
            next.verified |= route.verified;
            return *shared;
        }
    }
    Backoff backoff(context_.backoff);
    if (const auto kept = backoffs_.find(endpoint); kept != backoffs_.end()) {
        backoff = kept->second;
        backoffs_.erase(kept);
    }
    auto made = std::make_unique<Connection>(context_, ++last_connection_, mode, std::move(backoff),
                                             route, multiplexing_ ? context_.tuning.linger_ms : 0);
    Connection& connection = *made;
    connections_.emplace(connection.id(), Entry{endpoint, std::move(made), {}});
    if (multiplexing_)
        shared_.emplace(endpoint, &connection);
    return connection;
}

Connection* ConnectionDirectory::find(std::uint64_t id) {
    const auto found = connections_.find(id);
    return found == connections_.end() ? nullptr : found->second.connection.get();
}

Connection* ConnectionDirectory::find_socket(std::uint64_t socket) {
    const auto found = sockets_.find(socket);
    return found == sockets_.end() ? nullptr : found->second;
}

std::uint64_t ConnectionDirectory::open_socket(Connection& connection) {
    sockets_.emplace(++last_socket_, &connection);
    return last_socket_;
}

void ConnectionDirectory::close_sockets() {
    const auto sockets = sockets_; // each takes itself out
    for (const auto& [socket, connection] : sockets)
        context_.emit(Close{socket, 0});
    for (const auto& [socket, connection] : sockets) {
        touch(*connection);
        connection->closed({}, "");
    }
}

void ConnectionDirectory::touch(const Connection& connection) {
    if (touched_.empty() || touched_.back() != connection.id())
        touched_.push_back(connection.id());
}

void ConnectionDirectory::note_deadline(Entry& entry, std::optional<std::int64_t> deadline) {
    if (entry.deadline == deadline)
        return;
    const std::uint64_t id = entry.connection->id();
    if (entry.deadline)
        timers_.erase({*entry.deadline, id});
    if (deadline)
        timers_.emplace(*deadline, id);
    entry.deadline = deadline;
}

void ConnectionDirectory::settle() {
    for (const std::uint64_t id : touched_) {
        const auto found = connections_.find(id);
        if (found == connections_.end())
            continue; // touched twice, and gone
        Entry& entry = found->second;
        Connection& connection = *entry.connection;
        connection.settle();
        if (!connection.is_disposable()) {
            note_deadline(entry, connection.deadline());
            continue;
        }
        note_deadline(entry, std::nullopt);
        if (multiplexing_) {
            const auto [first, last] = shared_.equal_range(entry.endpoint);
            shared_.erase(std::find_if(
                first, last, [&](const auto& shared) { return shared.second == &connection; }));
            if (connection.backoff().has_failed())
                backoffs_.insert_or_assign(entry.endpoint, connection.backoff());
        }
        connections_.erase(found);
    }
    touched_.clear();
}

void ConnectionDirectory::on_network_change() {
    if (connections_.empty())
        return;
    check_at_ = std::max(context_.now, next_check_);
    if (*check_at_ <= context_.now)
        check_connections();
}

void ConnectionDirectory::check_connections() {
    check_at_.reset();
    next_check_ = context_.now + context_.tuning.network_change_interval_ms;
    for (const auto& [id, entry] : connections_) {
        touch(*entry.connection);
        entry.connection->on_network_change();
    }
}

void ConnectionDirectory::on_timer() {
    if (check_at_ && *check_at_ <= context_.now)
        check_connections();
    std::vector<std::uint64_t> due;
    for (const auto& [time, id] : timers_) {
        if (time > context_.now)
            break;
        due.push_back(id);
    }
    for (const std::uint64_t id : due) {
        Connection& connection = *connections_.at(id).connection;
        touch(connection);
        connection.on_timer();
    }
}

std::optional<std::int64_t> ConnectionDirectory::deadline() const {
    if (timers_.empty())
        return check_at_;
    const std::int64_t first = timers_.begin()->first;
    return check_at_ ? std::min(*check_at_, first) : first;
}

} // namespace realmsync::client
