// What the client engine needs of a client's realm file, as an interface, which realm_file.cpp
// implements on SQLite. Calls may block; the runtime makes them on worker threads, one at a time
// per file. They throw StoreError where the machine fails; that a changeset is bad they return.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.hpp"
#include "changeset/instruction.hpp"
#include "wire/body.hpp"
#include "wire/cursor.hpp"

namespace realmsync::client {

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
    std::uint64_t downloadable_bytes = 0; // as the last DOWNLOAD said: still to come
};

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

struct PendingUpload {
    wire::PackedBody body;       // entries of local, non-empty changesets, in order
    std::size_t changesets = 0;  // entries in it; 0: only the cursor moves
    wire::UploadCursor progress; // cursor after this message (wire-protocol.md 8.4)
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
    virtual PendingUpload fetch_upload(const wire::UploadCursor& from,
                                       const UploadLimits& limits) = 0;
    virtual void add_listener(std::weak_ptr<CommitListener> listener) = 0;
};

} // namespace realmsync::client
