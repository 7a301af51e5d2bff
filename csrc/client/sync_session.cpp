// The sync session (client-session.md 2 to 5 and 12.4).
#include "client/sync_session.hpp"

#include <utility>

#include "base/assert.hpp"
#include "client/context.hpp"

namespace realmsync::client {

namespace {

const std::string kBecameInactive = "Sync session became inactive";
constexpr std::uint64_t kInternalWait = std::uint64_t{1} << 63; // nobody is told of its outcome

bool asks_for_reset(const Failure& failure) {
    return failure.action == Action::client_reset ||
           failure.action == Action::client_reset_no_recovery ||
           failure.status == status::kAutoClientResetFailed;
}

} // namespace

// Life cycle (2.3 to 2.5)

void SyncSession::enter(Lifecycle state) {
    state_ = state;
    end_.reset();
    needs_refresh_ = false;
    death_ = 0;
    context_.emit(LifecycleChanged{id_, state});
}

void SyncSession::revive(bool token_expired) {
    referenced_ = true;
    if (state_ != Lifecycle::dying && state_ != Lifecycle::inactive)
        return;
    if (token_expired) {
        enter(Lifecycle::waiting_for_access_token);
        context_.emit(RefreshToken{id_});
    } else {
        activate();
    }
}

void SyncSession::resume(bool token_expired) {
    if (referenced_) { // else it ends as it was going to
        if (state_ == Lifecycle::paused)
            state_ = Lifecycle::inactive; // from here as any stopped session
        revive(token_expired);
    }
    if (session_) {
        // Suspended for good, or by file trouble that may be over; other suspensions keep their
        // time.
        if (end_ || session_->has_file_trouble())
            session_->resume();
        end_.reset();
        touched_connection().skip_delay(); // what applications resume for (3.4)
    }
}

void SyncSession::activate() {
    enter(Lifecycle::active);
    if (!session_)
        start();
}

// Stored waits are registered anew with every protocol session.
void SyncSession::start() {
    REALMSYNC_ASSERT(!session_);
    if (reset_)
        return; // when it is done
    Connection& connection =
        context_.connections.obtain(config_.terms.mode, config_.user, config_.connection_settings,
                                    config_.route, unfinished_ > 0 ? connection_ : 0);
    connection_ = connection.id();
    SessionObserver& observer = *this;
    SessionTerms terms = config_.terms;
    terms.is_after_reset |= std::exchange(is_after_reset_, false);
    auto session = std::make_unique<Session>(connection, observer, ++context_.last_session, id_,
                                             std::move(terms));
    session_ = session.get();
    waits_.on_start();
    ++unfinished_;
    session->activate();
    if (waits_.count(Direction::upload) != 0)
        session->request_upload_wait();
    for (std::size_t n = waits_.count(Direction::download); n > 0; --n)
        session->request_download_wait();
    context_.connections.touch(connection);
    connection.add(std::move(session));
}

void SyncSession::leave() {
    if (Session* session = std::exchange(session_, nullptr)) {
        context_.connections.touch(session->connection());
        session->connection().deactivate(*session);
    } else {
        announce_release();
    }
}

Connection& SyncSession::touched_connection() {
    REALMSYNC_ASSERT(session_);
    context_.connections.touch(session_->connection());
    return session_->connection();
}

void SyncSession::announce_release() {
    if (is_released())
        context_.emit(Released{id_});
}

void SyncSession::on_finished() {
    REALMSYNC_ASSERT(unfinished_ > 0);
    --unfinished_;
    on_file_freed();
}

void SyncSession::on_job_done() {
    REALMSYNC_ASSERT(jobs_ > 0);
    --jobs_;
    on_file_freed();
}

// The last of what used the file may have ended.
void SyncSession::on_file_freed() {
    if (session_ || !is_file_free())
        return;
    if (reset_ && is_running())
        return require_reset();
    reset_.reset(); // stopped before it began: the next start is asked for it again
    if (state_ == Lifecycle::inactive || state_ == Lifecycle::paused)
        announce_release();
}

void SyncSession::pause() {
    if (state_ == Lifecycle::paused)
        return;
    if (state_ == Lifecycle::inactive)
        enter(Lifecycle::paused);
    else
        stop(Lifecycle::paused, status::kOperationAborted, kBecameInactive);
}

void SyncSession::force_close(std::int32_t status, const std::string& message) {
    if (state_ != Lifecycle::inactive && state_ != Lifecycle::paused)
        stop(Lifecycle::inactive, status, message.empty() ? kBecameInactive : message);
}

void SyncSession::close() {
    referenced_ = false;
    switch (state_) {
    case Lifecycle::active:
        if (config_.stop_policy == StopPolicy::live_indefinitely)
            return;
        if (config_.stop_policy == StopPolicy::after_changes_uploaded && session_) {
            enter(Lifecycle::dying);
            death_ = ++context_.last_wait | kInternalWait;
            waits_.add(Direction::upload, death_);
            session_->request_upload_wait();
            return;
        }
        [[fallthrough]];
    case Lifecycle::waiting_for_access_token:
        stop(Lifecycle::inactive, status::kOperationAborted, kBecameInactive);
        return;
    case Lifecycle::dying: return;
    case Lifecycle::inactive:
    case Lifecycle::paused: announce_release();
    }
}

void SyncSession::set_stop_policy(StopPolicy policy) {
    config_.stop_policy = policy;
    if (referenced_ || !is_running())
        return;
    if (policy == StopPolicy::immediately)
        force_close(status::kOperationAborted, "");
    else
        close();
}

// The order of 2.4: state, protocol session, connection callbacks, waits.
void SyncSession::stop(Lifecycle state, std::int32_t status, const std::string& message) {
    const ConnectionState previous =
        std::exchange(connection_state_, ConnectionState::disconnected);
    Waits waits = std::exchange(waits_, {});
    enter(state);
    end_by(status, message);
    leave();
    if (previous != ConnectionState::disconnected)
        context_.emit(ConnectionChanged{id_, previous, ConnectionState::disconnected});
    for (const std::uint64_t wait : waits.take_all())
        resolve(wait, status, message);
}

void SyncSession::end_by(std::int32_t status, const std::string& message) {
    if (status != status::kOperationAborted) // which is nobody's fault: a close, a pause, a log-out
        end_ = End{status, message};
}

void SyncSession::shut_down() {
    force_close(status::kOperationAborted, "");
    fail_waits(status::kOperationAborted, kBecameInactive);
}

void SyncSession::set_route(const Route& route) {
    config_.route = route;
    needs_refresh_ = false;
    if (state_ != Lifecycle::active)
        return;
    restart();
}

void SyncSession::restart() {
    set_connection_state(ConnectionState::disconnected);
    leave();
    start();
}

void SyncSession::reconnect() {
    if (state_ != Lifecycle::active || !session_)
        return;
    end_.reset();
    session_->resume();
    touched_connection().request_reconnect();
}

void SyncSession::keep_access_token(const std::string& token) {
    config_.route.access_token = token;
    if (session_)
        session_->connection().route().access_token = token;
}

void SyncSession::set_access_token(const std::string& token) {
    keep_access_token(token);
    if (state_ == Lifecycle::waiting_for_access_token)
        activate();
    else if (referenced_)
        revive(false);
    if (!is_running()) // one that nobody uses any more finishes its upload with the new token
        return;
    end_.reset();
    needs_refresh_ = false;
    if (!session_)
        return;
    session_->resume();
    touched_connection().skip_delay();
}

// 11.3: the user is logged out, whatever has become of the session meanwhile.
void SyncSession::on_refusal(std::int32_t status, const std::string& message) {
    const bool tells = state_ == Lifecycle::active || state_ == Lifecycle::waiting_for_access_token;
    force_close(status, message);
    context_.emit(LogOut{id_});
    Failure failure;
    failure.status = status;
    failure.message = message;
    failure.fatal = true;
    if (tells)
        report(failure);
}

void SyncSession::token_refresh_failed(bool authentication, std::int32_t status,
                                       const std::string& message) {
    if (authentication) {
        on_refusal(status, message);
    } else if (state_ == Lifecycle::waiting_for_access_token) {
        activate(); // with the old token: the server has the last word
    } else if (std::exchange(needs_refresh_, false)) {
        Failure failure;
        failure.status = status;
        failure.message = message;
        failure.fatal = true;
        failure.action = Action::warning;
        report_error(failure);
    } else if (config_.cancel_waits_on_nonfatal_error) {
        fail_waits(status, message);
    }
}

Situation SyncSession::situation() const {
    Situation situation;
    situation.lifecycle = state_;
    situation.connection = connection_state_;
    situation.is_resetting = reset_.has_value();
    situation.needs_refresh = needs_refresh_;
    if (session_)
        session_->describe(situation);
    return situation;
}

// Waits and progress

bool SyncSession::refuse_wait(std::uint64_t wait_id) {
    const bool is_over =
        !referenced_ && (state_ == Lifecycle::inactive || state_ == Lifecycle::paused);
    if (!end_ && !is_over)
        return false;
    resolve(wait_id, end_ ? end_->status : status::kOperationAborted,
            end_ ? end_->message : kBecameInactive);
    return true;
}

void SyncSession::wait_for_set(std::int64_t version, std::uint64_t wait_id) {
    if (refuse_wait(wait_id))
        return;
    waits_.add_for_set(version, wait_id);
    if (session_ && is_running())
        session_->request_state();
}

void SyncSession::on_subscriptions(const Subscriptions& subscriptions, bool is_first) {
    is_leaving_partition_ = subscriptions.sentinel != 0;
    for (const Waits::Outcome& outcome : waits_.take_settled(subscriptions, is_first))
        resolve(outcome.wait, outcome.error ? status::kSubscriptionFailed : status::kOk,
                outcome.error.value_or(""));
}

void SyncSession::wait(Direction direction, std::uint64_t wait_id) {
    if (refuse_wait(wait_id))
        return;
    waits_.add(direction, wait_id);
    if (!session_ || !is_running())
        return;
    if (direction == Direction::upload)
        session_->request_upload_wait();
    else
        session_->request_download_wait();
}

void SyncSession::resolve(std::uint64_t wait, std::int32_t status, const std::string& message) {
    if (!(wait & kInternalWait))
        context_.emit(WaitResolved{id_, wait, status, message});
    else if (wait == death_ && state_ == Lifecycle::dying)
        stop(Lifecycle::inactive, status::kOperationAborted, kBecameInactive);
}

void SyncSession::fail_waits(std::int32_t status, const std::string& message) {
    for (const std::uint64_t wait : waits_.take_all())
        resolve(wait, status, message);
}

void SyncSession::on_complete(Direction direction) {
    for (const std::uint64_t wait : waits_.take(direction))
        resolve(wait, status::kOk, "");
}

Notifiers::Registration SyncSession::add_notifier(Direction direction, bool streaming,
                                                  std::int64_t pending_query) {
    if (session_)
        session_->catch_up();
    return notifiers_.add(direction, streaming, pending_query);
}

void SyncSession::on_commit(std::uint64_t version) {
    notifiers_.set_local_version(version);
    if (session_ && state_ == Lifecycle::active)
        session_->on_commit(version);
}

void SyncSession::on_report(const Report& report) {
    std::vector<Notifiers::Call> calls;
    notifiers_.update(report, calls);
    for (const Notifiers::Call& call : calls)
        context_.emit(Progressed{id_, call});
}

// Connection state and errors

void SyncSession::set_connection_state(ConnectionState state) {
    if (state == connection_state_)
        return;
    const ConnectionState previous = std::exchange(connection_state_, state);
    context_.emit(ConnectionChanged{id_, previous, state});
}

void SyncSession::on_connection(ConnectionState state, const Failure* failure) {
    if (!is_running())
        return;
    if (state != ConnectionState::disconnected)
        end_.reset();            // a new attempt
    set_connection_state(state); // first the state, then the error
    if (failure)
        report_error(*failure);
}

FileAction SyncSession::file_action(const Failure& failure) const {
    if (failure.action == Action::delete_realm)
        return FileAction::remove;
    const bool is_manual =
        config_.manual_client_reset || failure.status == status::kAutoClientResetFailed;
    return asks_for_reset(failure) && is_manual ? FileAction::back_up_then_remove
                                                : FileAction::none;
}

// Whether it takes this session to the other mode: that of an application that knows of a
// partition, and not of flexible sync.
bool SyncSession::is_migration(const Failure& failure) const {
    const bool is_partitioned = config_.terms.mode == wire::Mode::partition;
    if (failure.action == Action::migrate_to_flx)
        return is_partitioned && !failure.partition_query.empty();
    return failure.action == Action::revert_to_pbs && !is_partitioned &&
           !config_.terms.partition.empty() && !is_leaving_partition_;
}

void SyncSession::report(const Failure& failure) {
    context_.emit(Errored{id_, failure, asks_for_reset(failure), file_action(failure)});
}

void SyncSession::on_client_reset(const Failure& failure) {
    if (file_action(failure) != FileAction::none) { // the application's turn
        stop(Lifecycle::inactive, failure.status, failure.message);
        report(failure);
        return;
    }
    begin_reset(failure);
}

// The protocol session ends; waits and notifiers are kept for the one after the reset (13.3).
void SyncSession::begin_reset(const Failure& failure) {
    reset_ = failure;
    set_connection_state(ConnectionState::disconnected);
    leave();
}

void SyncSession::require_reset() {
    context_.emit(ResetRequired{id_, reset_->action != Action::client_reset_no_recovery,
                                reset_->status, reset_->message, reset_->action,
                                reset_->partition_query, has_forgotten(*reset_)});
}

void SyncSession::on_partition_left() {
    config_.terms.partition.clear();
    restart();
}

void SyncSession::on_reset_pending() { context_.emit(ResetPending{id_}); }

void SyncSession::finish_reset(std::optional<wire::Mode> mode) {
    const auto reset = std::exchange(reset_, std::nullopt);
    if (!reset)
        return;
    config_.terms.mode = mode.value_or(config_.terms.mode);
    is_after_reset_ = reset->action != Action::migrate_schema;
    if (is_running())
        start();
    else
        announce_release();
}

void SyncSession::fail_reset(const std::string& message) {
    auto failure = std::exchange(reset_, std::nullopt);
    if (!failure)
        return;
    if (!is_running())
        return announce_release();
    failure->message = "A fatal error occurred during '" + std::string(to_string(failure->action)) +
                       "' client reset for " + failure->message + ": '" + message + "'";
    failure->status = status::kAutoClientResetFailed;
    failure->fatal = true;
    on_client_reset(*failure);
}

// Schema versions (14.5)

// Whether the error tells nothing but that; else it is no answer to what this session is.
bool SyncSession::take_schema_version(const Failure& failure) {
    SessionTerms& terms = config_.terms;
    if (terms.mode != wire::Mode::flexible || !failure.previous_schema_version)
        return false;
    if (failure.previous_schema_version != terms.schema_version)
        terms.served_schema_version = failure.previous_schema_version;
    return true;
}

void SyncSession::migrate_schema() {
    if (!config_.terms.served_schema_version || reset_ || !is_running())
        return;
    Failure failure;
    failure.action = Action::migrate_schema;
    failure.message = "another schema version";
    begin_reset(failure);
}

// The server is asked anew.
void SyncSession::set_schema_version(std::uint64_t version) {
    if (config_.terms.schema_version == version)
        return;
    config_.terms.schema_version = version;
    config_.terms.served_schema_version.reset();
    if (session_ && is_running())
        restart();
}

void SyncSession::on_file_ident(std::uint64_t ident) {
    file_ident_ = ident;
    if (ident == 0) // a new file begins with the application's version
        config_.terms.served_schema_version.reset();
}

void SyncSession::report_error(const Failure& failure) {
    const bool is_dead = state_ == Lifecycle::dying && failure.fatal;
    if (!is_running() || is_dead) { // nobody is told; what is due for the file is so nevertheless
        if (const FileAction due = file_action(failure); due != FileAction::none)
            context_.emit(FileActionDue{id_, due});
        if (is_dead)
            stop(Lifecycle::inactive, failure.status, failure.message);
        return;
    }
    if (failure.status == status::kAutoClientResetFailed) {
        on_client_reset(failure);
        return;
    }
    switch (failure.action) {
    case Action::migrate_schema:
        if (!take_schema_version(failure)) {
            stop(Lifecycle::inactive, failure.status, failure.message);
            report(failure);
        }
        return;
    case Action::transient:
        if (!failure.fatal)
            return;
        [[fallthrough]]; // nothing brings it back, whatever the server calls it
    case Action::none:
    case Action::warning:
        if (failure.fatal)
            end_by(failure.status, failure.message);
        if (failure.fatal || config_.cancel_waits_on_nonfatal_error)
            fail_waits(failure.status, failure.message);
        report(failure);
        return;
    case Action::refresh_user:
        needs_refresh_ = needs_refresh_ || failure.fatal;
        context_.emit(RefreshToken{id_});
        return;
    case Action::refresh_location:
        needs_refresh_ = needs_refresh_ || failure.fatal;
        context_.emit(RefreshLocation{id_});
        return;
    case Action::client_reset:
    case Action::client_reset_no_recovery: on_client_reset(failure); return;
    case Action::migrate_to_flx:
    case Action::revert_to_pbs:
        if (is_migration(failure)) {
            on_client_reset(failure);
            return;
        }
        [[fallthrough]]; // no answer to what this session is
    case Action::application_bug:
    case Action::protocol_violation:
    case Action::delete_realm:
        stop(Lifecycle::inactive, failure.status, failure.message);
        report(failure);
        return;
    case Action::log_out_user:
        stop(Lifecycle::inactive, failure.status, failure.message);
        context_.emit(LogOut{id_});
        report(failure);
        return;
    }
}

} // namespace realmsync::client
