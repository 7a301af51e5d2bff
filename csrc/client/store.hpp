// What the client engine needs of a client's realm file, as an interface, which realm_file.cpp
// implements on SQLite. Calls may block; the runtime makes them on worker threads, one at a time
// per file. They throw StoreError where the machine fails; that a changeset is bad they return.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "changeset/instruction.hpp"
#include "client/received.hpp"
#include "client/subscriptions.hpp"
#include "wire/body.hpp"
#include "wire/cursor.hpp"

namespace realmsync::client {

class DownloadReader; // download.hpp

// One consistent snapshot of what a session needs to know (client-session.md 6.1, 15.2).
struct ClientState {
    wire::FileIdent file;
    wire::SyncProgress progress;
    // Newest snapshot; a file without any commit is at version 1, its first commit makes 2, and
    // every commit and every integration, progress-only ones included, adds one.
    std::uint64_t current_version = 1;
    // The acknowledged upload cursor's version, advanced over the following history entries that
    // need no upload (empty or of remote origin). Equal to current_version: nothing is unsent.
    std::uint64_t uploaded_version = 0;
    std::uint64_t uploaded_bytes = 0;
    std::uint64_t uploadable_bytes = 0;
    std::uint64_t downloaded_bytes = 0;
    // As the last DOWNLOAD said: still to come; of flexible sync its estimate times kWholeEstimate.
    std::uint64_t downloadable_bytes = 0;
    // Of flexible sync:
    std::optional<Subscriptions> subscriptions = {};
    std::uint64_t pending_bytes = 0; // of a bootstrap that has come in part, or is not applied yet
};
inline constexpr std::uint64_t kWholeEstimate = 10'000; // of 1.0

struct IncomingChangeset { // of a DOWNLOAD, parsed
    std::uint64_t server_version = 0;
    std::uint64_t client_version = 0; // base: newest version of this client integrated before
    std::uint64_t origin_timestamp = 0;
    std::uint64_t origin_file_ident = 0;
    std::uint64_t original_size = 0;
    changeset::Changeset changeset;
};

struct Integration {
    std::vector<IncomingChangeset> changesets; // may be empty: progress alone
    wire::SyncProgress progress;
    std::uint64_t downloadable_bytes = 0;
    const std::atomic<bool>* stop = nullptr; // when it is set, an error is as good as an end
};

struct UploadLimits {
    std::uint64_t soft_bytes = 0; // stop adding changesets once reached
    std::uint64_t hard_bytes = 0; // never reached by adding one more than the first
};

// Where an UPLOAD begins. Of flexible sync with the version of the last set that was sent: what was
// written under it goes out before the next one (flexible-sync.md 5.8).
struct UploadStart {
    wire::UploadCursor cursor;
    std::optional<std::int64_t> sent_query = {};
};

struct PendingQuery {
    std::int64_t version = 0;
    std::string body; // as in the message (flexible-sync.md 4)
};

struct PendingUpload {
    wire::PackedBody body;                  // entries of local, non-empty changesets, in order
    std::size_t changesets = 0;             // entries in it; 0: only the cursor moves
    wire::UploadCursor progress;            // cursor after this message (wire-protocol.md 8.4)
    std::optional<PendingQuery> query = {}; // to be sent behind it
};

// Told of local commits once they can be read, on the committing thread, which has the writer's
// turn: nobody may wait for that here.
class CommitListener {
  public:
    virtual ~CommitListener() = default;
    virtual void on_commit(std::uint64_t version) = 0;
};

class ClientStore {
  public:
    virtual ~ClientStore() = default;

    virtual ClientState state() = 0;
    // Whether the file was reset and the server does not know all of it yet
    // (client-session.md 13.5).
    virtual bool has_reset() = 0;
    // Stores ident and salt; both client versions of the cursors restart at 0
    // (client-session.md 15.3).
    virtual ClientState store_ident(const wire::FileIdent& file) = 0;
    // Rebases, applies and stores a DOWNLOAD or a part of one with its progress, durable on return.
    // On error (bad_changeset, transform, bad_progress) the file is as before.
    virtual Result<ClientState> integrate(Integration integration) = 0;
    // The next UPLOAD after `from`, read from one snapshot.
    virtual PendingUpload fetch_upload(const UploadStart& from, const UploadLimits& limits) = 0;

    // Flexible sync: flexible-sync.md 3.4 for sets, 7.3 to 7.5 for what is kept of bootstraps.
    // The body of the active set, for IDENT.
    virtual PendingQuery active_query() = 0;
    // Keeps a part of a bootstrap or, with the last one, applies all of it in one commit. Errors as
    // of integrate(); bad_message for a version that cannot have one; limit_exceeded for a
    // changeset that is too large. `body` is the part's.
    virtual Result<ClientState> take_bootstrap(const ReceivedDownload& part, DownloadReader& body,
                                               const std::atomic<bool>* stop) = 0;
    // Applies one that has come as a whole, forgets one that has not.
    virtual ClientState resume_bootstrap(const DownloadLimits& limits,
                                         const std::atomic<bool>* stop) = 0;
    // The transitions of QUERY_ERROR and of a completed download. Error: bad_message.
    virtual Result<ClientState> reject_set(std::int64_t version, const std::string& message) = 0;
    virtual ClientState complete_set(std::int64_t version) = 0;

    virtual void add_listener(std::weak_ptr<CommitListener> listener) = 0;
};

} // namespace realmsync::client
