// The door of the client engine: every input names the time, goes to whom it concerns, and settles
// (client-session.md 8).
#include "client/client.hpp"

#include <algorithm>

namespace realmsync::client {

Client::Client(const ClientTuning& tuning, std::uint64_t seed) : context_(tuning, seed) {}
Client::~Client() = default;

// Calls of several threads may come in another order than they read the clock in.
void Client::set_now(std::int64_t now) { context_.now = std::max(context_.now, now); }

void Client::settle() {
    context_.connections.settle();
    std::erase_if(forgotten_, [this](std::uint64_t id) {
        const auto found = sync_sessions_.find(id);
        if (found != sync_sessions_.end() && !found->second->is_released())
            return false;
        if (found != sync_sessions_.end())
            sync_sessions_.erase(found);
        return true;
    });
}

// Sync sessions

template <class F> void Client::for_each_session(const F& use) {
    context_.visits += sync_sessions_.size();
    for (auto& [id, session] : sync_sessions_)
        use(*session);
}

bool Client::enable_multiplexing(bool enabled) {
    if (enabled == context_.connections.is_multiplexing())
        return true;
    if (last_sync_session_ != 0)
        return false;
    context_.connections.set_multiplexing(enabled);
    return true;
}

std::uint64_t Client::add_session(SyncSessionConfig config) {
    const std::uint64_t id = ++last_sync_session_;
    sync_sessions_.emplace(id, std::make_unique<SyncSession>(context_, id, std::move(config)));
    return id;
}

const SyncSession* Client::find(std::uint64_t session) const {
    const auto found = sync_sessions_.find(session);
    return found == sync_sessions_.end() ? nullptr : found->second.get();
}

void Client::forget(std::uint64_t session) {
    forgotten_.push_back(session);
    settle();
}

std::uint64_t Client::wait(std::uint64_t session, Direction direction, std::int64_t now) {
    const std::uint64_t id = ++context_.last_wait;
    with(session, now, [&](SyncSession& s) { s.wait(direction, id); });
    return id;
}

std::uint64_t Client::wait_for_set(std::uint64_t session, std::int64_t version, std::int64_t now) {
    const std::uint64_t id = ++context_.last_wait;
    with(session, now, [&](SyncSession& s) { s.wait_for_set(version, id); });
    return id;
}

template <class F>
void Client::with_sessions_of(const std::string& user, std::int64_t now, const F& use) {
    set_now(now);
    for_each_session([&](SyncSession& s) {
        if (s.config().user == user)
            use(s);
    });
    settle();
}

void Client::set_access_token(const std::string& user, const std::string& token, std::int64_t now) {
    with_sessions_of(user, now, [&](SyncSession& s) { s.set_access_token(token); });
}

void Client::keep_access_token(const std::string& user, const std::string& token,
                               std::int64_t now) {
    with_sessions_of(user, now, [&](SyncSession& s) { s.keep_access_token(token); });
}

void Client::log_out(const std::string& user, std::int64_t now) {
    with_sessions_of(user, now,
                     [](SyncSession& s) { s.force_close(status::kOperationAborted, ""); });
}

void Client::set_route(std::uint64_t session, const Route& route, std::int64_t now) {
    with(session, now, [&](SyncSession& s) { s.set_route(route); });
}

void Client::on_network_change(std::int64_t now) {
    set_now(now);
    context_.connections.on_network_change();
    settle();
}

void Client::shutdown(std::int64_t now) {
    set_now(now);
    for_each_session([](SyncSession& s) { s.shut_down(); });
    context_.connections.close_sockets();
    settle();
}

// Transport

Connection* Client::touch_socket(std::uint64_t socket) {
    Connection* connection = context_.connections.find_socket(socket);
    if (connection)
        context_.connections.touch(*connection);
    return connection;
}

void Client::connected(std::uint64_t socket, std::string_view subprotocol, std::int64_t now) {
    set_now(now);
    if (Connection* connection = touch_socket(socket))
        connection->connected(subprotocol);
    settle();
}

void Client::connect_failed(std::uint64_t socket, std::string_view failure, int http_status,
                            std::string_view message, std::int64_t now) {
    set_now(now);
    if (Connection* connection = touch_socket(socket))
        connection->connect_failed(failure, http_status, message);
    settle();
}

void Client::receive(std::uint64_t socket, std::string_view bytes, std::int64_t now) {
    set_now(now);
    if (Connection* connection = touch_socket(socket))
        connection->receive(bytes);
    settle();
}

void Client::refuse(std::uint64_t socket, std::string_view first_bytes, std::uint64_t size,
                    std::int64_t now) {
    set_now(now);
    if (Connection* connection = touch_socket(socket))
        connection->refuse(first_bytes, size);
    settle();
}

std::optional<std::string> Client::next_message(std::uint64_t socket, std::int64_t now) {
    set_now(now);
    std::optional<std::string> message;
    if (Connection* connection = touch_socket(socket))
        message = connection->next_message();
    settle();
    return message;
}

void Client::closed(std::uint64_t socket, std::optional<int> code, std::string_view reason,
                    std::int64_t now) {
    set_now(now);
    if (Connection* connection = touch_socket(socket))
        connection->closed(code, reason);
    settle();
}

// Outcomes and time

void Client::on_outcome(StoreResult result, std::int64_t now) {
    set_now(now);
    const std::uint64_t owner_id = result.sync_session;
    if (Connection* connection = context_.connections.find(result.to.connection)) {
        context_.connections.touch(*connection);
        connection->on_outcome(std::move(result));
    }
    if (const auto owner = sync_sessions_.find(owner_id); owner != sync_sessions_.end())
        owner->second->on_job_done();
    settle();
}

void Client::on_timer(std::int64_t now) {
    set_now(now);
    context_.connections.on_timer();
    settle();
}

} // namespace realmsync::client
