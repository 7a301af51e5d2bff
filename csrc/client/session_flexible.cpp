// What only sessions of flexible sync do: subscription sets on their way to the server, and
// bootstraps on theirs into the file (flexible-sync.md 3.4, 5, 7). When a set is sent is decided
// where uploads are fetched (realm/realm_file.cpp): they alternate.
#include <utility>

#include "client/connection.hpp"
#include "client/context.hpp"
#include "client/session.hpp"
#include "wire/format.hpp"
#include "wire/query_body.hpp"

namespace realmsync::client {

namespace {

constexpr int kFirstWithReason = 10; // protocol version
constexpr int kFirstWithEstimate = 12;
constexpr int kFirstWithSteadyState = 14;

} // namespace

// What an interrupted bootstrap has left in the file: a whole one is applied, another comes again.
void Session::resume_bootstrap() {
    if (is_flexible())
        submit(ResumeBootstrap{{context_.tuning.download_limit_bytes,
                                context_.tuning.download_parsed_bytes,
                                context_.tuning.download_part_bytes}});
}

// IDENT

bool Session::knows_query() const {
    return !is_flexible() || query_.version == state_->subscriptions->active_version();
}

void Session::read_query() {
    if (binding_.state != BindingState::send_ident || !state_ || knows_query() ||
        is_reading_query_ || !downloads_.is_idle())
        return;
    is_reading_query_ = true;
    submit(ReadQuery{});
}

void Session::on_query_read(PendingQuery query) {
    is_reading_query_ = false;
    query_ = std::move(query);
    if (!knows_query())
        read_state(); // it is newer than what is known
    enlist_if_ready();
}

std::string Session::bind_data() {
    if (connection_.version() < kFirstWithReason)
        return "";
    if (state_->file.ident == 0) // a new file begins with the application's
        terms_.served_schema_version.reset();
    wire::FlexibleBind data;
    data.is_after_reset = terms_.is_after_reset;
    if (!terms_.partition.empty() && state_->subscriptions->is_migrated)
        data.migrated_partition = terms_.partition;
    data.schema_version = terms_.served_schema_version.value_or(terms_.schema_version);
    return wire::format_flexible_bind(data);
}

// QUERY

bool Session::has_unsent_query() const {
    return is_flexible() && state_->subscriptions->next_after(binding_.scanned_query);
}

// Native opens of a migrated file (15.5): what is committed behind the sentinel belongs to no
// partition, and is not uploaded while BIND says one.
bool Session::is_behind_sentinel() const {
    const std::int64_t sentinel = is_flexible() ? state_->subscriptions->sentinel : 0;
    return sentinel != 0 && binding_.scanned_query >= sentinel;
}

bool Session::has_left_partition() const {
    return is_flexible() && !is_deactivating() && !terms_.partition.empty() &&
           !state_->subscriptions->is_migrated;
}

wire::Outgoing Session::take_query(const PendingQuery& query) {
    download_completion_.request(); // behind all that the server has for it
    fetch();
    return {wire::format(wire::Query{ident_, query.version, query.body})};
}

std::optional<Violation> Session::receive(const wire::QueryError& message) {
    if (auto verdict = binding_.judge(SessionMessage::query_error); !verdict.is_accepted)
        return std::move(verdict.violation);
    submit(RejectSet{message.query_version, std::string(message.message)});
    return {};
}

// Bootstraps

// Where it stands in one, if it does (7.8), and how much of the whole it says to be.
void Session::place_in_bootstrap(const wire::Download& message, ReceivedDownload& download) {
    const int version = connection_.version();
    const std::int64_t query = message.query_version;
    const bool is_more = message.batch_state == wire::BatchState::more_to_come;
    const bool is_steady = version >= kFirstWithSteadyState
                               ? message.batch_state == wire::BatchState::steady_state
                               : !is_more && query == binding_.received_query;
    const double estimate =
        version >= kFirstWithEstimate ? message.progress_estimate : (is_more ? 0.0 : 1.0);
    download.downloadable_bytes =
        static_cast<std::uint64_t>(estimate * static_cast<double>(kWholeEstimate));
    has_received_query_ |= query > 0;
    if (is_steady)
        return;
    const bool goes_on = binding_.part && binding_.part->query_version == query;
    download.bootstrap = BootstrapPart{query, goes_on ? binding_.part->number + 1 : 0, !is_more};
    if (is_more) {
        binding_.part = download.bootstrap;
    } else {
        binding_.part.reset();
        binding_.received_query = query;
    }
}

DownloadPhase Session::phase() const {
    if (!is_flexible())
        return state_->downloadable_bytes == 0 ? DownloadPhase::steady : DownloadPhase::receiving;
    if (binding_.part)
        return DownloadPhase::receiving;
    const SubscriptionSet* next = state_->subscriptions->next_after(0);
    if (!downloads_.is_idle() && next && next->version <= binding_.received_query)
        return DownloadPhase::applying;
    if (!next)
        return DownloadPhase::steady;
    return next->state == SetState::bootstrapping ? DownloadPhase::receiving
                                                  : DownloadPhase::waiting;
}

// Sets

bool Session::complete_set() {
    const SubscriptionSet* active = is_flexible() ? state_->subscriptions->active() : nullptr;
    is_completing_ = active && active->state == SetState::awaiting_mark;
    if (is_completing_)
        submit(CompleteSet{active->version});
    return is_completing_;
}

void Session::on_sets_changed(const ClientState& state, StoreWork work) {
    set_state(state);
    if (work == StoreWork::complete_set && std::exchange(is_completing_, false))
        finish_downloads();
    if (is_deactivating())
        return;
    advance();
}

} // namespace realmsync::client
