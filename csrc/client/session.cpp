#include "client/session.hpp"

#include <algorithm>
#include <utility>

#include "wire/format.hpp"

namespace realmsync::client {

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

} // namespace

Session::Session(SessionHost& host, const ClientTuning& tuning, std::uint64_t ident,
                 std::uint64_t sync_session, std::string partition)
    : host_(host), tuning_(tuning), ident_(ident), sync_session_(sync_session),
      partition_(std::move(partition)),
      resume_backoff_({tuning.reconnect_first_ms, tuning.reconnect_max_ms,
                       tuning.reconnect_multiplier, tuning.reconnect_jitter_divisor}) {}

void Session::activate() { read_state(); }

void Session::connection_up(bool fast_reconnect) {
    connected_ = true;
    if (!fast_reconnect || upload_delayed_) {
        upload_delayed_ = true; // until this MARK is answered: download before upload
        ++target_mark_;
    }
    enlist();
}

void Session::connection_lost() {
    connected_ = false;
    reset_binding();
    if (deactivating_)
        host_.finished(*this);
}

void Session::deactivate() {
    deactivating_ = true;
    if (resume_at_ >= 0) {
        resume_at_ = -1;
        host_.resume_timer_changed(*this);
    }
    uploads_.clear();
    if (!connected_ || !bind_sent_ || over())
        host_.finished(*this);
    else
        enlist();
}

void Session::resume() {
    if (resume_at_ >= 0) {
        resume_at_ = -1;
        host_.resume_timer_changed(*this);
    }
    if (!suspended_)
        return;
    suspended_ = false;
    host_.resumed(*this);
    settle(); // the rebind follows at once, or as soon as the old binding is over
    enlist();
}

void Session::reset_binding() {
    ++binding_;
    bind_sent_ = ident_sent_ = unbind_sent_ = false;
    error_received_ = unbound_received_ = ident_received_ = false;
    client_error_.reset();
    client_error_sent_ = false;
    uploads_.clear();
    fetching_ = false;
    last_mark_sent_ = last_mark_received_; // an unanswered MARK is sent again
}

void Session::settle() {
    if (!over())
        return;
    if (deactivating_) {
        host_.finished(*this);
    } else if (!suspended_) {
        reset_binding();
        enlist();
    }
}

void Session::enlist() {
    if (has_message())
        host_.wants_to_send(*this);
}

// ---- local side

void Session::read_state() {
    if (reading_) {
        read_again_ = true;
        return;
    }
    reading_ = true;
    reading_for_upload_wait_ = std::exchange(upload_wait_requested_, false);
    host_.post(*this, ReadState{});
}

void Session::request_upload_wait() {
    upload_wait_requested_ = true;
    read_state();
}

void Session::request_download_wait() {
    ++target_mark_;
    read_state(); // for the report that every registration makes
    enlist();
}

void Session::committed(std::uint64_t version) {
    newest_version_ = std::max(newest_version_, version);
    if (host_.watched(*this))
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
    const bool first = !state_;
    state_ = state;
    newest_version_ = std::max(newest_version_, state.current_version);
    if (first)
        reporter_.activate(state);
    if (state.progress.upload.client_version > scanned_.client_version) {
        scanned_ = state.progress.upload; // acknowledged beyond what this binding has sent
        announced_server_version_ =
            std::max(announced_server_version_, state.progress.upload.server_version);
    }
}

void Session::on_counters() {
    if (auto report = reporter_.report(*state_))
        host_.reported(*this, *report);
    check_uploads();
}

void Session::check_uploads() {
    // A wait registered meanwhile makes the earlier ones wait for its version, too.
    if (!upload_target_ || upload_wait_requested_ || reading_for_upload_wait_ ||
        state_->uploaded_version < *upload_target_)
        return;
    upload_target_.reset();
    host_.uploads_complete(*this);
}

void Session::check_downloads() {
    if (last_mark_received_ == last_mark_triggering_ || last_mark_received_ != target_mark_ ||
        state_->progress.download.server_version < cursor_at_mark_)
        return;
    last_mark_triggering_ = target_mark_;
    upload_delayed_ = false;
    on_counters();
    host_.downloads_complete(*this);
    fetch();
}

bool Session::may_upload() const {
    return connected_ && ident_sent_ && !ending() && !client_error_ && !upload_delayed_;
}

void Session::fetch() {
    if (!may_upload() || fetching_ || uploads_.size() >= kUploadsAhead ||
        newest_version_ <= scanned_.client_version)
        return;
    fetching_ = true;
    host_.post(*this,
               FetchUpload{scanned_, {tuning_.upload_soft_bytes, tuning_.upload_hard_bytes}});
}

void Session::on_fetched(PendingUpload upload) {
    fetching_ = false;
    if (upload.progress.client_version <= scanned_.client_version) {
        // Acknowledged meanwhile, or the file holds less than was announced.
        if (upload.changesets == 0)
            newest_version_ = std::max(scanned_.client_version, state_->current_version);
        fetch();
        return;
    }
    scanned_ = upload.progress;
    // Without changesets it would only tell the server what the client has integrated (8.4).
    if (upload.changesets != 0 ||
        announced_server_version_ < state_->progress.download.server_version) {
        announced_server_version_ = upload.progress.server_version;
        uploads_.push_back(std::move(upload));
        enlist();
    }
    fetch();
}

void Session::on_integration_failed(const IntegrationFailed& failed) {
    client_error_ = failed;
    uploads_.clear();
    const wire::CodeInfo* info = wire::find_code(failed.code);
    Failure failure;
    failure.status = failed.code == 212   ? status::kBadChangeset
                     : failed.code == 233 ? status::kSyncProtocolInvariantFailed
                                          : status::kRuntimeError;
    failure.message = std::string(info ? info->status : "RuntimeError") + ": " + failed.message;
    failure.action = Action::warning;
    client_error_->message = failure.message;
    enlist();
    host_.noticed(*this, failure);
}

void Session::done(StoreResult result) {
    const bool current = result.binding == binding_;
    if (auto* read = std::get_if<StateRead>(&result.outcome)) {
        reading_ = false;
        set_state(read->state);
        if (std::exchange(reading_for_upload_wait_, false))
            upload_target_ = read->state.current_version;
        if (std::exchange(read_again_, false))
            read_state();
        on_counters();
        check_downloads();
        fetch();
        enlist();
    } else if (auto* stored = std::get_if<IdentStored>(&result.outcome)) {
        ident_received_ = false;
        set_state(stored->state);
        enlist();
    } else if (auto* upload = std::get_if<PendingUpload>(&result.outcome)) {
        if (current && may_upload())
            on_fetched(std::move(*upload));
    } else if (auto* integrated = std::get_if<Integrated>(&result.outcome)) {
        --integrating_;
        set_state(integrated->state);
        reporter_.open_gate();
        resume_backoff_.reset();
        on_counters();
        check_downloads();
        fetch();
        enlist();
    } else if (auto* failed = std::get_if<IntegrationFailed>(&result.outcome)) {
        --integrating_;
        if (!current || ending() || client_error_)
            enlist();
        else if (failed->code == 0)
            host_.violated(*this, std::move(failed->message));
        else
            on_integration_failed(*failed);
    } else if (std::holds_alternative<IntegrationSkipped>(result.outcome)) {
        --integrating_;
        enlist();
    } else if (auto* fault = std::get_if<StoreFault>(&result.outcome)) {
        reading_ = fetching_ = ident_received_ = false;
        Failure failure;
        failure.status = status::kRuntimeError;
        failure.message = "cannot access the realm file: " + fault->message;
        failure.fatal = true;
        failure.action = Action::application_bug;
        host_.noticed(*this, failure);
    }
}

// ---- sending

bool Session::has_message() const {
    if (!connected_)
        return false;
    if (ending())
        return bind_sent_ && !unbind_sent_;
    if (!state_)
        return false;
    if (!bind_sent_)
        return true;
    if (!ident_sent_) // what the last binding left in the queue moves the cursors of IDENT
        return state_->file.ident != 0 && integrating_ == 0;
    if (client_error_)
        return !client_error_sent_;
    return target_mark_ > last_mark_sent_ || (!upload_delayed_ && !uploads_.empty());
}

std::string Session::next_message() {
    if (ending()) {
        unbind_sent_ = true;
        std::string message = wire::format(wire::Unbind{ident_});
        settle(); // may destroy this session: nothing of it is used below
        return message;
    }
    if (!bind_sent_) {
        bind_sent_ = true;
        return wire::format(wire::Bind{ident_, partition_, {}, state_->file.ident == 0, false});
    }
    const wire::SyncProgress& progress = state_->progress;
    if (!ident_sent_) {
        ident_sent_ = true;
        received_ = progress;
        scanned_ = progress.upload;
        announced_server_version_ = progress.upload.server_version;
        std::string message = wire::format(
            wire::ClientIdent{ident_, state_->file, progress.download, progress.latest},
            wire::Mode::partition);
        fetch();
        return message;
    }
    if (client_error_) {
        client_error_sent_ = true;
        const std::string body = wire::client_error_body(client_error_->message);
        return wire::format(wire::JsonError{client_error_->code, ident_, body});
    }
    if (target_mark_ > last_mark_sent_) {
        last_mark_sent_ = target_mark_;
        return wire::format(wire::Mark{ident_, target_mark_});
    }
    const PendingUpload upload = std::move(uploads_.front());
    uploads_.erase(uploads_.begin());
    std::string message = wire::format(wire::Upload{ident_, upload.body.view(), upload.progress,
                                                    progress.download.server_version});
    fetch();
    return message;
}

// ---- receiving (10.5)

std::optional<std::string> Session::receive(const wire::ServerIdent& message) {
    if (deactivating_)
        return {};
    if (!bind_sent_ || error_received_ || unbound_received_ || ident_received_ || ident_sent_ ||
        !state_ || state_->file.ident != 0)
        return "IDENT that was not asked for";
    if (message.file.ident == 0 || message.file.salt == 0)
        return "bad file ident or salt in IDENT";
    ident_received_ = true;
    host_.post(*this, StoreIdent{message.file});
    return {};
}

std::optional<std::string> Session::receive(const wire::Download& message) {
    if (deactivating_)
        return {};
    if (!ident_sent_ || error_received_ || unbound_received_)
        return "DOWNLOAD at the wrong time";
    if (client_error_)
        return {}; // until the server ends the binding
    const std::uint64_t newest = std::max(newest_version_, scanned_.client_version);
    if (const char* fault = header_fault(received_, message.progress, newest))
        return fault;
    if (message.downloadable_bytes < 0)
        return "DOWNLOAD: negative downloadable bytes";
    ReceivedDownload download;
    download.body_bytes = std::make_shared<const std::string>(message.body.bytes);
    download.compressed = message.body.compressed;
    download.uncompressed_size = message.body.uncompressed_size;
    download.progress = message.progress;
    download.previous = received_.download;
    download.downloadable_bytes = std::uint64_t(message.downloadable_bytes);
    download.own_ident = state_->file.ident;
    download.size_limit = tuning_.download_limit_bytes;
    received_ = message.progress;
    ++integrating_;
    host_.post(*this, std::move(download));
    return {};
}

std::optional<std::string> Session::receive(const wire::Mark& message) {
    if (deactivating_)
        return {};
    if (!ident_sent_ || error_received_ || unbound_received_)
        return "MARK at the wrong time";
    if (message.request <= last_mark_received_ || message.request > last_mark_sent_)
        return "MARK with a bad request ident";
    last_mark_received_ = message.request;
    cursor_at_mark_ = received_.download.server_version;
    check_downloads();
    enlist();
    return {};
}

std::optional<std::string> Session::receive(const wire::Unbound&) {
    if (!unbind_sent_ || error_received_ || unbound_received_)
        return "UNBOUND that was not asked for";
    unbound_received_ = true;
    settle();
    return {};
}

std::optional<std::string> Session::receive_error(const Failure& failure) {
    if (!bind_sent_ || error_received_ || unbound_received_)
        return "ERROR at the wrong time";
    const auto code = wire::Code(failure.protocol_code);
    if (code == wire::Code::compensating_write || code == wire::Code::schema_version_changed) {
        if (!deactivating_)
            host_.noticed(*this, failure);
        return {};
    }
    error_received_ = true;
    if (deactivating_) {
        settle();
        return {};
    }
    suspended_ = true;
    uploads_.clear();
    if (!failure.fatal) {
        std::int64_t delay = tuning_.session_closed_resume_ms;
        if (code != wire::Code::session_closed) {
            resume_backoff_.update(failure.protocol_code, failure.backoff);
            delay = resume_backoff_.delay(host_.random());
        }
        resume_at_ = host_.now() + delay;
        host_.resume_timer_changed(*this);
    }
    enlist();
    host_.suspended(*this, failure); // may deactivate it
    return {};
}

} // namespace realmsync::client
