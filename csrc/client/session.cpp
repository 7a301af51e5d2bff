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

// Checks D1 to D8 of wire-protocol.md 6.4: `a` is what was known, `b` what has come.
const char* header_fault(const wire::SyncProgress& a, const wire::SyncProgress& b,
                         std::uint64_t newest_version) {
    if (b.latest.version < a.latest.version)
        return "DOWNLOAD: latest server version decreases";
    if (b.upload.client_version < a.upload.client_version)
        return "DOWNLOAD: upload cursor decreases";
    if (b.upload.client_version > newest_version)
        return "DOWNLOAD: upload cursor beyond the newest client version";
    if (b.download.server_version < a.download.server_version)
        return "DOWNLOAD: download cursor decreases";
    if (b.download.server_version > b.latest.version)
        return "DOWNLOAD: download cursor beyond the latest server version";
    if (b.download.client_version < a.download.client_version)
        return "DOWNLOAD: last integrated client version decreases";
    if (b.download.client_version > b.upload.client_version)
        return "DOWNLOAD: last integrated client version beyond the upload cursor";
    if (b.download.server_version < b.upload.server_version)
        return "DOWNLOAD: upload cursor's server version beyond the download cursor";
    return nullptr;
}

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
                 std::uint64_t sync_session, std::string partition)
    : connection_(connection), context_(connection.context()), observer_(observer), ident_(ident),
      sync_session_(sync_session), partition_(std::move(partition)),
      resume_backoff_(context_.backoff) {}

// Life

void Session::activate() { read_state(); }

void Session::deactivate() {
    REALMSYNC_ASSERT(!is_deactivating());
    life_ = Life::deactivating;
    resume_at_.reset();
    binding_.uploads.clear();
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
    binding_.uploads.clear();
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
    if (state.file.ident != 0 && (binding_.state == BindingState::wait_for_ident ||
                                  binding_.state == BindingState::storing_ident))
        binding_.on(BindingEvent::ident_stored);
    observer_.on_file_ident(state.file.ident);
}

void Session::advance() {
    report();
    check_downloads();
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
    if (is_deactivating() || !download_completion_.take(state_->progress.download.server_version))
        return;
    upload_delayed_ = false;
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
    if (!may_upload() || binding_.is_fetching || binding_.uploads.size() >= kUploadsAhead ||
        newest_version_ <= binding_.scanned.client_version)
        return;
    binding_.is_fetching = true;
    submit(FetchUpload{binding_.scanned,
                       {context_.tuning.upload_soft_bytes, context_.tuning.upload_hard_bytes}});
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
    } else if (const auto* failed = std::get_if<StoreFailed>(&result.outcome)) {
        on_store_failed(*failed);
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
    if (upload.progress.client_version <= binding_.scanned.client_version) {
        // Acknowledged meanwhile, or the file holds less than was announced.
        if (upload.changesets == 0)
            newest_version_ = std::max(binding_.scanned.client_version, state_->current_version);
        fetch();
        return;
    }
    binding_.scanned = upload.progress;
    // Without changesets it would only tell the server what the client has integrated (8.4).
    if (upload.changesets != 0 ||
        binding_.announced_server_version < state_->progress.download.server_version) {
        binding_.announced_server_version = upload.progress.server_version;
        binding_.uploads.push_back(std::move(upload));
        enlist_if_ready();
    }
    fetch();
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
    binding_.uploads.clear();
    enlist_if_ready();
    observer_.on_connection(connection_.state(), &failure);
}

// The binding is given up, as the observer deactivates the session: another one may be fine.
void Session::on_too_large(const TooLarge& too_large) {
    const Failure failure = to_failure(too_large);
    observer_.on_connection(connection_.state(), &failure);
}

void Session::on_store_failed(const StoreFailed& failed) {
    if (failed.work == StoreWork::integrate)
        on_integration_over();
    if (failed.work == StoreWork::read_state) {
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
        trouble_ = failed.work;
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
        return downloads_.is_idle(); // what the last binding left in the queue moves the cursors
    case BindingState::running:
        return download_completion_.is_due() || (!upload_delayed_ && !binding_.uploads.empty());
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
        return take_upload();
    default: return take_unbind();
    }
}

wire::Outgoing Session::take_bind() {
    const bool needs_ident = state_->file.ident == 0;
    binding_.on(needs_ident ? BindingEvent::sent_bind_for_ident : BindingEvent::sent_bind);
    return {wire::format(wire::Bind{ident_, partition_, {}, needs_ident, false})};
}

wire::Outgoing Session::take_ident() {
    const wire::SyncProgress& progress = state_->progress;
    binding_.on(BindingEvent::sent_ident);
    binding_.received = progress;
    binding_.scanned = progress.upload;
    binding_.announced_server_version = progress.upload.server_version;
    fetch();
    return {
        wire::format(wire::ClientIdent{ident_, state_->file, progress.download, progress.latest},
                     wire::Mode::partition)};
}

wire::Outgoing Session::take_client_error() {
    binding_.on(BindingEvent::sent_error);
    const std::string body = wire::client_error_body(binding_.error->message);
    return {wire::format(
        wire::JsonError{static_cast<std::int32_t>(binding_.error->code), ident_, body})};
}

wire::Outgoing Session::take_upload() {
    REALMSYNC_ASSERT(!upload_delayed_ && !binding_.uploads.empty());
    PendingUpload upload = std::move(binding_.uploads.front());
    binding_.uploads.erase(binding_.uploads.begin());
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

// Receiving (10.5)

std::optional<Violation> Session::receive(const wire::ServerIdent& message) {
    if (auto verdict = binding_.judge(SessionMessage::ident); !verdict.is_accepted)
        return std::move(verdict.violation);
    if (message.file.ident == 0 || message.file.salt == 0)
        return Violation{"bad file ident or salt in IDENT"};
    binding_.on(BindingEvent::received_ident);
    submit(StoreIdent{message.file});
    return {};
}

std::optional<Violation> Session::receive(const wire::Download& message) {
    if (auto verdict = binding_.judge(SessionMessage::download); !verdict.is_accepted)
        return std::move(verdict.violation);
    const std::uint64_t newest = std::max(newest_version_, binding_.scanned.client_version);
    if (const char* fault = header_fault(binding_.received, message.progress, newest))
        return Violation{fault};
    if (message.downloadable_bytes < 0)
        return Violation{"DOWNLOAD: negative downloadable bytes"};
    ReceivedDownload download;
    download.body_bytes = std::make_shared<const std::string>(message.body.bytes);
    download.compressed = message.body.compressed;
    download.uncompressed_size = message.body.uncompressed_size;
    download.progress = message.progress;
    download.previous = binding_.received.download;
    download.downloadable_bytes = static_cast<std::uint64_t>(message.downloadable_bytes);
    download.own_ident = state_->file.ident;
    const ClientTuning& tuning = context_.tuning;
    download.limits = {tuning.download_limit_bytes, tuning.download_parsed_bytes,
                       tuning.download_part_bytes};
    binding_.received = message.progress;
    connection_.charge(*this, downloads_.add(std::move(download), binding_.number,
                                             context_.tuning.download_overhead_bytes));
    integrate_next();
    return {};
}

std::optional<Violation> Session::receive(const wire::Mark& message) {
    if (auto verdict = binding_.judge(SessionMessage::mark); !verdict.is_accepted)
        return std::move(verdict.violation);
    if (!download_completion_.receive(message.request, binding_.received.download.server_version))
        return Violation{"MARK with a bad request ident"};
    check_downloads();
    enlist_if_ready();
    return {};
}

std::optional<Violation> Session::receive(const wire::Unbound&) {
    if (auto verdict = binding_.judge(SessionMessage::unbound); !verdict.is_accepted)
        return std::move(verdict.violation);
    binding_.on(BindingEvent::received_unbound);
    conclude_binding();
    return {};
}

std::optional<Violation> Session::receive_error(const Failure& failure) {
    if (auto verdict = binding_.judge(SessionMessage::error); !verdict.is_accepted)
        return std::move(verdict.violation);
    const Code code{failure.protocol_code};
    if (code == Code::compensating_write) {
        const auto at =
            std::ranges::upper_bound(reverted_, failure.reverted_by, {}, &Failure::reverted_by);
        reverted_.insert(at, failure);
        report_reverted();
        return {};
    }
    if (code == Code::schema_version_changed) {
        if (!is_deactivating()) // it only tells something
            observer_.on_connection(connection_.state(), &failure);
        return {};
    }
    binding_.on(BindingEvent::received_error);
    if (is_deactivating())
        conclude_binding();
    else
        suspend(failure);
    return {};
}

} // namespace realmsync::client
