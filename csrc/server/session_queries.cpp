// A session of flexible sync: its query sets on their way to the writer, and what a DOWNLOAD says
// of them (flexible-sync.md 5 to 7, 9.3 and 16). Which page and which answer is due is decided in
// subscriptions.hpp.
#include <algorithm>
#include <utility>

#include "base/sorted_unique.hpp"
#include "server/connection.hpp"
#include "server/context.hpp"
#include "server/session.hpp"
#include "views/view_index.hpp"
#include "wire/format.hpp"

namespace realmsync::server {

using wire::Code;

void Session::on_query(const wire::Query& message) {
    if (!is_legal("QUERY", true) || context_.draining)
        return;
    if (subscriptions_->is_full())
        return try_later("Too many query sets at once", Code::other_session_error);
    if (!subscriptions_->hear(message.query_version))
        return connection_.fail(Code::bad_syntax, "QUERY with a version that is not newer");
    Subscribing request{message.query_version, std::string(message.query), nullptr};
    context_.charge(connection_, query_cost(request));
    if (connection_.has_failed())
        return;
    if (is_fenced() || held_)
        return hold(std::move(request));
    process_query(std::move(request));
}

void Session::process_query(Subscribing request) {
    request.roles = roles_;
    submit_progress(); // in its place before the query set
    const std::uint64_t cost = query_cost(request);
    context_.submit(Subscribe{ref(), handle_, partition_id_, file_.ident, std::move(request), cost},
                    connection_);
}

std::uint64_t Session::query_cost(const Subscribing& request) {
    constexpr std::uint64_t kOverhead = 1024;
    return request.body.size() + kOverhead;
}

// Before protocol 14 a client takes a bootstrap only for a query set that is new to it (7.8).
bool Session::takes_unasked_bootstraps() const {
    constexpr int kUnaskedBootstraps = 14;
    return connection_.version() >= kUnaskedBootstraps;
}

bool Session::takes_bootstrap(const BoundFile& file) const {
    return !file.bootstrap || takes_unasked_bootstraps() || file.bootstrap->query_version == 0;
}

bool Session::may_begin_early() const {
    return takes_unasked_bootstraps() || subscriptions_->bootstrap();
}

// What enters can be had of the newest version alone, so that it cannot be cut into pages of the
// history; a bootstrap can.
void Session::begin_early() {
    if (is_ending()) {
        acknowledge_only();
        return enlist_if_ready();
    }
    if (!may_begin_early())
        return fail(Code::server_permissions_changed,
                    "More has changed than one message can bring");
    subscriptions_->await_early_begin();
    context_.submit(BeginEarly{ref(), handle_, partition_id_, file_.ident, download_.server_version,
                               subscriptions_->bootstrap()},
                    connection_);
}

void Session::on_begun_early(const std::shared_ptr<const Bootstrap>& bootstrap) {
    if (state_ != SessionState::running)
        return;
    subscriptions_->begin_early(bootstrap);
    bound_views();
    enlist_if_ready();
}

void Session::on_subscribed(SubscribeDone done) {
    if (state_ != SessionState::running)
        return;
    const auto before = subscriptions_->bootstrap();
    subscriptions_->answer(done.query_version, std::move(done.result));
    note_memory();
    bound_views();
    if (is_ending())
        return;
    const bool is_given_up = page_of_ && subscriptions_->bootstrap() != before;
    if (page_ && (is_given_up || (!page_of_ && !subscriptions_->may_show(*page_))))
        drop_page();
    conclude_if_ready();
    enlist_if_ready();
}

void Session::on_appended(const Appended& appended) {
    if (!subscriptions_)
        return;
    for (std::uint64_t version = appended.head - appended.made; version < appended.head;)
        subscriptions_->own().add(++version);
}

// Up to where the session has all that is for it.
std::uint64_t Session::served() const {
    const std::uint64_t sent = download_.server_version;
    if (!partition_ || !subscriptions_ || !subscriptions_->group())
        return sent;
    const std::uint64_t goal = subscriptions_->goal(partition_->settled);
    const Audience& audience = partition_->audiences.at(subscriptions_->group().get());
    return goal <= sent ? sent
                        : std::min(audience.concerned.free_until(sent, goal),
                                   subscriptions_->own().free_until(sent, goal));
}

// What the next page of the history has to look at, if that is known.
std::optional<KnownVersions> Session::known_versions() const {
    const std::uint64_t sent = download_.server_version;
    if (!partition_ || !subscriptions_ || !subscriptions_->group())
        return std::nullopt;
    const Audience& audience = partition_->audiences.at(subscriptions_->group().get());
    if (!audience.concerned.know_after(sent) || !subscriptions_->own().know_after(sent))
        return std::nullopt;
    KnownVersions known{{}, partition_->settled};
    subscriptions_->own().copy_after(sent, known.versions);
    known.has_own = !known.versions.empty();
    audience.concerned.copy_after(sent, known.versions);
    sort_unique(known.versions);
    return known;
}

// A MARK waits for what a page has shown already, but of which the writer has not told yet.
void Session::await_settlement() {
    if (connection_.is_flexible() && attached().head > attached().settled)
        attached().unsettled.insert(this);
}

// The writer makes the last part, so that what it stores of it is exactly what is sent.
void Session::conclude_if_ready() {
    if (!subscriptions_->may_conclude() || !connection_.take_page_slot(*this))
        return;
    subscriptions_->conclude();
    page_of_ = subscriptions_->bootstrap();
    page_acknowledges_ = true;
    context_.submit(Conclude{ref(), handle_, page_request()}, connection_);
}

// What is for the file behind the end of the bootstrap is of its own.
void Session::on_concluded(const std::shared_ptr<const Bootstrap>& bootstrap,
                           ConcludedBootstrap concluded) {
    Page& page = concluded.page;
    if (state_ != SessionState::running || bootstrap != subscriptions_->bootstrap())
        return connection_.release_page_slot();
    if (!page.refusal.empty()) {
        connection_.release_page_slot();
        return fail(Code::bad_query, page.refusal);
    }
    if (page.is_last) {
        if (concluded.head > page.progress.download.server_version)
            subscriptions_->own().add(concluded.head);
        attached().join(*concluded.group, *this);
    }
    subscriptions_->on_concluded(page, std::move(concluded.group));
    page_ = std::make_unique<Page>(std::move(page));
    note_memory();
    enlist_if_ready();
}

void Session::on_bootstrap_page(Page page) {
    if (page_of_ != subscriptions_->bootstrap() || state_ != SessionState::running) {
        connection_.release_page_slot(); // given up meanwhile
        return enlist_if_ready();
    }
    if (!page.refusal.empty()) {
        connection_.release_page_slot();
        return fail(Code::bad_query, page.refusal);
    }
    subscriptions_->on_page(page);
    if (page.is_last) {
        connection_.release_page_slot();
        conclude_if_ready();
    } else {
        page_ = std::make_unique<Page>(std::move(page));
    }
    note_memory();
    enlist_if_ready();
}

// What is in force does not change while a query set is on its way to the writer.
bool Session::is_page_ready() const {
    return page_ && (!subscriptions_ || page_of_ || subscriptions_->may_show(*page_));
}

// How many sessions are brought to a view at once is limited (bootstrap_turns.hpp).
bool Session::take_bootstrap_turn() {
    awaits_bootstrap_turn_ =
        !context_.bootstrap_turns.take(ref(), connection_.owner().flow, context_.now);
    return !awaits_bootstrap_turn_;
}

void Session::on_bootstrap_turn() {
    awaits_bootstrap_turn_ = false;
    enlist_if_ready();
}

// A page that is there, or on its way, is sent all the same.
void Session::end_bootstrap_turn() {
    leave_bootstrap_turn();
    take_bootstrap_turn();
}

void Session::leave_bootstrap_turn() {
    awaits_bootstrap_turn_ = false;
    context_.bootstrap_turns.leave(ref(), connection_.owner().flow);
    context_.begin_bootstrap_turns();
}

void Session::note_views() {
    context_.view_memory.set(connection_.owner().flow, ref(), subscriptions_->views());
}

// There may be more of them than before.
void Session::bound_views() {
    if (is_ending())
        return;
    note_views();
    if (context_.view_memory.is_above(connection_.owner().flow))
        give_up_views();
    context_.bound_view_memory();
}

void Session::give_up_views() {
    if (is_ending()) // with an acknowledgement due, for which its client is to come again
        return connection_.drop();
    try_later("The sessions of this user have subscribed to too much", Code::other_session_error);
}

// The session is over, and nothing more of the history is to be told.
void Session::leave_views() {
    if (!subscriptions_)
        return;
    subscriptions_->forget();
    note_views();
    note_memory();
}

// It ends before the writer has got that.
void Session::drop_ident_query() {
    if (const auto query = std::exchange(ident_query_, nullptr))
        discharge(query_cost(*query));
}

// Of the page that waits, and of what a bootstrap has found and has still to send.
void Session::note_memory() {
    const std::uint64_t bytes =
        (page_ ? page_->body.bytes.size() : 0) + (subscriptions_ ? subscriptions_->bytes() : 0);
    context_.page_memory.set(connection_.owner().flow, ref(), bytes);
    context_.bound_page_memory();
}

// Before anything else: the client uploads what it has, and begins anew (16).
wire::Outgoing Session::take_migration() {
    constexpr Code kCode = Code::schema_version_changed;
    const std::uint64_t served = subscriptions_->take_served_schema_version();
    wire::ErrorInfo info = wire::error_info(
        kCode, "The client file is served under schema version " + std::to_string(served) +
                   ", and its client has " + std::to_string(schema_version_.value_or(0)));
    info.previous_schema_version = served;
    context_.log(LogLevel::info, info.message + whose());
    return {wire::format(wire::JsonError{static_cast<std::int32_t>(kCode), ident_,
                                         wire::format_error_info(kCode, info)}),
            {}};
}

wire::Outgoing Session::take_query_error() {
    const Subscriptions::Refused refused = subscriptions_->take_refused();
    context_.log(LogLevel::info, "Query set " + std::to_string(refused.query_version) +
                                     " is refused: " + refused.message);
    return {wire::format(wire::QueryError{static_cast<std::int32_t>(Code::bad_query), ident_,
                                          refused.query_version, refused.message}),
            {}};
}

// What was not let through, as one error tells it.
wire::ErrorInfo Session::told_of(const std::vector<Page::Rejected>& rejected, Code code) const {
    wire::ErrorInfo info = wire::error_info(
        code, "Client attempted a write that is not allowed; it has been reverted");
    info.try_again = true;
    info.action = "Warning";
    info.should_client_reset = false;
    info.rejected_updates.emplace();
    for (const Page::Rejected& one : rejected)
        info.rejected_updates->push_back({one.cls, one.reason, one.key});
    info.rejected_client_version = static_cast<std::int64_t>(rejected.back().client_version);
    return info;
}

// Before the page that takes the writes back, for each changeset one (9.3).
std::optional<wire::Outgoing> Session::take_rejection() {
    const auto is_told = [](const Page::Rejected& one) { return !one.is_asymmetric; };
    const auto first = std::ranges::find_if(page_->rejected, is_told);
    if (first == page_->rejected.end())
        return std::nullopt;
    std::vector<Page::Rejected> together;
    std::erase_if(page_->rejected, [&, version = first->client_version](const Page::Rejected& one) {
        if (one.client_version != version || one.is_asymmetric)
            return false;
        together.push_back(one);
        return true;
    });
    wire::ErrorInfo info = told_of(together, Code::compensating_write);
    info.compensating_write_server_version =
        static_cast<std::int64_t>(page_->progress.download.server_version);
    return wire::Outgoing{
        wire::format(wire::JsonError{static_cast<std::int32_t>(Code::compensating_write), ident_,
                                     wire::format_error_info(Code::compensating_write, info)}),
        {}};
}

// Behind the page, since the session ends with it: a client that had not got so far would be told
// again whenever it comes back (9.2).
void Session::refuse_ingested(const Page& page) {
    constexpr int kKnowsItWithoutVersion = 11;
    wire::ErrorInfo info = told_of(page.rejected, Code::write_not_allowed);
    if (connection_.version() < kKnowsItWithoutVersion)
        info.compensating_write_server_version =
            static_cast<std::int64_t>(page.progress.download.server_version);
    fail(Code::write_not_allowed, info);
}

void Session::describe(const Page& page, wire::Download& download) {
    const bool is_bootstrap = page_of_ != nullptr;
    download.query_version = subscriptions_->query_version(is_bootstrap);
    download.progress_estimate = page.estimate;
    if (is_bootstrap)
        download.batch_state =
            page.is_last ? wire::BatchState::last_in_batch : wire::BatchState::more_to_come;
    if (is_bootstrap && page.is_last) {
        if (const views::ViewGroupPtr former = subscriptions_->group())
            if (former != subscriptions_->next_group())
                attached().leave(*former, *this);
        subscriptions_->on_sent();
        note_views();
        leave_bootstrap_turn();
    }
    page_of_.reset();
}

} // namespace realmsync::server
