// The protocol session (client-session.md 5 and 10, wire-protocol.md 11).
#include "client/session.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "client/connection.hpp"
#include "client/context.hpp"
#include "wire/format.hpp"

namespace realmsync::client {

using wire::Code;

namespace {

// One UPLOAD may be on its way to the socket while the next is ready and a third is being read.
constexpr std::size_t kUploadsAhead = 2;

// How a failed integration looks to the application.
std::int32_t status_of(Code code) {
    switch (code) {
    case Code::bad_changeset: return status::kBadChangeset;
    case Code::bad_progress: return status::kSyncProtocolInvariantFailed;
    default: return status::kRuntimeError;
    }
}

} // namespace

Session::Session(Connection& connection, SessionObserver& observer, std::uint64_t ident,
                 std::uint64_t sync_session, SessionTerms terms)
    : connection_(connection), context_(connection.context()), observer_(observer), ident_(ident),
      sync_session_(sync_session), terms_(std::move(terms)), reporter_(terms_.mode),
      resume_backoff_(context_.backoff) {}

// Life

void Session::activate() {
    resume_bootstrap();
    read_state();
}

void Session::deactivate() {
    REALMSYNC_ASSERT(!is_deactivating());
    life_ = Life::deactivating;
    resume_at_.reset();
    binding_.outgoing.clear();
    connection_.discharge(*this, downloads_.drop());
    if (binding_.is_bound()) {
        binding_.on(BindingEvent::given_up);
        enlist_if_ready();
    } else {
        connection_.on_session_finished(*this);
    }
}

// The binding is over for the server, or given up.
void Session::suspend(const Failure& failure) {
    REALMSYNC_ASSERT(is_live());
    life_ = Life::suspended;
    suspended_by_ = failure.message;
    binding_.outgoing.clear();
    if (!failure.fatal) {
        std::int64_t delay = context_.tuning.session_closed_resume_ms;
        if (Code{failure.protocol_code} != Code::session_closed) {
            resume_backoff_.update(failure.protocol_code, failure.backoff);
            delay = resume_backoff_.delay(context_.random);
        }
        resume_at_ = context_.now + delay;
        connection_.resume_at(*resume_at_, *this);
    }
    enlist_if_ready();
    connection_.on_session_idle();
    // Disconnected as far as the application can see.
    observer_.on_connection(ConnectionState::disconnected, &failure);
}

void Session::resume() {
    resume_at_.reset();
    if (life_ != Life::suspended)
        return;
    life_ = Life::active;
    resume_bootstrap();
    if (std::exchange(is_incomplete_, false))
        complete_set();
    if (std::exchange(read_failed_, false))
        read_state();
    connection_.on_session_live(*this);
    conclude_binding(); // the rebind follows at once, or as soon as the old binding is over
    enlist_if_ready();
}

void Session::on_connection_up(bool is_fast_reconnect) {
    REALMSYNC_ASSERT(binding_.state == BindingState::unbound);
    if (!is_fast_reconnect || upload_delayed_) {
        upload_delayed_ = true; // until this MARK is answered
        download_completion_.request();
    }
    enlist_if_ready();
}

void Session::on_connection_lost() {
    begin_binding();
    if (is_deactivating())
        connection_.on_session_finished(*this);
}

void Session::begin_binding() {
    binding_ = Binding{binding_.number + 1};
    download_completion_.rebind();
    reverted_.clear(); // the server will say so again
}

void Session::conclude_binding() {
    if (binding_.state != BindingState::over)
        return;
    if (is_deactivating()) {
        connection_.on_session_finished(*this);
    } else if (is_live()) {
        begin_binding();
        enlist_if_ready();
    }
}

void Session::enlist_if_ready() {
    read_query();
    if (has_message())
        connection_.enlist(*this);
}

// Local side

void Session::submit(StoreTask task) { submit(std::move(task), binding_.number); }

void Session::submit(StoreTask task, std::uint64_t binding) {
    observer_.on_submit();
    context_.jobs.push_back({sync_session_, {connection_.id(), ident_, binding}, std::move(task)});
}

void Session::read_state() {
    if (reading_) {
        read_again_ = true;
        return;
    }
    reading_ = true;
    upload_completion_.begin_read();
    submit(ReadState{!state_});
}

void Session::request_upload_wait() {
    upload_completion_.request();
    read_state();
}

void Session::request_download_wait() {
    download_completion_.request();
    read_state(); // for the report that every registration makes
    enlist_if_ready();
}

void Session::on_commit(std::uint64_t version) {
    newest_version_ = std::max(newest_version_, version);
    if (observer_.is_watching())
        read_state();
    else
        counters_stale_ = true;
    fetch();
}

void Session::catch_up() {
    if (std::exchange(counters_stale_, false))
        read_state();
}

void Session::set_state(const ClientState& state) {
    // What is stored never goes back: integrate() has checked it, and this is the other end.
    REALMSYNC_ASSERT(!state_ || state.progress.download.server_version >=
                                    state_->progress.download.server_version);
    REALMSYNC_ASSERT(!state_ || state.current_version >= state_->current_version);
    const bool is_first = !state_;
    state_ = state;
    newest_version_ = std::max(newest_version_, state.current_version);
    if (is_first)
        reporter_.activate(state);
    if (state.progress.upload.client_version > binding_.scanned.client_version) {
        // Acknowledged beyond what this binding has sent.
        binding_.scanned = state.progress.upload;
        binding_.announced_server_version =
            std::max(binding_.announced_server_version, state.progress.upload.server_version);
    }
    if (state.subscriptions)
        observer_.on_subscriptions(*state.subscriptions, is_first);
    if (state.file.ident != 0 && (binding_.state == BindingState::wait_for_ident ||
                                  binding_.state == BindingState::storing_ident))
        binding_.on(BindingEvent::ident_stored);
    observer_.on_file_ident(state.file.ident);
}

void Session::advance() {
    report();
    check_downloads();
    if (has_left_partition())
        return observer_.on_partition_left();
    fetch();
    enlist_if_ready();
}

void Session::report() {
    if (auto report = reporter_.report(*state_))
        observer_.on_report(*report);
    if (upload_completion_.take(state_->uploaded_version))
        observer_.on_complete(Direction::upload);
}

void Session::check_downloads() {
    // The upload wait that has just been completed may have been what kept the session alive.
    if (is_deactivating() ||
        !download_completion_.take(state_->progress.download.server_version, downloads_.over()))
        return;
    upload_delayed_ = false;
    if (!complete_set()) // who waits for a download finds its set complete
        finish_downloads();
}

void Session::finish_downloads() {
    report(); // progress and uploads precede the completion of downloads (5.3)
    if (is_deactivating())
        return;
    observer_.on_complete(Direction::download);
    fetch();
}

bool Session::may_upload() const {
    return binding_.state == BindingState::running && !upload_delayed_;
}

void Session::fetch() {
    if (!may_upload() || is_behind_sentinel() || binding_.is_fetching ||
        binding_.outgoing.size() >= kUploadsAhead ||
        (newest_version_ <= binding_.scanned.client_version && !has_unsent_query()))
        return;
    binding_.is_fetching = true;
    UploadStart from{binding_.scanned};
    if (is_flexible())
        from.sent_query = binding_.scanned_query;
    submit(
        FetchUpload{from, {context_.tuning.upload_soft_bytes, context_.tuning.upload_hard_bytes}});
}

// Outcomes of its jobs

void Session::on_outcome(StoreResult result) {
    if (is_deactivating())
        return; // nobody waits for it any more
    const bool is_current = result.to.binding == binding_.number;
    const bool is_running = is_current && binding_.state == BindingState::running;
    if (const auto* read = std::get_if<StateRead>(&result.outcome)) {
        on_stored(StoreWork::read_state);
        reading_ = false;
        set_state(read->state);
        if (read->has_reset)
            observer_.on_reset_pending();
        upload_completion_.end_read(read->state.current_version);
        if (std::exchange(read_again_, false))
            read_state();
        advance();
    } else if (const auto* stored = std::get_if<IdentStored>(&result.outcome)) {
        on_stored(StoreWork::store_ident);
        set_state(stored->state);
        resume_backoff_.reset();
        enlist_if_ready();
    } else if (auto* upload = std::get_if<PendingUpload>(&result.outcome)) {
        on_stored(StoreWork::fetch_upload);
        if (is_current && may_upload())
            on_fetched(std::move(*upload));
    } else if (auto* query = std::get_if<PendingQuery>(&result.outcome)) {
        on_stored(result.work);
        on_query_read(std::move(*query));
    } else if (const auto* changed = std::get_if<SetsChanged>(&result.outcome)) {
        on_stored(result.work);
        on_sets_changed(changed->state, result.work);
    } else if (result.work == StoreWork::reject_set &&
               std::holds_alternative<Violation>(result.outcome)) {
        if (is_running)
            connection_.on_violation(std::get<Violation>(std::move(result.outcome)));
    } else if (const auto* failed = std::get_if<StoreFailed>(&result.outcome)) {
        on_store_failed(*failed, result.work);
    } else {
        on_integration_over();
        if (result.state)
            set_state(*result.state);
        if (const auto* integrated = std::get_if<Integrated>(&result.outcome))
            on_integrated(integrated->state);
        else if (auto* violation = std::get_if<Violation>(&result.outcome); violation && is_running)
            connection_.on_violation(std::move(*violation));
        else if (const auto* large = std::get_if<TooLarge>(&result.outcome); large && is_running)
            on_too_large(*large);
        else if (const auto* refused = std::get_if<IntegrationFailed>(&result.outcome);
                 refused && is_running)
            on_integration_failed(*refused);
        else
            enlist_if_ready();
    }
}

void Session::on_fetched(PendingUpload upload) {
    REALMSYNC_ASSERT(binding_.is_fetching);
    binding_.is_fetching = false;
    auto query = std::exchange(upload.query, std::nullopt);
    if (upload.progress.client_version > binding_.scanned.client_version) {
        binding_.scanned = upload.progress;
        if (upload.changesets != 0 ? !terms_.is_fresh_copy : !query && is_to_be_announced()) {
            binding_.announced_server_version = upload.progress.server_version;
            binding_.outgoing.push_back(std::move(upload));
        }
    } else if (upload.changesets == 0 && !query) {
        // Acknowledged meanwhile, or the file holds less than was announced.
        newest_version_ = std::max(binding_.scanned.client_version, state_->current_version);
        if (newest_version_ <= binding_.scanned.client_version)
            return; // a set that is not to be sent any more: the news of that is on its way
    }
    if (query) {
        binding_.scanned_query = query->version;
        binding_.outgoing.push_back(std::move(*query));
    }
    enlist_if_ready();
    fetch();
}

// Whether an UPLOAD without changesets is due, which tells the server what the client has
// integrated (8.4); not while a subscription set is under way.
bool Session::is_to_be_announced() const {
    return binding_.announced_server_version < state_->progress.download.server_version &&
           !terms_.is_fresh_copy && !(is_flexible() && state_->subscriptions->next_after(0));
}

void Session::on_integration_over() {
    downloads_.on_over();
    integrate_next();
}

// Also what an earlier binding has left: its cursors say whether it still fits.
void Session::integrate_next() {
    while (auto next = downloads_.next())
        submit(std::move(next->download), next->binding);
}

void Session::on_integrated(const ClientState& state) {
    on_stored(StoreWork::integrate);
    set_state(state);
    if (!is_flexible() || has_received_query_)
        reporter_.open_gate();
    resume_backoff_.reset();
    advance();
    report_reverted();
}

void Session::report_reverted() {
    const auto is_here = [this](const Failure& failure) {
        return state_ && state_->progress.download.server_version >= failure.reverted_by;
    };
    while (!reverted_.empty() && is_live() && is_here(reverted_.front())) {
        const Failure failure = std::move(reverted_.front());
        reverted_.erase(reverted_.begin());
        observer_.on_connection(connection_.state(), &failure);
    }
}

void Session::on_integration_failed(const IntegrationFailed& failed) {
    const wire::CodeInfo* info = wire::find_code(static_cast<std::int32_t>(failed.code));
    REALMSYNC_ASSERT(info);
    Failure failure;
    failure.status = status_of(failed.code);
    failure.message = std::string(info->status) + ": " + failed.message;
    failure.action = Action::warning;
    binding_.on(BindingEvent::integration_failed);
    binding_.error = {failed.code, failure.message};
    binding_.outgoing.clear();
    enlist_if_ready();
    observer_.on_connection(connection_.state(), &failure);
}

// The binding is given up, as the observer deactivates the session: another one may be fine.
void Session::on_too_large(const TooLarge& too_large) {
    const Failure failure = to_failure(too_large);
    observer_.on_connection(connection_.state(), &failure);
}

void Session::on_store_failed(const StoreFailed& failed, StoreWork work) {
    if (work == StoreWork::integrate)
        on_integration_over();
    if (work == StoreWork::read_query)
        is_reading_query_ = false;
    if (work == StoreWork::complete_set)
        is_incomplete_ = true; // until the session goes on
    if (work == StoreWork::read_state) {
        reading_ = read_again_ = false;
        read_failed_ = true; // until the session goes on
        upload_completion_.fail_read();
    }
    if (!is_live())
        return; // it reads the file anew when it goes on
    Failure failure;
    failure.status = status::kRuntimeError;
    failure.message = "cannot access the realm file: " + failed.message;
    failure.fatal = !failed.may_pass;
    failure.action = failed.may_pass ? Action::warning : Action::application_bug;
    if (failure.fatal) {
        observer_.on_connection(connection_.state(), &failure);
        return;
    }
    if (trouble_)
        failure.action = Action::transient; // one trouble is told once, however often it is tried
    else
        trouble_ = work;
    if (binding_.is_bound())
        binding_.on(BindingEvent::given_up);
    suspend(failure);
}

void Session::describe(Situation& situation) const {
    situation.is_suspended = life_ == Life::suspended;
    situation.is_bound = binding_.is_bound();
    situation.uploads_later = upload_delayed_;
    situation.awaits_mark = binding_.is_bound() && !download_completion_.is_answered();
    situation.is_storing = !downloads_.is_idle();
    const auto next = situation.is_suspended ? resume_at_ : connection_.next_attempt();
    if (next)
        situation.next_attempt_ms = std::max<std::int64_t>(*next - context_.now, 0);
    if (const auto since = connection_.unanswered_since(); since && !situation.is_suspended)
        situation.unanswered_ms = context_.now - *since;
    if (situation.is_suspended) {
        situation.error = suspended_by_;
    } else if (connection_.state() == ConnectionState::disconnected) {
        situation.awaits_reconnect = connection_.awaits_reconnect();
        situation.error = connection_.lost_by();
    }
    if (!state_)
        return;
    situation.unsent_bytes = state_->uploadable_bytes - state_->uploaded_bytes;
    situation.phase = phase();
    if (!is_flexible()) // whose server says no bytes
        situation.downloadable_bytes = state_->downloadable_bytes;
}

void Session::on_stored(StoreWork work) {
    if (trouble_ == work)
        trouble_.reset();
}

// Sending (10.1)

bool Session::has_message() const {
    if (!connection_.is_connected() || !state_)
        return false;
    switch (binding_.state) {
    case BindingState::unbound: return is_live();
    case BindingState::send_ident:
        // What the last binding left in the queue moves the cursors.
        return downloads_.is_idle() && knows_query();
    case BindingState::running:
        return download_completion_.is_due() || (!upload_delayed_ && !binding_.outgoing.empty());
    case BindingState::wait_for_error:
    case BindingState::wait_for_ident:
    case BindingState::storing_ident:
    case BindingState::wait_for_unbound:
    case BindingState::over: return false;
    case BindingState::send_error:
    case BindingState::failed:
    case BindingState::unbinding:
    case BindingState::unbinding_failed: break;
    }
    return true;
}

wire::Outgoing Session::next_message() {
    REALMSYNC_ASSERT(has_message());
    switch (binding_.state) {
    case BindingState::unbound: return take_bind();
    case BindingState::send_ident: return take_ident();
    case BindingState::send_error: return take_client_error();
    case BindingState::running:
        if (download_completion_.is_due())
            return {wire::format(wire::Mark{ident_, download_completion_.send()})};
        return take_outgoing();
    default: return take_unbind();
    }
}

wire::Outgoing Session::take_bind() {
    const bool needs_ident = state_->file.ident == 0;
    binding_.on(needs_ident ? BindingEvent::sent_bind_for_ident : BindingEvent::sent_bind);
    read_query();
    const std::string flexible = is_flexible() ? bind_data() : "";
    return {wire::format(
        wire::Bind{ident_, is_flexible() ? flexible : terms_.partition, {}, needs_ident, false})};
}

wire::Outgoing Session::take_ident() {
    const wire::SyncProgress& progress = state_->progress;
    binding_.on(BindingEvent::sent_ident);
    binding_.received = progress;
    binding_.scanned = progress.upload;
    binding_.announced_server_version = progress.upload.server_version;
    wire::ClientIdent message;
    message.session = ident_;
    message.file = state_->file;
    message.download = progress.download;
    message.latest = progress.latest;
    if (is_flexible()) {
        message.query_version = query_.version;
        message.query = query_.body;
        binding_.scanned_query = query_.version;
        binding_.received_query = state_->subscriptions->active() ? query_.version : -1;
    }
    fetch();
    return {wire::format(message, terms_.mode)};
}

wire::Outgoing Session::take_client_error() {
    binding_.on(BindingEvent::sent_error);
    const std::string body = wire::client_error_body(binding_.error->message);
    return {wire::format(
        wire::JsonError{static_cast<std::int32_t>(binding_.error->code), ident_, body})};
}

wire::Outgoing Session::take_outgoing() {
    REALMSYNC_ASSERT(!upload_delayed_ && !binding_.outgoing.empty());
    auto first = std::move(binding_.outgoing.front());
    binding_.outgoing.erase(binding_.outgoing.begin());
    if (auto* query = std::get_if<PendingQuery>(&first))
        return take_query(*query);
    auto& upload = std::get<PendingUpload>(first);
    wire::Upload message{ident_, upload.body.view(), upload.progress,
                         state_->progress.download.server_version};
    connection_.on_upload_sent(*this, upload.progress.client_version, upload.body.bytes.size());
    message.body.bytes = {}; // put behind the head by the connection
    fetch();
    return {wire::format(message), std::move(upload.body.bytes)};
}

wire::Outgoing Session::take_unbind() {
    binding_.on(BindingEvent::sent_unbind);
    conclude_binding();
    return {wire::format(wire::Unbind{ident_})};
}

} // namespace realmsync::client
