// Work on a realm file that a session asks for and the runtime has done on a worker thread. The
// functions here are the whole of what happens there: they know no session.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "client/store.hpp"
#include "tuning.hpp"

namespace realmsync::client {

// A DOWNLOAD whose head has been checked; the body is looked at by the worker.
struct ReceivedDownload {
    std::shared_ptr<const std::string> body_bytes;
    bool compressed = false;
    std::uint64_t uncompressed_size = 0;
    wire::SyncProgress progress;
    wire::DownloadCursor previous; // cursor before this message: where its entries begin
    std::uint64_t downloadable_bytes = 0;
    std::uint64_t own_ident = 0;
    std::uint64_t size_limit = 0; // of the inflated body
};

struct ReadState {};
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
};
struct IdentStored {
    ClientState state;
};
struct Integrated {
    ClientState state;
};
struct IntegrationFailed {
    std::int32_t code = 0; // 212, 233, 201: told to the server; 0: the peer broke the protocol
    std::string message;
};
// An earlier DOWNLOAD of the binding has failed, so this one was not looked at.
struct IntegrationSkipped {};
struct StoreFault { // the machine failed: disk full, file gone
    std::string message;
};
using StoreOutcome = std::variant<StateRead, IdentStored, Integrated, IntegrationFailed,
                                  IntegrationSkipped, PendingUpload, StoreFault>;

struct StoreJob {
    std::uint64_t sync_session; // whose file
    std::uint64_t session;      // ident of the protocol session that asks
    std::uint64_t binding;      // and its binding
    StoreTask task;
};
struct StoreResult {
    std::uint64_t session;
    std::uint64_t binding;
    std::uint64_t size; // bytes of the received body, for the backlog
    StoreOutcome outcome;
};

// Does the work. Never throws: what the store throws becomes a StoreFault.
StoreResult run(StoreJob job, ClientStore& store);

} // namespace realmsync::client
