#include "client/client.hpp"

#include <algorithm>

namespace realmsync::client {

namespace {

struct Address {
    std::string scheme, host, port;
};

// Of "wss://host:port/path"; the default port is filled in, so that both spellings share a socket.
Address parse_address(std::string_view url) {
    Address a;
    if (const auto end = url.find("://"); end != url.npos) {
        a.scheme = url.substr(0, end);
        url.remove_prefix(end + 3);
    }
    url = url.substr(0, url.find_first_of("/?"));
    const auto colon = url.rfind(':');
    if (colon != url.npos && url.find(']', colon) == url.npos) { // not inside an IPv6 address
        a.port = url.substr(colon + 1);
        url = url.substr(0, colon);
    }
    a.host = url;
    if (a.port.empty())
        a.port = a.scheme == "wss" ? "443" : "80";
    return a;
}

} // namespace

Client::Client(const ClientTuning& tuning, std::uint64_t seed) : tuning_(tuning), random_(seed) {}
Client::~Client() = default;

bool Client::enable_multiplexing(bool enabled) {
    if (enabled == multiplexing_)
        return true;
    if (last_sync_session_ != 0)
        return false;
    multiplexing_ = enabled;
    return true;
}

// ---- sync sessions

std::uint64_t Client::add_session(SyncSessionConfig config) {
    const std::uint64_t id = ++last_sync_session_;
    sync_sessions_.emplace(id, std::make_unique<SyncSession>(*this, id, std::move(config)));
    return id;
}

SyncSession* Client::find(std::uint64_t session) {
    const auto found = sync_sessions_.find(session);
    return found == sync_sessions_.end() ? nullptr : found->second.get();
}

void Client::forget(std::uint64_t session) {
    SyncSession* s = find(session);
    if (s && !s->session)
        sync_sessions_.erase(session);
}

std::uint64_t Client::wait(std::uint64_t session, Direction direction) {
    const std::uint64_t id = next_wait();
    if (SyncSession* s = find(session))
        s->wait(direction, id);
    return id;
}

void Client::set_access_token(const std::string& user, const std::string& token) {
    for (auto& [id, s] : sync_sessions_)
        if (s->config().user == user)
            s->set_access_token(token);
}

void Client::log_out(const std::string& user) {
    for (auto& [id, s] : sync_sessions_)
        if (s->config().user == user)
            s->force_close(status::kOperationAborted, "");
}

void Client::set_route(std::uint64_t session, const Route& route) {
    SyncSession* s = find(session);
    if (!s)
        return;
    s->config().route = route;
    s->restart();
}

void Client::shutdown() {
    for (auto& [id, s] : sync_sessions_)
        s->shut_down();
    const auto sockets = sockets_;
    for (const auto& [socket, connection] : sockets)
        emit(Close{socket, 0});
    for (const auto& [socket, connection] : sockets) {
        connection->closed({}, "");
        touch(*connection);
    }
}

SyncSession* Client::owner(Session& session) {
    SyncSession* s = find(session.sync_session());
    return s && s->session == &session ? s : nullptr; // not one that it has left behind
}

Session& Client::open(SyncSession& s) {
    Connection& connection = connection_for(s.config());
    auto session =
        std::make_unique<Session>(connection, tuning_, ++last_ident_, s.id(), s.config().partition);
    s.session = session.get();
    s.connection = &connection;
    sessions_.emplace(session->ident(), std::pair(session.get(), &connection));
    ++unfinished_[s.id()];
    opened_.emplace_back(s.id(), std::move(session));
    return *s.session;
}

void Client::join(SyncSession& s) {
    auto session = std::move(opened_.back().second);
    opened_.pop_back();
    touch(*s.connection);
    s.connection->add(std::move(session));
}

void Client::leave(SyncSession& s) {
    Session* session = std::exchange(s.session, nullptr);
    Connection* connection = std::exchange(s.connection, nullptr);
    if (session) {
        touch(*connection);
        connection->deactivate(*session);
    } else if (!unfinished_.contains(s.id())) {
        released(s);
    }
}

void Client::released(SyncSession& s) {
    if (!s.session && !unfinished_.contains(s.id()))
        emit(Released{s.id()});
}

// ---- connections (8.1, 8.2)

Connection& Client::connection_for(const SyncSessionConfig& config) {
    const Address a = parse_address(config.route.url);
    const Endpoint endpoint{a.scheme, a.host, a.port, config.user};
    if (multiplexing_) {
        if (const auto found = shared_.find(endpoint); found != shared_.end()) {
            Route& route = found->second->route(); // for its next attempt
            route.url = config.route.url;
            route.access_token = config.route.access_token;
            route.verified |= config.route.verified;
            return *found->second;
        }
    }
    Backoff backoff({tuning_.reconnect_first_ms, tuning_.reconnect_max_ms,
                     tuning_.reconnect_multiplier, tuning_.reconnect_jitter_divisor});
    if (const auto kept = backoffs_.find(endpoint); kept != backoffs_.end()) {
        backoff = kept->second;
        backoffs_.erase(kept);
    }
    auto connection = std::make_unique<Connection>(
        static_cast<ConnectionHost&>(*this), ++last_connection_, tuning_, std::move(backoff),
        config.route, multiplexing_ ? tuning_.linger_ms : 0);
    Connection& result = *connection;
    connections_.emplace(result.id(), Slot{endpoint, std::move(connection)});
    if (multiplexing_)
        shared_.emplace(endpoint, &result);
    return result;
}

std::uint64_t Client::open_socket(Connection& connection) {
    sockets_.emplace(++last_socket_, &connection);
    return last_socket_;
}

void Client::touch(const Connection& connection) {
    if (touched_.empty() || touched_.back() != connection.id())
        touched_.push_back(connection.id());
}

Connection* Client::by_socket(std::uint64_t socket) {
    const auto found = sockets_.find(socket);
    if (found == sockets_.end())
        return nullptr; // given up meanwhile
    touch(*found->second);
    return found->second;
}

void Client::connected(std::uint64_t socket, std::string_view subprotocol) {
    if (Connection* c = by_socket(socket))
        c->connected(subprotocol);
}
void Client::connect_failed(std::uint64_t socket, std::string_view failure, int http_status,
                            std::string_view message) {
    if (Connection* c = by_socket(socket))
        c->connect_failed(failure, http_status, message);
}
void Client::receive(std::uint64_t socket, std::string_view bytes) {
    if (Connection* c = by_socket(socket))
        c->receive(bytes);
}
std::optional<std::string> Client::next_message(std::uint64_t socket) {
    Connection* c = by_socket(socket);
    return c ? c->next_message() : std::nullopt;
}
void Client::closed(std::uint64_t socket, std::optional<int> code, std::string_view reason) {
    if (Connection* c = by_socket(socket))
        c->closed(code, reason);
}

void Client::advance() {
    std::vector<std::uint64_t> due;
    for (const auto& [time, id] : timers_) {
        if (time > now_)
            break;
        due.push_back(id);
    }
    for (const std::uint64_t id : due) {
        Connection& connection = *connections_.at(id).connection;
        touch(connection);
        connection.advance();
    }
}

void Client::settle() {
    for (const std::uint64_t id : touched_) {
        const auto found = connections_.find(id);
        if (found == connections_.end())
            continue;
        Slot& slot = found->second;
        Connection* connection = slot.connection.get();
        connection->collect();
        const bool dispose = connection->disposable();
        const std::int64_t deadline = dispose ? -1 : connection->deadline();
        if (slot.deadline != deadline) {
            timers_.erase({slot.deadline, id});
            if (deadline >= 0)
                timers_.emplace(deadline, id);
            slot.deadline = deadline;
        }
        if (!dispose)
            continue;
        if (multiplexing_) {
            shared_.erase(slot.endpoint);
            if (connection->backoff().failed())
                backoffs_.insert_or_assign(slot.endpoint, connection->backoff());
        }
        connections_.erase(found);
    }
    touched_.clear();
}

// ---- protocol sessions

void Client::post(Session& session, StoreTask task) {
    jobs_.push_back({session.sync_session(), session.ident(), session.binding(), std::move(task)});
}

void Client::done(StoreResult result) {
    const auto found = sessions_.find(result.session);
    if (found == sessions_.end())
        return;
    const auto [session, connection] = found->second;
    touch(*connection);
    connection->done(*session, std::move(result));
    if (SyncSession* s = owner(*session); s && session->state())
        s->on_file_ident(session->state()->file.ident);
}

bool Client::watched(Session& session) {
    SyncSession* s = owner(session);
    return s && s->watched();
}
void Client::reported(Session& session, const Report& report) {
    if (SyncSession* s = owner(session))
        s->on_report(report);
}
void Client::uploads_complete(Session& session) {
    if (SyncSession* s = owner(session))
        s->on_complete(Direction::upload);
}
void Client::downloads_complete(Session& session) {
    if (SyncSession* s = owner(session))
        s->on_complete(Direction::download);
}
void Client::connection_changed(Session& session, ConnectionState state, const Failure* failure) {
    if (SyncSession* s = owner(session))
        s->on_connection(state, failure);
}

void Client::session_finished(Session& session) {
    sessions_.erase(session.ident());
    const std::uint64_t id = session.sync_session();
    if (const auto count = unfinished_.find(id); --count->second == 0) {
        unfinished_.erase(count);
        SyncSession* s = find(id);
        if (s && (s->state() == Lifecycle::inactive || s->state() == Lifecycle::paused))
            emit(Released{id});
    }
}

void Client::route_verified(Connection& connection) {
    for (auto& [id, s] : sync_sessions_)
        if (s->connection == &connection)
            s->config().route.verified = true;
}

} // namespace realmsync::client
