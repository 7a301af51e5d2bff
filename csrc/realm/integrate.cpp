// RealmFile::integrate: rebases, applies and stores one DOWNLOAD (merge-rules.md 7.3).
#include <algorithm>

#include "base/assert.hpp"
#include "changeset/codec.hpp"
#include "merge/transform.hpp"
#include "realm/local_history.hpp"
#include "realm/realm_file.hpp"
#include "tables/apply.hpp"

namespace realmsync::realm {

namespace {

// The local changesets that the server had not seen, as it sees them.
class LocalWindow final : public merge::Window {
  public:
    LocalWindow(sqlite::Database& db, std::uint64_t ident) : db_(db), ident_(ident) {}

    std::vector<merge::WindowEntry> entries_after(std::uint64_t base) override {
        std::vector<merge::WindowEntry> entries;
        local_history::local_changes(
            db_, base, [&](std::uint64_t version, std::uint64_t timestamp, auto bytes) {
                entries.push_back(
                    {.version = version,
                     .origin = {timestamp, ident_},
                     .changeset = value_or_throw(changeset::parse(std::move(bytes)))});
            });
        return entries;
    }

    void store_reciprocal(const merge::WindowEntry& entry, std::string_view bytes) override {
        db_.run("INSERT INTO rs_reciprocal(version, changeset) VALUES(?, ?) "
                "ON CONFLICT(version) DO UPDATE SET changeset = excluded.changeset",
                entry.version, sqlite::Blob{bytes});
    }

  private:
    sqlite::Database& db_;
    const std::uint64_t ident_;
};

// The guard of the durable state: no cursor goes back, none points beyond this file's history,
// whoever calls and whatever was stored since. The session has checked the same cursors before
// (client/session.cpp:header_fault), but against what it had received until then, so that it can
// end the connection with a message before anything is merged.
std::optional<Error> check_progress(const client::ClientState& state,
                                    const wire::SyncProgress& next) {
    const wire::SyncProgress& old = state.progress;
    const char* fault = nullptr;
    if (next.download.server_version < old.download.server_version ||
        next.download.client_version < old.download.client_version)
        fault = "the download cursor decreases";
    else if (next.upload.client_version < old.upload.client_version ||
             next.upload.server_version < old.upload.server_version)
        fault = "the upload cursor decreases";
    else if (next.latest.version < old.latest.version)
        fault = "the latest server version decreases";
    else if (next.download.client_version > state.current_version ||
             next.upload.client_version > state.current_version)
        fault = "a cursor is ahead of this client's history";
    else if (!wire::is_consistent(next.download) || !wire::is_consistent(next.upload))
        fault = "a cursor contradicts itself";
    if (!fault)
        return std::nullopt;
    return Error{ErrorKind::bad_progress, std::string("bad progress: ") + fault};
}

void store_progress(sqlite::Database& db, client::ClientState& state,
                    const wire::SyncProgress& progress) {
    REALMSYNC_ASSERT(!check_progress(state, progress)); // no cursor goes back
    state.uploaded_bytes += local_history::local_bytes(db, state.progress.upload.client_version,
                                                       progress.upload.client_version);
    state.progress = progress;
}

// Rebases and applies changesets [first, end) with recording off. The message says which stage
// failed.
void apply_slice(RealmConnection& connection, merge::Transformer& transformer, LocalWindow& window,
                 std::vector<client::IncomingChangeset>& changesets, std::size_t first,
                 std::size_t end, Work& work) {
    std::vector<merge::Incoming> incoming;
    for (std::size_t i = first; i < end; ++i) {
        client::IncomingChangeset& c = changesets[i];
        incoming.push_back(
            {c.client_version, {c.origin_timestamp, c.origin_file_ident}, &c.changeset});
    }
    auto transformed = transformer.transform(window, incoming, work);
    if (!transformed) {
        Error error = transformed.error();
        error.message = "Failed to transform received changeset: " + error.message;
        throw ErrorException(std::move(error));
    }
    try {
        tables::Applier applier(connection.tables, tables::kOnlyPartition, work);
        for (std::size_t i = first; i < end; ++i)
            applier.apply(changesets[i].changeset);
        applier.flush();
    } catch (const ErrorException& e) {
        Error error = e.error();
        error.message = "Failed to apply received changeset: " + error.message;
        throw ErrorException(std::move(error));
    }
}

} // namespace

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
    sqlite::Database& db = connection.db;
    auto& changesets = integration.changesets;
    state = local_history::load(db);
    if (auto fault = check_progress(state, integration.progress))
        throw ErrorException(std::move(*fault));
    LocalWindow window(db, state.file.ident);
    Work work(Work::kUnlimited, integration.stop); // the server is trusted with what it costs
    const sqlite::Watch watch(db, work);
    std::unique_ptr<merge::Transformer> transformer;
    if (first < changesets.size())
        transformer = take_merge(state.progress.download, changesets[first].client_version);
    std::uint64_t bytes = 0; // in this transaction
    std::size_t done = first;
    // May end between any two changesets: those that wait have not been rebased yet, and what local
    // writers add meanwhile joins the window of the rest.
    while (done < changesets.size()) {
        if (done != first && bytes >= options_.tuning.slice_bytes && writer_queue_.has_waiters())
            break;
        std::size_t end = done;
        std::uint64_t slice = 0;
        while (end < changesets.size() && slice < options_.tuning.slice_bytes) {
            slice += changesets[end].original_size;
            state.downloaded_bytes += changesets[end].original_size;
            ++end;
        }
        apply_slice(connection, *transformer, window, changesets, done, end, work);
        bytes += slice;
        done = end;
    }
    REALMSYNC_ASSERT(done > first || changesets.size() == first); // every transaction moves on
    if (transformer)
        transformer->store_reciprocals(window);
    wire::SyncProgress progress = integration.progress;
    local_history::Entry entry;
    entry.remote_version = progress.download.server_version;
    entry.origin_ident = state.file.ident;
    if (done > first) {
        const client::IncomingChangeset& last = changesets[done - 1];
        entry.remote_version = last.server_version;
        entry.origin_ident = last.origin_file_ident;
        entry.origin_timestamp = last.origin_timestamp;
        if (done < changesets.size())
            progress.download = {last.server_version, last.client_version};
    }
    entry.version = ++state.current_version;
    state.downloadable_bytes = integration.downloadable_bytes;
    store_progress(db, state, progress);
    local_history::store(db, state);
    local_history::append(db, entry);
    local_history::trim(db, progress.download.client_version);
    state = local_history::load(db); // with the uploaded version
    if (transformer)
        keep_merge(std::move(transformer), state.progress.download);
    return done;
}

std::unique_ptr<merge::Transformer> RealmFile::take_merge(const wire::DownloadCursor& cursor,
                                                          std::uint64_t base) {
    auto merge = std::move(merge_);
    if (!merge || merge_cursor_ != cursor || merge->base() > base)
        merge = std::make_unique<merge::Transformer>(merge::Profile::strict);
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
