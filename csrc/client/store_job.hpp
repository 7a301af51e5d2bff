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
#include "client/received.hpp"
#include "client/store.hpp"
#include "wire/error_code.hpp"

namespace realmsync::client {

struct ReadState {
    bool is_first; // of its session: what only a reset changes is asked for, too
};
struct StoreIdent {
    wire::FileIdent file;
};
struct FetchUpload {
    UploadStart from;
    UploadLimits limits;
};
// Of flexible sync:
struct ResumeBootstrap { // before a binding: what the last one has left
    DownloadLimits limits;
};
struct ReadQuery {}; // the active one, for IDENT
struct CompleteSet { // all that the server had for it has come
    std::int64_t version;
};
struct RejectSet {
    std::int64_t version;
    std::string message;
};
using StoreTask = std::variant<ReadState, StoreIdent, ReceivedDownload, FetchUpload,
                               ResumeBootstrap, ReadQuery, CompleteSet, RejectSet>;

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
struct SetsChanged { // states of subscription sets
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
enum class StoreWork : std::uint8_t {
    read_state,
    store_ident,
    integrate,
    fetch_upload,
    resume_bootstrap,
    read_query,
    complete_set,
    reject_set,
};
// The machine failed. That is this client's own trouble, of which the server is told nothing.
struct StoreFailed {
    bool may_pass; // disk full, file locked: another try may succeed
    std::string message;
};
using StoreOutcome =
    std::variant<StateRead, IdentStored, PendingUpload, PendingQuery, Integrated, SetsChanged,
                 Violation, TooLarge, IntegrationFailed, IntegrationSkipped, StoreFailed>;

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
    StoreWork work;
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
