#include "server/session.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "server/connection.hpp"
#include "server/context.hpp"
#include "wire/format.hpp"
#include "wire/partition_value.hpp"

namespace realmsync::server {

using wire::Code;

namespace {

constexpr int kRolesChangeWithoutReset = 14;

} // namespace

Session::Session(Connection& connection, std::uint64_t ident, std::uint64_t binding)
    : connection_(connection), context_(connection.context()), ident_(ident), binding_(binding) {
    ++context_.stats.sessions;
    ++context_.sessions_of[connection_.owner().flow];
}

Session::~Session() {
    detach();
    drop_page();
    leave_views();
    set_unacknowledged(false);
    --context_.stats.sessions;
    const auto users = context_.sessions_of.find(connection_.owner().flow);
    if (--users->second == 0)
        context_.sessions_of.erase(users);
}

SessionRef Session::ref() const { return {connection_.id(), ident_, binding_}; }

Partition& Session::attached() const {
    REALMSYNC_ASSERT(partition_ != nullptr);
    return *partition_;
}

// Received messages

bool Session::is_legal(std::string_view message, bool needs_ident) {
    if (state_ == SessionState::send_unbound) {
        connection_.fail(Code::bad_message_order, std::string(message) + " after UNBIND");
        return false;
    }
    if (is_ending())
        return false; // crossed with the error: ignored
    if (needs_ident && state_ < SessionState::binding) {
        connection_.fail(Code::bad_message_order, std::string(message) + " before IDENT");
        return false;
    }
    return true;
}

void Session::ask_permission() {
    if (is_ending())
        return;
    question_ = context_.next_question++;
    context_.events.push_back(
        Authorize{connection_.id(), ident_, question_, attached().key, connection_.is_flexible()});
}

void Session::on_permission(std::uint64_t question, std::optional<Permission> permission) {
    if (question != question_ || is_ending())
        return;
    if (!permission)
        return try_later("What the user may do is not known right now");
    if (*permission == Permission::none)
        return fail(Code::permission_denied,
                    connection_.is_flexible()
                        ? "Permission denied: the user may not use this app"
                        : "Permission denied: the user may not read this partition");
    if (connection_.is_flexible())
        return on_roles(question, rules::SessionRoles::everything(*permission == Permission::write
                                                                      ? rules::Extent::all
                                                                      : rules::Extent::reading));
    const bool is_first = !permission_;
    permission_ = permission;
    if (is_first)
        enter_partition();
}

// Flexible sync: what the user may do is a matter of each object. What the client has was made for
// its former roles: it comes again, and gets a bootstrap for those of now (flexible-sync.md 10.2,
// 10.3).
void Session::on_roles(std::uint64_t question, std::shared_ptr<const rules::SessionRoles> roles) {
    if (question != question_ || is_ending())
        return;
    const auto former = std::exchange(roles_, std::move(roles));
    permission_ = Permission::write;
    if (!former)
        return enter_partition();
    if (state_ < SessionState::binding || former->identity() == roles_->identity())
        return;
    if (connection_.version() >= kRolesChangeWithoutReset)
        fail(Code::session_closed, "The user's roles have changed");
    else
        fail(Code::server_permissions_changed, "The user's roles have changed");
}

void Session::enter_partition() {
    if (context_.settings_of(connection_.owner()).is_paused)
        return refuse_paused();
    if (context_.resetting.contains(connection_.owner().app))
        return try_later("All client files are being reset", Code::initial_sync_not_completed);
    if (attached().is_open())
        return on_partition_open();
    if (!std::exchange(attached().is_opening, true))
        context_.submit(
            OpenPartition{handle_, attached().app_id, attached().key, connection_.user_id()},
            connection_);
}

void Session::on_partition_open() {
    if (!permission_)
        return;
    partition_id_ = attached().id;
    if (state_ == SessionState::allocating_ident)
        context_.submit(
            AllocateIdent{ref(), attached().handle, partition_id_, connection_.user_id()},
            connection_);
    else if (state_ == SessionState::binding)
        bind_file();
}

void Session::on_ident_allocated(wire::FileIdent file) {
    if (state_ != SessionState::allocating_ident)
        return; // unbound or failed meanwhile
    file_ = file;
    state_ = SessionState::send_ident;
    enlist_if_ready();
}

void Session::on_ident(const wire::ClientIdent& message) {
    if (!is_legal("IDENT", false))
        return;
    if (state_ != SessionState::wait_for_ident)
        return connection_.fail(Code::bad_message_order,
                                state_ < SessionState::wait_for_ident
                                    ? "IDENT before the one that was asked for"
                                    : "Second IDENT");
    file_ = message.file;
    download_ = message.download;
    told_ = download_.server_version;
    latest_ = message.latest;
    if (connection_.is_flexible()) {
        subscriptions_ = std::make_unique<Subscriptions>();
        if (!subscriptions_->hear(message.query_version))
            return connection_.fail(Code::bad_syntax, "IDENT with a negative query version");
        Subscribing request{message.query_version, std::string(message.query), nullptr};
        context_.charge(connection_, query_cost(request));
        if (connection_.has_failed())
            return;
        ident_query_ = std::make_unique<Subscribing>(std::move(request));
    }
    state_ = SessionState::binding;
    if (permission_ && attached().is_open())
        bind_file();
}

void Session::bind_file() {
    ++attached().files[file_.ident].binds_in_flight;
    BindRequest request{connection_.user_id(), file_, download_, latest_};
    std::uint64_t cost = 0;
    if (const auto subscribing = std::exchange(ident_query_, nullptr)) {
        cost = query_cost(*subscribing);
        subscribing->roles = roles_;
        request.subscribing = std::move(*subscribing);
    }
    request.schema_version = schema_version_;
    context_.submit(Bind{ref(), attached().handle, partition_id_, std::move(request), cost},
                    connection_);
}

void Session::on_bound(const BoundFile& file) {
    state_ = SessionState::running;
    gate_ = UploadGate(file.threshold, file.locked_server_version);
    if (subscriptions_) {
        subscriptions_->begin(file);
        bound_views();
        if (is_ending())
            return;
        if (!takes_bootstrap(file))
            return fail(Code::server_permissions_changed, "The user's roles have changed");
        if (file.group)
            attached().join(*file.group, *this);
    }
    set_unacknowledged(file.threshold.client_version != 0);
    oldest_mark_.target = newest_mark_.target = attached().head;
    await_settlement();
    connection_.queue_log(ident_, "debug",
                          "Session " + std::to_string(ident_) + " bound to client file ident " +
                              std::to_string(file_.ident));
    release_uploads();
    if (!connection_.has_failed())
        enlist_if_ready();
}

// A MARK asks: tell me when I have everything that the server has now. Its answer waits until the
// versions of that moment are sent. Any number may be waiting; two are remembered, since all but
// the oldest are answered together by the newest.
void Session::on_mark(const wire::Mark& message) {
    if (!is_legal("MARK", true))
        return;
    const std::uint64_t last =
        std::max({answered_mark_, oldest_mark_.request, newest_mark_.request});
    if (message.request <= last)
        return; // answered or about to be; a second answer would be a violation
    MarkRequest& mark = oldest_mark_.request == 0 ? oldest_mark_ : newest_mark_;
    mark = {message.request, attached().head, subscriptions_ ? subscriptions_->heard() : 0};
    await_settlement();
    enlist_if_ready();
}

void Session::on_unbind() {
    if (state_ == SessionState::wait_for_unbind) {
        state_ = SessionState::over;
        return;
    }
    if (state_ == SessionState::send_unbound)
        return connection_.fail(Code::bad_message_order, "UNBIND after UNBIND");
    detach();
    drop_page();
    leave_views();
    set_unacknowledged(false);
    error_.reset();
    test_commands_.reset();
    state_ = SessionState::send_unbound;
    enlist_if_ready();
}

void Session::on_client_error(const wire::JsonError& message) {
    auto reason = wire::parse_client_error(message.body);
    context_.log(LogLevel::error, "Client could not integrate what it was sent: error " +
                                      std::to_string(message.code) + " (" +
                                      (reason ? reason.value() : std::string("unreadable")) +
                                      "), up to version " +
                                      std::to_string(download_.server_version) + whose());
    if (is_legal("JSON_ERROR", false))
        fail(Code::bad_client_file, "Client could not integrate a download");
}

void Session::on_test_command(const wire::TestCommand& message) {
    if (!is_legal("TEST_COMMAND", false))
        return;
    if (!test_commands_)
        test_commands_ = std::make_unique<std::vector<std::uint64_t>>();
    if (test_commands_->size() == context_.tuning.test_commands)
        return connection_.fail(Code::bad_syntax, "Too many test commands waiting");
    test_commands_->push_back(message.request);
    enlist_if_ready();
}

// Ends

void Session::fail(Code code, std::string_view message) {
    fail(code, wire::error_info(code, message));
}

// Behind what a line says, as a partition may be long.
std::string Session::whose() const {
    std::string text = connection_.whose();
    if (file_.ident != 0)
        text += ", client file " + std::to_string(file_.ident);
    if (!partition_)
        return text;
    return text +
           (connection_.is_flexible() ? ", flexible sync" : ", partition " + partition_->key);
}

void Session::try_later(std::string_view message, Code code) {
    wire::ErrorInfo info = wire::error_info(code, message);
    info.backoff = {context_.tuning.overload_backoff_s, context_.tuning.overload_backoff_max_s, 2};
    fail(code, info);
}

void Session::note_seen() {
    if (state_ == SessionState::running)
        context_.submit(NoteSeen{handle_, partition_id_, file_.ident}, connection_);
}

void Session::obey_settings() {
    const AppSettings& settings = context_.settings_of(connection_.owner());
    if (settings.is_paused)
        return refuse_paused();
    if (!partition_)
        return;
    if (connection_.is_flexible()) {
        if (require_mode(nullptr))
            require_schema_version();
        return;
    }
    auto value = wire::parse_partition_value(partition_->key);
    REALMSYNC_ASSERT(bool(value));
    if (!require_mode(&*value))
        return;
    if (const auto fault = illegal_partition(settings, *value))
        fail(Code::illegal_realm_path, *fault);
}

void Session::refuse_paused() {
    wire::ErrorInfo info =
        wire::error_info(Code::initial_sync_not_completed, "Sync is paused for this app");
    info.backoff = {context_.tuning.paused_backoff_s, context_.tuning.paused_backoff_max_s, 2};
    fail(Code::initial_sync_not_completed, info);
}

void Session::refuse(const Refusal& refusal) {
    if (refusal.code == Code::session_closed)
        try_later(refusal.message);
    else if (refusal.for_good)
        fail(refusal.code, never_taken(refusal.message));
    else
        fail(refusal.code, refusal.message);
}

void Session::fail(Code code, const wire::ErrorInfo& error) {
    if (is_ending())
        return;
    ++context_.stats.session_errors;
    context_.log(LogLevel::warning, "Session error " +
                                        std::to_string(static_cast<std::int32_t>(code)) + ": " +
                                        error.message + whose());
    const bool resets_client = error.should_client_reset;
    acknowledgement_due_ = state_ == SessionState::running && resets_client;
    wire::ErrorInfo told = error;
    if (resets_client && !context_.settings_of(connection_.owner()).may_recover) {
        told.action = "ClientResetNoRecovery";
        told.is_recovery_mode_disabled = true;
    }
    error_ =
        std::make_unique<SessionError>(SessionError{code, wire::format_error_info(code, told)});
    state_ = SessionState::send_error;
    detach();
    test_commands_.reset();
    if (!acknowledgement_due_)
        drop_page();
    else if (subscriptions_ && subscriptions_->bootstrap())
        acknowledge_only();
    if (!acknowledgement_due_ || acknowledges_only_)
        leave_views();
    else if (subscriptions_)
        subscriptions_->cancel();
    enlist_if_ready();
}

// Between the parts of a bootstrap, or where the history cannot be told: that the bootstrap is torn
// (flexible-sync.md 7.2 B4) does no harm, since the client throws it away.
void Session::acknowledge_only() {
    acknowledges_only_ = true;
    drop_page();
}

void Session::detach() {
    if (!partition_)
        return;
    submit_progress();
    drop_held();
    drop_ident_query();
    if (subscriptions_)
        leave_bootstrap_turn();
    Partition& partition = *std::exchange(partition_, nullptr);
    partition.sessions.erase(binding_);
    partition.unsettled.erase(this);
    if (subscriptions_)
        for (const auto& group : {subscriptions_->group(), subscriptions_->next_group()})
            if (group)
                partition.leave(*group, *this);
    auto claim = partition.files.find(file_.ident);
    if (claim != partition.files.end() && claim->second.holder == this) {
        claim->second.holder = nullptr;
        partition.tidy(file_.ident);
    }
    context_.forget_if_idle(partition);
}

// Output

void Session::enlist_if_ready() {
    if (!enlisted && wants_turn())
        connection_.enlist(*this);
}

void Session::on_head() {
    if (state_ == SessionState::running)
        enlist_if_ready();
}

void Session::on_visit(std::uint64_t lag) {
    if (state_ != SessionState::running || !first_download_sent_ || served() < told_ + lag)
        return;
    owes_progress_ = true;
    enlist_if_ready();
}

bool Session::is_mark_due() const {
    return first_download_sent_ && oldest_mark_.request != 0 && served() >= oldest_mark_.target &&
           (!subscriptions_ || subscriptions_->is_settled(oldest_mark_.queries));
}

// A client that resets throws away whatever it does not know to be integrated, and uploads it again
// from its backup: changes that were integrated already would then count twice. So an error that
// makes it reset is held back until the uploads on their way have come back, and until a DOWNLOAD
// has told the newest upload cursor, if something was integrated that no DOWNLOAD sent has told
// (10.7 R4).
bool Session::owes_acknowledgement() const {
    return state_ == SessionState::send_error && acknowledgement_due_ && unacknowledged_ &&
           uploads_in_flight_ == 0;
}

bool Session::wants_turn() const {
    switch (state_) {
    case SessionState::send_ident:
    case SessionState::send_unbound: return true;
    case SessionState::send_error:
        if (!acknowledgement_due_)
            return true;
        return uploads_in_flight_ == 0 && (!unacknowledged_ || page_ || needs_page());
    case SessionState::running:
        return test_commands_ ||
               (subscriptions_ &&
                (subscriptions_->has_other_schema_version() || subscriptions_->has_refused())) ||
               is_mark_due() || is_page_ready() || needs_page();
    case SessionState::allocating_ident:
    case SessionState::wait_for_ident:
    case SessionState::binding: return test_commands_ != nullptr;
    case SessionState::wait_for_unbind:
    case SessionState::over: break;
    }
    return false;
}

std::optional<wire::Outgoing> Session::take_message() {
    if (!wants_turn())
        return std::nullopt;
    switch (state_) {
    case SessionState::send_ident:
        state_ = SessionState::wait_for_ident;
        return wire::Outgoing{wire::format(wire::ServerIdent{ident_, file_}), {}};
    case SessionState::send_unbound:
        state_ = SessionState::over;
        return wire::Outgoing{wire::format(wire::Unbound{ident_}), {}};
    case SessionState::send_error:
        if (!acknowledgement_due_ || !unacknowledged_)
            return take_error();
        break;
    default:
        if (test_commands_) {
            const std::uint64_t request = test_commands_->front();
            test_commands_->erase(test_commands_->begin());
            if (test_commands_->empty())
                test_commands_.reset();
            return wire::Outgoing{wire::format(wire::TestCommand{ident_, request, "{}"}), {}};
        }
        if (subscriptions_ && subscriptions_->has_other_schema_version())
            return take_migration();
        if (subscriptions_ && subscriptions_->has_refused())
            return take_query_error();
        if (is_mark_due())
            return take_mark();
    }
    if (is_page_ready()) {
        if (auto rejection = take_rejection())
            return rejection;
        return take_download();
    }
    if (needs_page())
        request_page();
    return std::nullopt;
}

wire::Outgoing Session::take_error() {
    state_ = SessionState::wait_for_unbind;
    drop_page();
    leave_views();
    const auto error = std::exchange(error_, nullptr);
    return {
        wire::format(wire::JsonError{static_cast<std::int32_t>(error->code), ident_, error->body})};
}

wire::Outgoing Session::take_mark() {
    std::uint64_t request = oldest_mark_.request;
    oldest_mark_ = std::exchange(newest_mark_, {});
    if (is_mark_due()) // the newest answers both
        request = std::exchange(oldest_mark_, {}).request;
    answered_mark_ = request;
    return {wire::format(wire::Mark{ident_, request}), {}};
}

void Session::set_unacknowledged(bool value) {
    if (value == unacknowledged_)
        return;
    REALMSYNC_ASSERT(value || context_.unacknowledged_sessions > 0);
    value ? ++context_.unacknowledged_sessions : --context_.unacknowledged_sessions;
    unacknowledged_ = value;
}

} // namespace realmsync::server
