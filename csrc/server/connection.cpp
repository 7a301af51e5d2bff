#include "server/connection.hpp"

#include <algorithm>
#include <functional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/assert.hpp"
#include "server/server.hpp"
#include "wire/format.hpp"
#include "wire/parse.hpp"

namespace realmsync::server {

using wire::Code;

namespace {

std::string connection_error(Code code, const std::string& body) {
    return wire::format(wire::JsonError{static_cast<std::int32_t>(code), 0, body});
}

// The service's name for a connection in a client's log: 24 hex digits.
std::string random_connection_id(std::mt19937_64& random) {
    std::string id;
    for (int i = 0; i < 24; ++i)
        id += "0123456789abcdef"[random() & 15];
    return id;
}

} // namespace

Connection::Connection(Context& context, ConnectionId id, std::string app_id, std::string user_id,
                       int version, wire::Mode mode)
    : context_(context), id_(id), app_id_(std::move(app_id)), user_id_(std::move(user_id)),
      owner_{context.number_of(app_id_), std::hash<std::string>{}(user_id_)}, version_(version),
      mode_(mode), last_received_(context.now), seen_noted_(context.now) {
    ++context_.stats.connections;
    context_.wake_at(last_received_ + context_.tuning.silence_ms);
    if (version_ >= 10) {
        logs_.push_back(
            {0, wire::format(wire::LogMessage{
                    0, wire::format_log_info({random_connection_id(context_.random), "info",
                                              "Connected to the sync server"})})});
        wake();
    }
    require_mode();
}

void Connection::require_mode() {
    const AppSettings& settings = context_.settings_of(owner_);
    if (takes(settings, mode_) || leads_over(settings, mode_, version_))
        return;
    refuse_mode();
}

void Connection::refuse_mode() {
    if (is_flexible())
        fail(Code::switch_to_pbs, "This app uses partition-based sync");
    else
        fail(Code::switch_to_flx_sync, "This app uses flexible sync");
}

Connection::~Connection() {
    page_waiters_.clear(); // sessions give their page slots back while they are destroyed
    sessions_.clear();
    note_sent();
    --context_.stats.connections;
}

// Input

void Connection::receive(std::string_view bytes) {
    if (ended_)
        return; // until the client closes, or the soft-close deadline
    last_received_ = context_.now;
    ++context_.stats.messages_received;
    if (bytes.size() > context_.tuning.message_bytes)
        return refuse(bytes, bytes.size());
    auto message = wire::parse_client_message(bytes, mode_);
    if (!message)
        return fail(wire::protocol_code(message.error()), message.error().message);
    on_message(*message);
}

void Connection::refuse(std::string_view first_bytes, std::uint64_t size) {
    if (ended_)
        return;
    const std::uint64_t limit = context_.tuning.message_bytes;
    context_.log(LogLevel::warning, "A message of " + std::to_string(size) +
                                        " bytes is refused, at most " + std::to_string(limit) +
                                        " are taken" + whose());
    const auto upload = wire::parse_upload_head(first_bytes);
    auto found = upload ? sessions_.find(upload->session) : sessions_.end();
    if (found == sessions_.end() || found->second.is_ending()) {
        ++context_.stats.connection_errors;
        return end(std::nullopt, kInternalError);
    }
    ++context_.stats.session_errors;
    const std::string body = wire::format_error_info(kTooLarge, too_large(*upload, size, limit));
    end(wire::format(wire::JsonError{static_cast<std::int32_t>(kTooLarge), upload->session, body}),
        kNoCloseFrame);
}

void Connection::on_message(const wire::ClientMessage& message) {
    std::visit(
        [this](const auto& m) {
            using M = std::decay_t<decltype(m)>;
            if constexpr (std::is_same_v<M, wire::Ping>) {
                on_ping(m);
            } else if constexpr (std::is_same_v<M, wire::Bind>) {
                on_bind(m);
            } else if constexpr (std::is_same_v<M, wire::ClientIdent>) {
                if (Session* session = addressee(m.session, "IDENT"))
                    session->on_ident(m);
            } else if constexpr (std::is_same_v<M, wire::Upload>) {
                if (Session* session = addressee(m.session, "UPLOAD"))
                    session->on_upload(m);
            } else if constexpr (std::is_same_v<M, wire::Mark>) {
                if (Session* session = addressee(m.session, "MARK"))
                    session->on_mark(m);
            } else if constexpr (std::is_same_v<M, wire::Unbind>) {
                if (Session* session = addressee(m.session, "UNBIND")) {
                    session->on_unbind();
                    if (session->state() == SessionState::over)
                        sessions_.erase(m.session);
                    else if (session->state() == SessionState::send_unbound)
                        ++unbinding_;
                }
            } else if constexpr (std::is_same_v<M, wire::JsonError>) {
                if (Session* session = addressee(m.session, "JSON_ERROR"))
                    session->on_client_error(m);
            } else if constexpr (std::is_same_v<M, wire::TestCommand>) {
                if (Session* session = addressee(m.session, "TEST_COMMAND"))
                    session->on_test_command(m);
            } else {
                static_assert(std::is_same_v<M, wire::Query>);
                if (!is_flexible())
                    return fail(Code::unknown_message, "QUERY in partition-based sync");
                if (Session* session = addressee(m.session, "QUERY"))
                    session->on_query(m);
            }
        },
        message);
}

// One PONG per PING: a client that pipelines them counts.
void Connection::on_ping(const wire::Ping& message) {
    if (pongs_.size() == context_.tuning.pings)
        return fail(Code::bad_syntax, "Too many pings waiting");
    pongs_.push_back(message.timestamp);
    wake();
    if (context_.now - seen_noted_ < context_.tuning.seen_ms ||
        context_.settings_of(owner_).max_offline_ms == 0)
        return;
    seen_noted_ = context_.now;
    for_each_session([](Session& session) { session.note_seen(); });
}

Session* Connection::addressee(std::uint64_t ident, std::string_view name) {
    auto found = sessions_.find(ident);
    if (found != sessions_.end())
        return &found->second;
    if (!context_.draining) // of a BIND that the shutdown has ignored, otherwise
        fail(Code::bad_session_ident,
             std::string(name) + " for unknown session " + std::to_string(ident));
    return nullptr;
}

void Connection::on_bind(const wire::Bind& message) {
    if (context_.draining)
        return;
    if (revoked_since_)
        return close_revoked();
    if (message.session == 0)
        return fail(Code::bad_session_ident, "BIND with session ident 0");
    if (sessions_.contains(message.session))
        return fail(Code::reuse_of_session_ident,
                    "Session ident " + std::to_string(message.session) + " is in use");
    if (message.is_subserver)
        return fail(Code::other_error, "Servers below this one are not supported");
    const ServerTuning& tuning = context_.tuning;
    const auto found = context_.sessions_of.find(owner_.flow);
    const std::size_t of_user = found == context_.sessions_of.end() ? 0 : found->second;
    if (sessions_.size() >= 2 * tuning.sessions_per_connection ||
        of_user >= 2 * tuning.sessions_per_user)
        return fail_for_now(Code::connection_closed, "Too many sessions are told to come again",
                            tuning.overload_backoff_s);
    const bool has_room = sessions_.size() - unbinding_ < tuning.sessions_per_connection &&
                          of_user < tuning.sessions_per_user;
    auto [at, is_new] =
        sessions_.try_emplace(message.session, *this, message.session, context_.next_binding++);
    if (has_room)
        at->second.on_bind(message);
    else
        at->second.try_later("Too many sessions on one connection, or of one user",
                             Code::other_session_error);
}

template <class F> void Connection::for_each_session(const F& use) {
    context_.visits += sessions_.size();
    for (auto& [ident, session] : sessions_)
        use(session);
}

Session* Connection::find(const SessionRef& ref) {
    auto found = sessions_.find(ref.session);
    if (ended_ || found == sessions_.end() || found->second.ref().binding != ref.binding)
        return nullptr;
    return &found->second;
}

// Output

void Connection::wake() {
    if (!asleep_ || dropped_)
        return;
    asleep_ = false;
    waiting_since_ = context_.now;
    context_.wake_at(context_.now + context_.tuning.stall_ms);
    context_.events.push_back(Writable{id_});
}

void Connection::enlist(Session& session) {
    if (ended_)
        return;
    session.enlisted = true;
    queue_.push_back(session.ref());
    wake();
}

std::optional<std::string> Connection::next_message() {
    if (dropped_)
        return std::nullopt;
    note_sent();
    waiting_since_ = context_.now;
    ++context_.stats.messages_sent;
    if (last_message_)
        return wire::build(*std::exchange(last_message_, std::nullopt));
    if (!pongs_.empty()) {
        const wire::Pong pong{pongs_.front()};
        pongs_.pop_front();
        return wire::build(wire::format(pong));
    }
    while (!queue_.empty()) {
        const SessionRef ref = queue_.front();
        queue_.pop_front();
        Session* session = find(ref);
        if (!session)
            continue;
        session->enlisted = false;
        auto message = session->take_message();
        if (session->state() == SessionState::over) {
            REALMSYNC_ASSERT(unbinding_ > 0);
            --unbinding_;
            sessions_.erase(ref.session);
        } else if (session->wants_turn())
            enlist(*session);
        if (message) {
            note_sending(message->body.size());
            return wire::build(message->head, message->body);
        }
    }
    while (!logs_.empty()) {
        const LogEntry log = std::move(logs_.front());
        logs_.pop_front();
        if (log.session == 0 ||
            sessions_.contains(log.session)) // none names a session that is over
            return wire::build(log.message);
    }
    --context_.stats.messages_sent;
    asleep_ = true;
    waiting_since_.reset();
    return std::nullopt;
}

// The transport asks for the next message when the socket has taken the last one.
void Connection::note_sent() {
    if (std::exchange(is_sending_page_, false))
        context_.page_memory.remove(owner_.flow, {id_, 0, 0});
}

void Connection::note_sending(std::size_t bytes) {
    constexpr std::size_t kMany = 64u << 10; // fewer are the socket's
    if (bytes < kMany)
        return;
    is_sending_page_ = true;
    context_.page_memory.set(owner_.flow, {id_, 0, 0}, bytes);
}

void Connection::queue_log(std::uint64_t session, std::string_view level, std::string message) {
    if (version_ < 10 || ended_ || logs_.size() >= context_.tuning.log_messages)
        return;
    logs_.push_back(
        {session,
         wire::format(wire::LogMessage{
             session, wire::format_log_info({"", std::string(level), std::move(message)})})});
    wake();
}

bool Connection::take_page_slot(const Session& session) {
    if (page_slots_taken_ < context_.tuning.pages_per_connection) {
        ++page_slots_taken_;
        return true;
    }
    page_waiters_.push_back(session.ref());
    return false;
}

void Connection::release_page_slot() {
    REALMSYNC_ASSERT(page_slots_taken_ > 0);
    --page_slots_taken_;
    while (!page_waiters_.empty()) {
        Session* session = find(page_waiters_.front());
        page_waiters_.pop_front();
        if (session && session->on_page_slot())
            return;
    }
}

// Ends and deadlines

std::string Connection::whose() const { return "; app " + app_id_ + ", user " + user_id_; }

void Connection::fail(Code code, std::string_view message) {
    if (ended_)
        return;
    const auto number = static_cast<std::int32_t>(code);
    context_.log(LogLevel::warning, "Connection error " + std::to_string(number) + ": " +
                                        std::string(message) + whose());
    ++context_.stats.connection_errors;
    end(connection_error(code, wire::error_body(code, message)), kNoCloseFrame);
}

void Connection::fail_without_storage() {
    fail_for_now(Code::other_error, "Storage is not available", context_.tuning.overload_backoff_s);
}

void Connection::fail_for_now(Code code, std::string_view message, std::int64_t backoff_s,
                              int close_code) {
    if (ended_)
        return;
    context_.log(LogLevel::info,
                 "Connection is asked to come back: " + std::string(message) + whose());
    wire::ErrorInfo info = wire::error_info(code, message);
    info.backoff = {backoff_s, context_.tuning.overload_backoff_max_s, 2};
    ++context_.stats.connection_errors;
    end(connection_error(code, wire::format_error_info(code, info)), close_code);
}

void Connection::revoke() {
    if (ended_)
        return;
    revoked_since_ = context_.now;
    context_.wake_at(context_.now + context_.tuning.revoked_ms);
    for_each_session(
        [](Session& session) { session.fail(Code::session_closed, "The user has logged out"); });
}

void Connection::authorize(std::uint64_t session, std::uint64_t question,
                           std::optional<Permission> permission) {
    auto found = sessions_.find(session);
    if (!ended_ && found != sessions_.end())
        found->second.on_permission(question, permission);
}

void Connection::authorize_roles(std::uint64_t session, std::uint64_t question,
                                 std::shared_ptr<const rules::SessionRoles> roles) {
    auto found = sessions_.find(session);
    if (!ended_ && found != sessions_.end())
        found->second.on_roles(question, std::move(roles));
}

void Connection::reauthorize() {
    if (ended_)
        return;
    for_each_session([](Session& session) { session.ask_permission(); });
}

void Connection::obey_settings() {
    if (!ended_)
        require_mode();
    for_each_session([this](Session& session) {
        if (!ended_) // which one of them may do
            session.obey_settings();
    });
}

void Connection::take_over() { revoked_since_.reset(); }

void Connection::close_revoked() {
    context_.log(LogLevel::info, "Connection is closed: its user has logged out" + whose());
    end(std::nullopt, kUnauthorized);
}

void Connection::end(std::optional<std::string> last_message, int close_code) {
    ended_ = true;
    last_message_ = std::move(last_message);
    soft_close_at_ = context_.now + context_.tuning.soft_close_ms;
    context_.wake_at(*soft_close_at_);
    pongs_.clear();
    logs_.clear();
    detach();
    wake();
    context_.events.push_back(Close{id_, close_code});
}

void Connection::drop() {
    if (dropped_)
        return;
    ended_ = dropped_ = true;
    last_message_.reset();
    detach();
    context_.events.push_back(Drop{id_});
}

void Connection::detach() {
    queue_.clear();
    page_waiters_.clear();
    for_each_session([](Session& session) { session.detach(); });
    context_.ended.push_back(id_);
}

void Connection::destroy_sessions() {
    if (ended_)
        sessions_.clear();
}

void Connection::pause() {
    if (paused_since_ || ended_)
        return;
    paused_since_ = context_.now;
    context_.wake_at(context_.now + context_.tuning.pause_ms);
    context_.paused.push_back(id_);
    context_.events.push_back(PauseReading{id_});
}

void Connection::resume() {
    paused_since_.reset();
    last_received_ = context_.now;
    if (!ended_)
        context_.events.push_back(ResumeReading{id_});
}

std::optional<std::int64_t> Connection::deadline() const {
    if (dropped_)
        return std::nullopt;
    if (ended_)
        return soft_close_at_;
    std::int64_t first = last_received_ + context_.tuning.silence_ms;
    if (waiting_since_)
        first = std::min(first, *waiting_since_ + context_.tuning.stall_ms);
    if (paused_since_)
        first = std::min(first, *paused_since_ + context_.tuning.pause_ms);
    if (revoked_since_)
        first = std::min(first, *revoked_since_ + context_.tuning.revoked_ms);
    return first;
}

void Connection::on_timer() {
    const auto due = deadline();
    if (!due || *due > context_.now)
        return;
    if (!ended_ && paused_since_ && *paused_since_ + context_.tuning.pause_ms <= context_.now)
        return fail_for_now(Code::connection_closed, "Uploads wait too long",
                            context_.tuning.overload_backoff_s);
    if (!ended_ && revoked_since_ && *revoked_since_ + context_.tuning.revoked_ms <= context_.now)
        return close_revoked();
    drop();
}

} // namespace realmsync::server
