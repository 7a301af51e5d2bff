#include "realm/integrating.hpp"

#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "changeset/codec.hpp"
#include "realm/local_history.hpp"
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

const char* progress_fault(const client::ClientState& state, const wire::SyncProgress& next) {
    const wire::SyncProgress& old = state.progress;
    if (next.download.server_version < old.download.server_version ||
        next.download.client_version < old.download.client_version)
        return "the download cursor decreases";
    if (next.upload.client_version < old.upload.client_version ||
        next.upload.server_version < old.upload.server_version)
        return "the upload cursor decreases";
    if (next.latest.version < old.latest.version)
        return "the latest server version decreases";
    if (next.download.client_version > state.current_version ||
        next.upload.client_version > state.current_version)
        return "a cursor is ahead of this client's history";
    if (!wire::is_consistent(next.download) || !wire::is_consistent(next.upload))
        return "a cursor contradicts itself";
    return nullptr;
}

// What fails is told with its stage.
template <class F> void in_stage(const char* stage, const F& run) {
    try {
        run();
    } catch (const ErrorException& e) {
        Error error = e.error();
        error.message = std::string("Failed to ") + stage + " received changeset: " + error.message;
        throw ErrorException(std::move(error));
    }
}

} // namespace

Integrating::Integrating(RealmConnection& connection, const std::atomic<bool>* stop)
    : connection_(connection), state_(local_history::load(connection.db)),
      work_(Work::kUnlimited, stop), watch_(connection.db, work_) {}

// The guard of the durable state, whoever calls and whatever was stored since. The session has
// checked the same cursors before (client/session_receive.cpp:header_fault), but against what it
// had received until then, so that it can end the connection with a message before anything is
// merged.
void Integrating::check(const wire::SyncProgress& next) const {
    if (const char* fault = progress_fault(state_, next))
        raise(ErrorKind::bad_progress, std::string("bad progress: ") + fault);
}

void Integrating::apply(std::span<client::IncomingChangeset> changesets) {
    if (changesets.empty())
        return;
    LocalWindow window(connection_.db, state_.file.ident);
    if (merge_ && merge_->base() > changesets.front().client_version) {
        merge_->store_reciprocals(window);
        merge_.reset();
    }
    if (!merge_)
        merge_ = std::make_unique<merge::Transformer>(merge::Profile::strict);
    std::vector<merge::Incoming> incoming;
    for (client::IncomingChangeset& c : changesets) {
        incoming.push_back(
            {c.client_version, {c.origin_timestamp, c.origin_file_ident}, &c.changeset});
        state_.downloaded_bytes += c.original_size;
    }
    in_stage("transform", [&] { value_or_throw(merge_->transform(window, incoming, work_)); });
    in_stage("apply", [&] {
        tables::Applier applier(connection_.tables, tables::kOnlyPartition, work_);
        for (const client::IncomingChangeset& c : changesets)
            applier.apply(c.changeset);
        applier.flush();
    });
    const client::IncomingChangeset& last = changesets.back();
    last_.server_version = last.server_version;
    last_.origin_file_ident = last.origin_file_ident;
    last_.origin_timestamp = last.origin_timestamp;
}

client::ClientState Integrating::finish(const wire::SyncProgress& progress,
                                        std::uint64_t downloadable) {
    sqlite::Database& db = connection_.db;
    check(progress); // no cursor goes back
    if (merge_) {
        LocalWindow window(db, state_.file.ident);
        merge_->store_reciprocals(window);
    }
    local_history::Entry entry;
    entry.version = ++state_.current_version;
    entry.remote_version = progress.download.server_version;
    entry.origin_ident = state_.file.ident;
    if (last_.server_version != 0) {
        entry.remote_version = last_.server_version;
        entry.origin_ident = last_.origin_file_ident;
        entry.origin_timestamp = last_.origin_timestamp;
    }
    state_.downloadable_bytes = downloadable;
    state_.uploaded_bytes += local_history::local_bytes(db, state_.progress.upload.client_version,
                                                        progress.upload.client_version);
    state_.progress = progress;
    local_history::store(db, state_);
    local_history::append(db, entry);
    local_history::trim(db, progress.download.client_version);
    return local_history::load(db); // with the uploaded version
}

} // namespace realmsync::realm
