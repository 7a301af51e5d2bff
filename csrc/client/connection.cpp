// One connection of the client (client-session.md 8 and 9, wire-protocol.md 13).
#include "client/connection.hpp"

#include <algorithm>
#include <charconv>

#include "base/assert.hpp"
#include "client/context.hpp"
#include "wire/format.hpp"
#include "wire/outgoing.hpp"
#include "wire/parse.hpp"

namespace realmsync::client {

namespace {

constexpr int kOldestVersion = 2, kNewestVersion = 14;
constexpr int kOldestFlexible = 9; // of those offered; below, BIND has no place for what it says
// Without multiplexing a socket does not linger, but UNBIND gets the time to go out.
constexpr std::int64_t kUnbindGraceMs = 1'000;

std::string_view prefix(wire::Mode mode) {
    return mode == wire::Mode::flexible ? "com.mongodb.realm-query-sync#"
                                        : "com.mongodb.realm-sync#";
}

int parse_version(std::string_view subprotocol, wire::Mode mode) {
    int version = 0;
    if (!subprotocol.starts_with(prefix(mode)))
        return 0;
    subprotocol.remove_prefix(prefix(mode).size());
    const char* end = subprotocol.data() + subprotocol.size();
    const auto [last, error] = std::from_chars(subprotocol.data(), end, version);
    const int oldest = mode == wire::Mode::flexible ? kOldestFlexible : kOldestVersion;
    const bool valid =
        error == std::errc() && last == end && version >= oldest && version <= kNewestVersion;
    return valid ? version : 0;
}

} // namespace

Connection::Connection(Context& context, std::uint64_t id, wire::Mode mode, Backoff backoff,
                       Route route, std::int64_t linger_ms)
    : context_(context), id_(id), mode_(mode), linger_ms_(linger_ms), route_(std::move(route)),
      backoff_(std::move(backoff)) {}

// Sessions

void Connection::add(std::unique_ptr<Session> added) {
    Session& session = *added;
    REALMSYNC_ASSERT(session.is_live() && !find(session.ident()));
    sessions_.emplace(session.ident(), std::move(added));
    if (is_connected())
        session.on_connection_up(false);
    on_session_live(session);
}

void Connection::on_session_live(Session& session) {
    ++live_;
    REALMSYNC_ASSERT(live_ <= sessions_.size());
    linger_at_.reset();
    announce(session);
    start();
}

void Connection::announce(Session& session) {
    if (state_ != ConnectionState::disconnected)
        session.observer().on_connection(ConnectionState::connecting, nullptr);
    if (state_ == ConnectionState::connected)
        session.observer().on_connection(ConnectionState::connected, nullptr);
}

void Connection::deactivate(Session& session) {
    REALMSYNC_ASSERT(find(session.ident()) == &session);
    if (session.is_deactivating())
        return;
    const bool was_live = session.is_live();
    session.deactivate();
    if (was_live)
        on_session_idle();
}

void Connection::on_session_idle() {
    REALMSYNC_ASSERT(live_ > 0);
    if (--live_ > 0)
        return;
    reconnect_at_.reset();
    if (state_ != ConnectionState::disconnected)
        linger_at_ =
            context_.now + (linger_ms_ > 0 || sessions_.empty() ? linger_ms_ : kUnbindGraceMs);
}

void Connection::on_violation(Violation violation) { fail(to_failure(std::move(violation)), true); }

void Connection::on_session_finished(Session& session) {
    const auto found = sessions_.find(session.ident());
    REALMSYNC_ASSERT(found != sessions_.end() && session.is_deactivating());
    discharge(session, session.backlog);
    finished_.push_back(std::move(found->second));
    sessions_.erase(found);
    session.observer().on_finished();
    if (live_ == 0 && sessions_.empty() && linger_ms_ == 0 && linger_at_)
        linger_at_ = context_.now;
}

void Connection::settle() { finished_.clear(); }

void Connection::resume_at(std::int64_t time, const Session& session) {
    resume_timers_.emplace(time, session.ident());
}

template <class F> void Connection::for_each_session(const F& use) {
    context_.visits += sessions_.size();
    for (auto& [ident, session] : sessions_)
        use(*session);
}

Session* Connection::find(std::uint64_t ident) {
    const auto found = sessions_.find(ident);
    return found == sessions_.end() ? nullptr : found->second.get();
}

void Connection::charge(Session& session, std::uint64_t bytes) {
    session.backlog += bytes;
    backlog_ += bytes;
    if (reading_ && backlog_ > context_.tuning.download_backlog_bytes) {
        reading_ = false;
        context_.emit(PauseReading{socket_});
    }
}

void Connection::discharge(Session& session, std::uint64_t bytes) {
    REALMSYNC_ASSERT(bytes <= session.backlog && session.backlog <= backlog_);
    session.backlog -= bytes;
    backlog_ -= bytes;
    if (!reading_ && backlog_ <= context_.tuning.download_backlog_bytes / 2) {
        reading_ = true;
        context_.emit(ResumeReading{socket_});
    }
}

void Connection::on_outcome(StoreResult result) {
    Session* session = find(result.to.session);
    if (!session)
        return; // its part of the backlog went with it
    discharge(*session, result.charge);
    session->on_outcome(std::move(result));
}

// Connecting (9.3, 9.4)

void Connection::start() {
    if (state_ != ConnectionState::disconnected || reconnect_at_ || live_ == 0)
        return;
    if (reset_scheduled_) {
        reset_scheduled_ = do_not_reconnect_ = false;
        backoff_.reset();
    }
    if (do_not_reconnect_)
        return; // until the application asks for it
    const std::int64_t delay = backoff_.has_failed() ? backoff_.delay(context_.random) : 0;
    if (delay > 0)
        reconnect_at_ = context_.now + delay;
    else
        attempt();
}

void Connection::attempt() {
    REALMSYNC_ASSERT(state_ == ConnectionState::disconnected && socket_ == 0 && live_ > 0);
    reconnect_at_.reset();
    state_ = ConnectionState::connecting;
    connect_deadline_ = context_.now + context_.tuning.connect_timeout_ms;
    socket_ = context_.connections.open_socket(*this);
    const auto oldest =
        std::ranges::find_if(sessions_, [](const auto& entry) { return entry.second->is_live(); });
    REALMSYNC_ASSERT(oldest != sessions_.end());
    Connect connect{socket_, oldest->second->sync_session(), route_.url, {}};
    connect.url += route_.url.find('?') == std::string::npos ? "?baas_at=" : "&baas_at=";
    connect.url += route_.access_token;
    for (int version = kNewestVersion; version >= kOldestVersion; --version)
        connect.subprotocols.push_back(std::string(prefix(mode_)) + std::to_string(version));
    context_.emit(std::move(connect));
    tell_live_sessions(nullptr);
}

void Connection::skip_delay() {
    if (state_ != ConnectionState::disconnected || (!reconnect_at_ && !do_not_reconnect_))
        return;
    reconnect_at_.reset();
    do_not_reconnect_ = false;
    backoff_.reset();
    start();
}

void Connection::request_reconnect() {
    if (state_ == ConnectionState::disconnected) {
        skip_delay();
        return;
    }
    reset_scheduled_ = true;
    if (is_connected() && !pong_deadline_) {
        ping_due_ = true;
        wake();
    }
}

void Connection::on_network_change() {
    constexpr auto later = static_cast<std::int32_t>(Termination::server_said_try_again_later);
    const bool server_decides = do_not_reconnect_ || backoff_.has_failed_by(later);
    if (state_ != ConnectionState::disconnected || !server_decides)
        request_reconnect();
}

void Connection::connected(std::string_view subprotocol) {
    if (state_ != ConnectionState::connecting)
        return;
    version_ = parse_version(subprotocol, mode_);
    if (version_ == 0) {
        connect_failed("protocol", 101,
                       "Bad subprotocol in the server's response: " + std::string(subprotocol));
        return;
    }
    const ClientTuning& tuning = context_.tuning;
    const std::int64_t now = context_.now;
    const bool fast = last_down_ && now - *last_down_ <= tuning.fast_reconnect_limit_ms;
    state_ = ConnectionState::connected;
    connect_deadline_.reset();
    lost_by_.clear();
    route_.verified = true;
    for_each_session([](Session& session) {
        if (!session.is_deactivating())
            session.observer().on_route_verified();
    });
    ping_at_ = now + (reset_scheduled_ ? 0 : context_.random.up_to(tuning.ping_period_ms));
    for_each_session([&](Session& session) { session.on_connection_up(fast); });
    tell_live_sessions(nullptr);
    if (live_ == 0)
        linger_at_ = now + linger_ms_;
}

void Connection::connect_failed(std::string_view failure, int http_status,
                                std::string_view message) {
    if (state_ == ConnectionState::connecting)
        fail(classify_connect_failure(failure, http_status, message, route_.verified),
             failure == "timeout" || failure == "protocol");
}

void Connection::closed(std::optional<int> code, std::string_view reason) {
    if (state_ == ConnectionState::disconnected)
        return;
    const bool is_for_one = code == kMessageTooBig && quarantine(reason);
    fail(classify_close(is_for_one ? std::nullopt : code, reason), false);
}

// The server refused a message for its size: the largest one sent is certainly too large, as what
// it has taken was smaller than what it has not. That upload would come again and again, so its
// session ends; the others have lost a connection, nothing else.
bool Connection::quarantine(std::string_view reason) {
    if (largest_upload_.session == 0)
        return false;
    Session* session = find(largest_upload_.session);
    if (session && session->is_live()) {
        const Failure failure =
            upload_refused(largest_upload_.version, largest_upload_.bytes, reason);
        session->observer().on_connection(ConnectionState::disconnected, &failure);
    }
    return true;
}

void Connection::on_upload_sent(const Session& session, std::uint64_t version,
                                std::uint64_t bytes) {
    if (bytes > largest_upload_.bytes)
        largest_upload_ = {session.ident(), version, bytes};
}

void Connection::fail(const Failure& failure, bool close_socket) {
    disconnect(&failure, close_socket);
}

void Connection::disconnect(const Failure* failure, bool close_socket) {
    if (is_connected())
        last_down_ = context_.now;
    state_ = ConnectionState::disconnected;
    if (close_socket)
        context_.emit(Close{socket_, 0});
    context_.connections.forget_socket(socket_);
    socket_ = 0;
    for (Timer* timer : {&connect_deadline_, &linger_at_, &ping_at_, &pong_deadline_})
        timer->reset();
    ping_due_ = ping_covers_request_ = writable_signalled_ = false;
    round_trip_ = 0;
    reading_ = true;
    queue_.clear();
    largest_upload_ = {};
    lost_by_ = failure ? failure->message : "";
    if (failure) {
        do_not_reconnect_ = failure->reason == Termination::server_said_do_not_reconnect;
        backoff_.update(static_cast<std::int32_t>(failure->reason), failure->backoff);
    } else {
        backoff_.reset();
    }
    lost_.clear();
    context_.visits += sessions_.size();
    for (auto next = sessions_.begin(); next != sessions_.end();) {
        Session& session = *next++->second; // one that is deactivating finishes now
        session.enlisted = false;
        if (session.is_deactivating())
            lost_.insert(session.ident());
        session.on_connection_lost();
    }
    tell_live_sessions(failure);
    start();
}

// What one is told may deactivate any of them.
void Connection::tell_live_sessions(const Failure* failure) {
    std::vector<std::uint64_t> idents;
    idents.reserve(sessions_.size());
    for_each_session([&](const Session& session) { idents.push_back(session.ident()); });
    for (const std::uint64_t ident : idents) {
        Session* session = find(ident);
        if (session && session->is_live())
            session->observer().on_connection(state_, failure);
    }
}

// Messages

void Connection::enlist(Session& session) {
    if (!session.enlisted) {
        session.enlisted = true;
        queue_.push_back(session.ident());
    }
    wake();
}

void Connection::wake() {
    if (!is_connected() || writable_signalled_)
        return;
    writable_signalled_ = true;
    context_.emit(Writable{socket_});
}

std::string Connection::ping() {
    ping_due_ = false;
    ping_at_.reset();
    ping_sent_ = context_.now;
    pong_deadline_ = context_.now + context_.tuning.pong_timeout_ms;
    ping_covers_request_ = reset_scheduled_;
    return wire::format(wire::Ping{ping_sent_, round_trip_});
}

std::optional<std::string> Connection::next_message() {
    if (!is_connected())
        return {};
    if (ping_due_)
        return wire::build(ping());
    while (!queue_.empty()) {
        Session* session = find(queue_.front());
        queue_.pop_front();
        if (!session)
            continue;
        session->enlisted = false;
        if (!session->has_message())
            continue;
        // A session that finishes by sending lives on in finished_ until settle().
        const wire::Outgoing message = session->next_message();
        if (session->has_message())
            enlist(*session);
        return wire::build(message.head, message.body);
    }
    writable_signalled_ = false;
    return {};
}

void Connection::receive(std::string_view bytes) {
    if (!is_connected())
        return;
    auto message = wire::parse_server_message(bytes, mode_, version_);
    auto violation = message ? dispatch(*message)
                             : std::optional(Violation{"Bad message: " + message.error().message});
    if (violation)
        on_violation(std::move(*violation));
}

// The rest of the message stands between this client and every other one, so the socket is of no
// use any more. The session it was for ends, the others have lost a connection.
void Connection::refuse(std::string_view first_bytes, std::uint64_t size) {
    if (!is_connected())
        return;
    const Failure failure =
        to_failure(TooLarge{"bytes", size, context_.tuning.download_limit_bytes});
    const auto download = wire::parse_download_head(first_bytes, mode_, version_);
    Session* session = download ? find(download->session) : nullptr;
    if (!session)
        return fail(failure, true);
    if (session->is_live())
        session->observer().on_connection(ConnectionState::disconnected, &failure);
    fail(classify_close(std::nullopt, ""), true);
}

std::optional<Violation> Connection::on_pong(std::int64_t timestamp) {
    if (!pong_deadline_)
        return Violation{"PONG without a PING"};
    if (timestamp != ping_sent_)
        return Violation{"PONG with a timestamp that was not sent"};
    round_trip_ = context_.now - ping_sent_;
    REALMSYNC_ASSERT(round_trip_ >= 0);
    pong_deadline_.reset();
    if (ping_covers_request_)
        reset_scheduled_ = false; // the link is healthy
    const std::int64_t period =
        context_.tuning.ping_period_ms - context_.random.up_to(context_.tuning.ping_period_ms / 10);
    ping_at_ =
        context_.now + (reset_scheduled_ ? 0 : std::max<std::int64_t>(0, period - round_trip_));
    return {};
}

std::optional<Violation> Connection::on_log(std::string_view body) {
    auto log = wire::parse_log_info(body);
    if (!log || version_ < 10)
        return Violation{"bad log message"};
    if (!log->message.empty())
        context_.emit(ServerLog{log->level, log->message});
    return {};
}

std::optional<Violation> Connection::on_error(std::int32_t code, std::uint64_t ident,
                                              const Failure& failure) {
    const wire::CodeInfo* known = wire::find_code(code);
    if (ident == 0) {
        if (!known || known->level != wire::Level::connection)
            return Violation{"ERROR for the connection with code " + std::to_string(code)};
        reset_scheduled_ = false; // the link is healthy: what the server asks for counts
        fail(failure, true);
        return {};
    }
    if (known && known->level != wire::Level::session)
        return Violation{"ERROR for a session with code " + std::to_string(code)};
    if (Session* session = find(ident))
        return session->receive_error(failure);
    if (lost_.contains(ident))
        return {};
    return Violation{"ERROR for an unknown session"};
}

std::optional<Violation> Connection::dispatch(const wire::ServerMessage& message) {
    const std::int64_t jitter = context_.backoff.jitter_divisor;
    return std::visit(
        [this, jitter](const auto& m) -> std::optional<Violation> {
            using M = std::decay_t<decltype(m)>;
            if constexpr (std::is_same_v<M, wire::Pong>) {
                return on_pong(m.timestamp);
            } else if constexpr (std::is_same_v<M, wire::LogMessage>) {
                return on_log(m.body);
            } else if constexpr (std::is_same_v<M, wire::JsonError>) {
                auto info = wire::parse_error_info(m.body, m.code);
                if (!info)
                    return Violation{"bad JSON in ERROR: " + info.error().message};
                return on_error(m.code, m.session, from_protocol_error(m.code, *info, jitter));
            } else if constexpr (std::is_same_v<M, wire::PlainError>) {
                wire::ErrorInfo info;
                info.message = m.message;
                info.try_again = m.try_again;
                Failure failure = from_protocol_error(m.code, info, jitter);
                failure.action = Action::none;
                return on_error(m.code, m.session, failure);
            } else {
                if constexpr (std::is_same_v<M, wire::QueryError>)
                    if (m.session == 0)
                        return Violation{"QUERY_ERROR for the connection"};
                if (m.session == 0 || lost_.contains(m.session))
                    return {};
                Session* session = find(m.session);
                if (!session)
                    return Violation{"message for an unknown session"};
                if constexpr (std::is_same_v<M, wire::TestCommand>)
                    return {}; // nobody here sends one
                else
                    return session->receive(m);
            }
        },
        message);
}

// Time

void Connection::on_timer() {
    const std::int64_t now = context_.now;
    const auto is_due = [now](Timer& timer) {
        if (!timer || *timer > now)
            return false;
        timer.reset();
        return true;
    };
    while (!resume_timers_.empty() && resume_timers_.begin()->first <= now) {
        const auto [time, ident] = *resume_timers_.begin();
        resume_timers_.erase(resume_timers_.begin());
        Session* session = find(ident);
        if (session && session->resume_time() == time)
            session->resume();
    }
    if (is_due(reconnect_at_))
        attempt();
    if (is_due(connect_deadline_))
        connect_failed("timeout", 0, "");
    if (is_due(ping_at_)) {
        ping_due_ = true;
        wake();
    }
    if (is_due(pong_deadline_))
        fail({status::kConnectionClosed, "Timed out waiting for PONG response from server", false,
              Action::transient, Termination::pong_timeout},
             true);
    if (is_due(linger_at_) && live_ == 0)
        disconnect(nullptr, true);
}

std::optional<std::int64_t> Connection::deadline() const {
    Timer first = reconnect_at_;
    for (const Timer& timer : {connect_deadline_, linger_at_, ping_at_, pong_deadline_})
        if (timer && (!first || *timer < *first))
            first = timer;
    if (!resume_timers_.empty() && (!first || resume_timers_.begin()->first < *first))
        first = resume_timers_.begin()->first;
    return first;
}

} // namespace realmsync::client
