#include "client/connection.hpp"

#include <algorithm>
#include <charconv>

#include "wire/format.hpp"
#include "wire/parse.hpp"

namespace realmsync::client {

namespace {

constexpr std::string_view kPrefix = "com.mongodb.realm-sync#";
constexpr int kOldestVersion = 2, kNewestVersion = 14;
// Without multiplexing a socket does not linger, but UNBIND gets the time to go out.
constexpr std::int64_t kUnbindGraceMs = 1'000;

int parse_version(std::string_view subprotocol) {
    int version = 0;
    if (!subprotocol.starts_with(kPrefix))
        return 0;
    subprotocol.remove_prefix(kPrefix.size());
    const char* end = subprotocol.data() + subprotocol.size();
    const auto [last, error] = std::from_chars(subprotocol.data(), end, version);
    const bool valid = error == std::errc() && last == end && version >= kOldestVersion &&
                       version <= kNewestVersion;
    return valid ? version : 0;
}

} // namespace

Connection::Connection(ConnectionHost& host, std::uint64_t id, const ClientTuning& tuning,
                       Backoff backoff, Route route, std::int64_t linger_ms)
    : host_(host), id_(id), tuning_(tuning), linger_ms_(linger_ms), route_(std::move(route)),
      backoff_(std::move(backoff)) {}

// ---- sessions

void Connection::add(std::unique_ptr<Session> added) {
    Session& session = *added;
    sessions_.emplace(session.ident(), std::move(added));
    ++live_;
    linger_at_ = -1;
    if (state_ == ConnectionState::connected)
        session.connection_up(false);
    announce(session);
    start();
}

void Connection::announce(Session& session) {
    if (state_ != ConnectionState::disconnected)
        host_.connection_changed(session, ConnectionState::connecting, nullptr);
    if (state_ == ConnectionState::connected)
        host_.connection_changed(session, ConnectionState::connected, nullptr);
}

void Connection::deactivate(Session& session) {
    if (session.deactivating())
        return;
    const bool was_live = session.live();
    session.deactivate();
    if (was_live)
        left();
}

void Connection::left() {
    if (--live_ > 0)
        return;
    reconnect_at_ = -1;
    if (state_ != ConnectionState::disconnected)
        linger_at_ = now() + (linger_ms_ > 0 || sessions_.empty() ? linger_ms_ : kUnbindGraceMs);
}

void Connection::suspended(Session& session, const Failure& failure) {
    left();
    host_.connection_changed(session, ConnectionState::disconnected, &failure);
}

void Connection::resumed(Session& session) {
    ++live_;
    linger_at_ = -1;
    announce(session);
    start();
}

void Connection::noticed(Session& session, const Failure& failure) {
    host_.connection_changed(session, state_, &failure);
}

void Connection::violated(Session&, std::string message) {
    const Failure failure = violation(std::move(message));
    disconnect(&failure, true);
}

void Connection::finished(Session& session) {
    const auto found = sessions_.find(session.ident());
    if (found == sessions_.end())
        return;
    backlog_ -= session.backlog;
    finished_.push_back(std::move(found->second));
    sessions_.erase(found);
    host_.session_finished(session);
    if (live_ == 0 && sessions_.empty() && linger_ms_ == 0 && linger_at_ >= 0)
        linger_at_ = now();
}

void Connection::collect() { finished_.clear(); }

void Connection::resume_timer_changed(Session& session) {
    if (session.resume_at() >= 0)
        resume_timers_.emplace(session.resume_at(), session.ident());
}

Session* Connection::find(std::uint64_t ident) {
    const auto found = sessions_.find(ident);
    return found == sessions_.end() ? nullptr : found->second.get();
}

void Connection::post(Session& session, StoreTask task) {
    if (const auto* download = std::get_if<ReceivedDownload>(&task)) {
        session.backlog += download->body_bytes->size();
        backlog_ += download->body_bytes->size();
        if (reading_ && backlog_ > tuning_.download_backlog_bytes) {
            reading_ = false;
            host_.emit(PauseReading{socket_});
        }
    }
    host_.post(session, std::move(task));
}

void Connection::done(Session& session, StoreResult result) {
    session.backlog -= result.size;
    backlog_ -= result.size;
    session.done(std::move(result));
    if (!reading_ && backlog_ <= tuning_.download_backlog_bytes / 2) {
        reading_ = true;
        host_.emit(ResumeReading{socket_});
    }
}

// ---- connecting (9.3, 9.4)

void Connection::start() {
    if (state_ != ConnectionState::disconnected || reconnect_at_ >= 0 || live_ == 0)
        return;
    if (reset_scheduled_) {
        reset_scheduled_ = do_not_reconnect_ = false;
        backoff_.reset();
    }
    if (do_not_reconnect_)
        return; // until the application asks for it
    const std::int64_t delay = backoff_.failed() ? backoff_.delay(random()) : 0;
    if (delay > 0)
        reconnect_at_ = now() + delay;
    else
        attempt();
}

void Connection::attempt() {
    reconnect_at_ = -1;
    state_ = ConnectionState::connecting;
    connect_deadline_ = now() + tuning_.connect_timeout_ms;
    socket_ = host_.open_socket(*this);
    Connect connect{socket_, route_.url, {}, route_.headers};
    connect.url += route_.url.find('?') == std::string::npos ? "?baas_at=" : "&baas_at=";
    connect.url += route_.access_token;
    for (int version = kNewestVersion; version >= kOldestVersion; --version)
        connect.subprotocols.push_back(std::string(kPrefix) + std::to_string(version));
    host_.emit(std::move(connect));
    for (auto& [ident, session] : sessions_)
        if (session->live())
            host_.connection_changed(*session, state_, nullptr);
}

void Connection::wake() {
    if (state_ != ConnectionState::disconnected || (reconnect_at_ < 0 && !do_not_reconnect_))
        return;
    reconnect_at_ = -1;
    do_not_reconnect_ = false;
    backoff_.reset();
    start();
}

void Connection::request_reconnect() {
    if (state_ == ConnectionState::disconnected) {
        wake();
        return;
    }
    reset_scheduled_ = true;
    if (state_ == ConnectionState::connected && pong_deadline_ < 0) {
        ping_due_ = true;
        signal();
    }
}

void Connection::connected(std::string_view subprotocol) {
    if (state_ != ConnectionState::connecting)
        return;
    version_ = parse_version(subprotocol);
    if (version_ == 0) {
        connect_failed("protocol", 101,
                       "Bad subprotocol in the server's response: " + std::string(subprotocol));
        return;
    }
    const bool fast = last_down_ >= 0 && now() - last_down_ <= tuning_.fast_reconnect_limit_ms;
    state_ = ConnectionState::connected;
    connect_deadline_ = -1;
    route_.verified = true;
    host_.route_verified(*this);
    ping_at_ = now() + (reset_scheduled_ ? 0 : random().up_to(tuning_.ping_period_ms));
    for (auto& [ident, session] : sessions_)
        session->connection_up(fast);
    for (auto& [ident, session] : sessions_)
        if (session->live())
            host_.connection_changed(*session, state_, nullptr);
    if (live_ == 0)
        linger_at_ = now() + linger_ms_;
}

void Connection::connect_failed(std::string_view failure, int http_status,
                                std::string_view message) {
    if (state_ != ConnectionState::connecting)
        return;
    const Failure f = classify_connect_failure(failure, http_status, message, route_.verified);
    disconnect(&f, failure == "timeout" || failure == "protocol");
}

void Connection::closed(std::optional<int> code, std::string_view reason) {
    if (state_ == ConnectionState::disconnected)
        return;
    const Failure failure = classify_close(code, reason);
    disconnect(&failure, false);
}

void Connection::disconnect(const Failure* failure, bool close_socket) {
    if (state_ == ConnectionState::connected)
        last_down_ = now();
    state_ = ConnectionState::disconnected;
    if (close_socket)
        host_.emit(Close{socket_, 0});
    host_.socket_closed(socket_);
    socket_ = 0;
    connect_deadline_ = linger_at_ = ping_at_ = pong_deadline_ = -1;
    ping_due_ = ping_covers_request_ = writable_signalled_ = false;
    round_trip_ = 0;
    reading_ = true;
    queue_.clear();
    if (failure) {
        do_not_reconnect_ = failure->reason == Termination::server_said_do_not_reconnect;
        backoff_.update(std::int32_t(failure->reason), failure->backoff);
    } else {
        backoff_.reset();
    }
    lost_.clear();
    std::vector<std::uint64_t> idents;
    idents.reserve(sessions_.size());
    for (auto& [ident, session] : sessions_)
        idents.push_back(ident);
    for (const std::uint64_t ident : idents) {
        Session& session = *find(ident);
        session.enlisted = false;
        if (session.deactivating())
            lost_.insert(ident);
        session.connection_lost();
    }
    for (const std::uint64_t ident : idents) { // what is told may deactivate any of them
        Session* session = find(ident);
        if (session && session->live())
            host_.connection_changed(*session, state_, failure);
    }
    start();
}

// ---- messages

void Connection::wants_to_send(Session& session) {
    if (!session.enlisted) {
        session.enlisted = true;
        queue_.push_back(session.ident());
    }
    signal();
}

void Connection::signal() {
    if (state_ != ConnectionState::connected || writable_signalled_)
        return;
    writable_signalled_ = true;
    host_.emit(Writable{socket_});
}

std::string Connection::ping() {
    ping_due_ = false;
    ping_at_ = -1;
    ping_sent_ = now();
    pong_deadline_ = now() + tuning_.pong_timeout_ms;
    ping_covers_request_ = reset_scheduled_;
    return wire::format(wire::Ping{ping_sent_, round_trip_});
}

std::optional<std::string> Connection::next_message() {
    if (state_ != ConnectionState::connected)
        return {};
    if (ping_due_)
        return ping();
    while (!queue_.empty()) {
        Session* session = find(queue_.front());
        queue_.pop_front();
        if (!session)
            continue;
        session->enlisted = false;
        if (!session->has_message())
            continue;
        // A session that finishes by sending lives on in finished_ until collect().
        std::string message = session->next_message();
        if (session->has_message())
            wants_to_send(*session);
        return message;
    }
    writable_signalled_ = false;
    return {};
}

void Connection::receive(std::string_view bytes) {
    if (state_ != ConnectionState::connected)
        return;
    auto message = wire::parse_server_message(bytes, wire::Mode::partition, version_);
    auto fault = message ? dispatch(*message)
                         : std::optional<std::string>("Bad message: " + message.error().message);
    if (fault) {
        const Failure failure = violation(std::move(*fault));
        disconnect(&failure, true);
    }
}

std::optional<std::string> Connection::on_pong(std::int64_t timestamp) {
    if (pong_deadline_ < 0)
        return "PONG without a PING";
    if (timestamp != ping_sent_)
        return "PONG with a timestamp that was not sent";
    round_trip_ = now() - ping_sent_;
    pong_deadline_ = -1;
    if (ping_covers_request_)
        reset_scheduled_ = false; // the link is healthy
    const std::int64_t period =
        tuning_.ping_period_ms - random().up_to(tuning_.ping_period_ms / 10);
    ping_at_ = now() + (reset_scheduled_ ? 0 : std::max<std::int64_t>(0, period - round_trip_));
    return {};
}

std::optional<std::string> Connection::on_error(std::int32_t code, std::uint64_t ident,
                                                const wire::ErrorInfo& info) {
    const wire::CodeInfo* known = wire::find_code(code);
    const Failure failure = from_protocol_error(code, info, tuning_.reconnect_jitter_divisor);
    if (ident == 0) {
        if (!known || known->level != wire::Level::connection)
            return "ERROR for the connection with code " + std::to_string(code);
        disconnect(&failure, true);
        return {};
    }
    if (known && known->level != wire::Level::session)
        return "ERROR for a session with code " + std::to_string(code);
    if (Session* session = find(ident))
        return session->receive_error(failure);
    if (lost_.contains(ident))
        return {};
    return "ERROR for an unknown session";
}

std::optional<std::string> Connection::dispatch(const wire::ServerMessage& message) {
    return std::visit(
        [this](const auto& m) -> std::optional<std::string> {
            using M = std::decay_t<decltype(m)>;
            if constexpr (std::is_same_v<M, wire::Pong>) {
                return on_pong(m.timestamp);
            } else if constexpr (std::is_same_v<M, wire::LogMessage>) {
                auto log = wire::parse_log_info(m.body);
                if (!log || version_ < 10)
                    return "bad log message";
                if (!log->message.empty())
                    host_.emit(ServerLog{log->level, log->message});
                return {};
            } else if constexpr (std::is_same_v<M, wire::JsonError>) {
                auto info = wire::parse_error_info(m.body, m.code);
                if (!info)
                    return "bad JSON in ERROR: " + info.error().message;
                return on_error(m.code, m.session, *info);
            } else if constexpr (std::is_same_v<M, wire::PlainError>) {
                wire::ErrorInfo info;
                info.message = m.message;
                info.try_again = m.try_again;
                return on_error(m.code, m.session, info);
            } else if constexpr (std::is_same_v<M, wire::QueryError>) {
                return "QUERY_ERROR in partition-based sync";
            } else {
                if (m.session == 0)
                    return {};
                Session* session = find(m.session);
                if (!session)
                    return lost_.contains(m.session)
                               ? std::nullopt
                               : std::optional<std::string>("message for an unknown session");
                if constexpr (std::is_same_v<M, wire::TestCommand>)
                    return {}; // nobody here sends one
                else
                    return session->receive(m);
            }
        },
        message);
}

// ---- time

void Connection::advance() {
    const std::int64_t t = now();
    const auto due = [t](std::int64_t& timer) {
        return timer >= 0 && timer <= t && (timer = -1, true);
    };
    while (!resume_timers_.empty() && resume_timers_.begin()->first <= t) {
        const auto [time, ident] = *resume_timers_.begin();
        resume_timers_.erase(resume_timers_.begin());
        Session* session = find(ident);
        if (session && session->resume_at() == time)
            session->resume();
    }
    if (due(reconnect_at_))
        attempt();
    if (due(connect_deadline_))
        connect_failed("timeout", 0, "");
    if (due(ping_at_)) {
        ping_due_ = true;
        signal();
    }
    if (due(pong_deadline_)) {
        Failure failure{status::kConnectionClosed,
                        "Timed out waiting for PONG response from server", false, Action::transient,
                        Termination::pong_timeout};
        disconnect(&failure, true);
    }
    if (due(linger_at_) && live_ == 0)
        disconnect(nullptr, true);
}

std::int64_t Connection::deadline() const {
    std::int64_t first = resume_timers_.empty() ? -1 : resume_timers_.begin()->first;
    for (const std::int64_t timer :
         {reconnect_at_, connect_deadline_, linger_at_, ping_at_, pong_deadline_})
        if (timer >= 0 && (first < 0 || timer < first))
            first = timer;
    return first;
}

} // namespace realmsync::client
