// RealmFile::integrate: rebases, applies and stores one DOWNLOAD (merge-rules.md 7.3).
#include <span>
#include <utility>

#include "base/assert.hpp"
#include "merge/transform.hpp"
#include "realm/integrating.hpp"
#include "realm/realm_file.hpp"

namespace realmsync::realm {

Result<client::ClientState> RealmFile::integrate(client::Integration integration) {
    client::ClientState state;
    std::size_t done = 0;
    const std::size_t count = integration.changesets.size();
    do {
        Writing writing(*this, writer_queue_.acquire());
        const std::size_t first = done;
        try {
            done = integrate_from(writing.connection(), integration, done, state);
        } catch (const ErrorException& e) {
            return e.error();
        }
        writing.commit(state.current_version, Commit::remote, [&](TouchedObjects& touched) {
            for (std::size_t i = first; i < done; ++i)
                touched.add(integration.changesets[i].changeset);
        });
    } while (done < count);
    return state;
}

std::size_t RealmFile::integrate_from(RealmConnection& connection, client::Integration& integration,
                                      std::size_t first, client::ClientState& state) {
    auto& changesets = integration.changesets;
    Integrating integrating(connection, integration.stop);
    integrating.check(integration.progress);
    if (first < changesets.size())
        integrating.use_merge(
            take_merge(integrating.state().progress.download, changesets[first].client_version));
    std::uint64_t bytes = 0; // in this transaction
    std::size_t done = first;
    // May end between any two versions: what waits has not been rebased yet, and what local writers
    // add meanwhile joins the window of the rest.
    const auto is_boundary = [&](std::size_t at) {
        return changesets[at].server_version != changesets[at - 1].server_version;
    };
    while (done < changesets.size()) {
        if (done != first && is_boundary(done) && bytes >= options_.tuning.slice_bytes &&
            writer_queue_.has_waiters())
            break;
        std::size_t end = done;
        std::uint64_t slice = 0;
        while (end < changesets.size() && slice < options_.tuning.slice_bytes)
            slice += changesets[end++].original_size;
        integrating.apply(std::span(changesets).subspan(done, end - done));
        bytes += slice;
        done = end;
    }
    REALMSYNC_ASSERT(done > first || changesets.size() == first); // every transaction moves on
    wire::SyncProgress progress = integration.progress;
    if (done < changesets.size())
        progress.download = {changesets[done - 1].server_version,
                             changesets[done - 1].client_version};
    state = integrating.finish(progress, integration.downloadable_bytes);
    cover_classes(connection, state.current_version);
    state = with_subscriptions(connection, std::move(state));
    if (auto merge = integrating.take_merge())
        keep_merge(std::move(merge), state.progress.download);
    return done;
}

std::unique_ptr<merge::Transformer> RealmFile::take_merge(const wire::DownloadCursor& cursor,
                                                          std::uint64_t base) {
    auto merge = std::move(merge_);
    if (merge && (merge_cursor_ != cursor || merge->base() > base))
        merge.reset();
    return merge;
}

void RealmFile::keep_merge(std::unique_ptr<merge::Transformer> merge,
                           const wire::DownloadCursor& cursor) {
    if (!merge->is_worth_keeping(options_.tuning.window_bytes))
        return;
    merge_ = std::move(merge);
    merge_cursor_ = cursor;
}

} // namespace realmsync::realm
