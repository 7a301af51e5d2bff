#include "client/download_queue.hpp"

#include <utility>

#include "base/assert.hpp"

namespace realmsync::client {

namespace {

// One being integrated, the next behind it, so that no worker waits for the loop.
constexpr std::size_t kAtStore = 2;

} // namespace

std::uint64_t DownloadQueue::add(ReceivedDownload download, std::uint64_t binding,
                                 std::uint64_t overhead) {
    // A server can send empty ones faster than a file stores them, and each is but a progress.
    // Those of a bootstrap say more than that.
    const auto is_progress = [](const ReceivedDownload& d) {
        return d.body_bytes->empty() && !d.bootstrap;
    };
    if (!waiting_.empty() && is_progress(download)) {
        Waiting& last = waiting_.back();
        if (last.binding == binding && is_progress(last.download)) {
            last.download.progress = download.progress;
            last.download.downloadable_bytes = download.downloadable_bytes;
            return 0;
        }
    }
    download.charge = download.body_bytes->size() + (at_store_ < kAtStore ? 0 : overhead);
    ++taken_;
    waiting_.push_back({std::move(download), binding});
    return waiting_.back().download.charge;
}

std::optional<DownloadQueue::Waiting> DownloadQueue::next() {
    if (waiting_.empty() || at_store_ == kAtStore)
        return std::nullopt;
    ++at_store_;
    Waiting first = std::move(waiting_.front());
    waiting_.pop_front();
    return first;
}

void DownloadQueue::on_over() {
    REALMSYNC_ASSERT(at_store_ > 0);
    --at_store_;
    ++over_;
}

std::uint64_t DownloadQueue::drop() {
    std::uint64_t charged = 0;
    for (const Waiting& waiting : waiting_)
        charged += waiting.download.charge;
    waiting_.clear();
    return charged;
}

} // namespace realmsync::client
