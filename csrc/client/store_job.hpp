// Work on a realm file that a session asks for and the runtime has done on a worker thread. The
// functions here are the whole of what happens there: they know no session.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "client/failure.hpp"
#include "client/store.hpp"
#include "wire/error_code.hpp"

namespace realmsync::client {

struct DownloadLimits {
    std::uint64_t bytes = 0;        // of the body, inflated
    std::uint64_t parsed_bytes = 0; // of memory of one parsed changeset
    std::uint64_t part_bytes = 0;   // the same of those that are integrated together
};

// A DOWNLOAD whose head has been checked; the body is looked at by the worker.
struct ReceivedDownload {
    std::shared_ptr<const std::string> body_bytes;
    bool compressed = false;
    std::uint64_t uncompressed_size = 0;
    wire::SyncProgress progress;
    wire::DownloadCursor previous; // cursor before this message: where its entries begin
    std::uint64_t downloadable_bytes = 0;
    std::uint64_t own_ident = 0;
    DownloadLimits limits;
    std::uint64_t charge = 0; // its part of the connection's backlog
};

struct ReadState {
    bool is_first; // of its session: what only a reset changes is asked for, too
};
struct StoreIdent {
    wire::FileIdent file;
};
struct FetchUpload {
    wire::UploadCursor from;
    UploadLimits limits;
};
using StoreTask = std::variant<ReadState, StoreIdent, ReceivedDownload, FetchUpload>;

struct StateRead {
    ClientState state;
    bool has_reset;
};
struct IdentStored {
    ClientState state;
};
struct Integrated {
    ClientState state;
};
// The bytes were a DOWNLOAD, but what they say cannot be integrated. Told to the server.
struct IntegrationFailed {
    wire::Code code; // bad_changeset, bad_progress or other_session_error
    std::string message;
};
// An earlier DOWNLOAD of the binding has failed, so this one was not looked at.
struct IntegrationSkipped {};
// Which of them, in their order in StoreTask.
enum class StoreWork : std::uint8_t { read_state, store_ident, integrate, fetch_upload };
// The machine failed. That is this client's own trouble, of which the server is told nothing.
struct StoreFailed {
    StoreWork work;
    bool may_pass; // disk full, file locked: another try may succeed
    std::string message;
};
using StoreOutcome = std::variant<StateRead, IdentStored, PendingUpload, Integrated, Violation,
                                  TooLarge, IntegrationFailed, IntegrationSkipped, StoreFailed>;

// The session that asks, in one of its bindings.
struct SessionRef {
    std::uint64_t connection;
    std::uint64_t session; // ident
    std::uint64_t binding;
};
struct StoreJob {
    std::uint64_t sync_session; // whose file
    SessionRef from;
    StoreTask task;
};
struct StoreResult {
    std::uint64_t sync_session; // whose job it was
    SessionRef to;
    std::uint64_t charge; // of a received DOWNLOAD, which is over now
    StoreOutcome outcome;
    // The file's, when a DOWNLOAD failed of which parts may have been integrated.
    std::optional<ClientState> state = {};
};

// Does the work. Never throws: failures of the machine become a StoreFailed, and what else comes
// while a DOWNLOAD is integrated an IntegrationFailed. While `stop` is set, integration ends soon,
// with an outcome that nobody may look at.
StoreResult run(StoreJob job, ClientStore& store, const std::atomic<bool>* stop = nullptr);

} // namespace realmsync::client
