#include "client/progress.hpp"

#include <algorithm>

namespace realmsync::client {

namespace {

double estimate(std::uint64_t transferred, std::uint64_t total, std::uint64_t final) {
    if (final >= total || transferred >= total)
        return 1.0;
    const double done = transferred > final ? static_cast<double>(transferred - final) : 0.0;
    return done / static_cast<double>(total - final);
}

constexpr double kMostBytes = 9e18; // of what a server may make believe

bool counts_equal(const Report& a, const Report& b) {
    return a.uploaded == b.uploaded && a.uploadable == b.uploadable &&
           a.downloaded == b.downloaded && a.downloadable == b.downloadable &&
           a.query_version == b.query_version && a.download_estimate == b.download_estimate;
}

} // namespace

void Reporter::activate(const ClientState& state) {
    uploaded_final_ = state.uploaded_bytes;
    downloaded_final_ = state.downloaded_bytes;
}

void Reporter::count_downloads(const ClientState& state, Report& r) {
    r.downloaded = state.downloaded_bytes + state.pending_bytes;
    if (mode_ == wire::Mode::partition) {
        r.downloadable = state.downloadable_bytes + r.downloaded;
        if (r.downloaded == 0)
            downloaded_final_ = 0;
        r.download_estimate =
            r.downloaded == 0 ? 1.0 : estimate(r.downloaded, r.downloadable, downloaded_final_);
        return;
    }
    r.query_version = state.subscriptions->received();
    r.download_estimate = static_cast<double>(state.downloadable_bytes) / kWholeEstimate;
    r.downloadable = r.downloaded;
    if (r.download_estimate >= 1.0) {
        downloaded_final_ = r.downloaded;
    } else if (r.download_estimate > 0.0 && r.downloaded > downloaded_final_) {
        const auto done = static_cast<double>(r.downloaded - downloaded_final_);
        r.downloadable = downloaded_final_ + static_cast<std::uint64_t>(
                                                 std::min(done / r.download_estimate, kMostBytes));
    }
}

std::optional<Report> Reporter::report(const ClientState& state) {
    Report r;
    r.uploaded = state.uploaded_bytes;
    r.uploadable = state.uploadable_bytes;
    count_downloads(state, r);
    r.snapshot = state.current_version;
    if (r.uploaded == r.uploadable)
        uploaded_final_ = r.uploaded;
    r.upload_estimate =
        r.uploaded == r.uploadable ? 1.0 : estimate(r.uploaded, r.uploadable, uploaded_final_);
    if (!open_ || (last_ && counts_equal(*last_, r)))
        return {};
    last_ = r;
    return r;
}

std::optional<Notifiers::Call> Notifiers::evaluate(Notifier& n, const Report& report) {
    const bool upload = n.direction == Direction::upload;
    Call call{};
    call.token = n.token;
    call.transferred = upload ? report.uploaded : report.downloaded;
    call.transferable = upload ? report.uploadable : report.downloadable;
    call.estimate = upload ? report.upload_estimate : report.download_estimate;
    if (n.streaming)
        return call;
    if (upload && n.captured_version > report.snapshot)
        return {}; // the report is older than what this notifier waits for
    if (!upload && report.query_version < n.pending_query)
        return {};
    // The total of a one-shot may fall, never rise.
    n.captured_total = std::min(n.captured_total.value_or(call.transferable), call.transferable);
    call.transferable = *n.captured_total;
    if (upload)
        call.estimate = call.transferable == 0
                            ? 0.0
                            : std::min(static_cast<double>(call.transferred) /
                                           static_cast<double>(call.transferable),
                                       1.0);
    call.expired = call.transferred >= call.transferable &&
                   (upload || n.pending_query == 0 || call.estimate >= 1.0);
    return call;
}

Notifiers::Registration Notifiers::add(Direction direction, bool streaming,
                                       std::int64_t pending_query) {
    Notifier n{next_token_++, direction, streaming, pending_query, local_version_, {}};
    std::optional<Call> call;
    if (last_)
        call = evaluate(n, *last_);
    if (call && call->expired) {
        call->token = 0;
        return {0, call};
    }
    notifiers_.push_back(n);
    return {n.token, call};
}

void Notifiers::remove(std::uint64_t token) {
    const auto found = std::ranges::lower_bound(notifiers_, token, {}, &Notifier::token);
    if (found != notifiers_.end() && found->token == token)
        notifiers_.erase(found);
}

void Notifiers::update(const Report& report, std::vector<Call>& calls) {
    last_ = report;
    std::erase_if(notifiers_, [&](Notifier& n) {
        const auto call = evaluate(n, report);
        if (call)
            calls.push_back(*call);
        return call && call->expired;
    });
}

void Notifiers::set_local_version(std::uint64_t version) {
    local_version_ = std::max(local_version_, version);
}

} // namespace realmsync::client
