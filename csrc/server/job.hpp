// What the server engine asks of storage and what comes back. The runtime runs writer jobs in
// order, many in one transaction, and hands their outcomes back only after the commit; page jobs
// run beside them (server-behaviour.md 19.2, 19.10).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "server/store.hpp"
#include "server/upload.hpp"
#include "wire/message.hpp"

namespace realmsync::server {

using ConnectionId = std::uint64_t;

// Names one binding for ever: session idents are reused, `binding` is not.
struct SessionRef {
    ConnectionId connection = 0;
    std::uint64_t session = 0;
    std::uint64_t binding = 0;
};

// Writer jobs
struct OpenPartition {
    std::uint64_t handle = 0; // the engine's name of the partition, known before its id is
    std::string app_id;
    std::string key;
};
struct AllocateIdent {
    SessionRef to;
    std::uint64_t handle = 0;
    PartitionId partition = 0;
    std::string user_id;
};
struct Bind {
    SessionRef to;
    std::uint64_t handle = 0;
    PartitionId partition = 0;
    BindRequest request;
};
struct Append {
    SessionRef to;
    std::uint64_t handle = 0;
    PartitionId partition = 0;
    std::uint64_t file_ident = 0;
    std::uint64_t bytes = 0; // charged to the backlog
    UploadTask task;
};
using WriterJob = std::variant<OpenPartition, AllocateIdent, Bind, Append>;
inline std::uint64_t handle_of(const WriterJob& job) {
    return std::visit([](const auto& j) { return j.handle; }, job);
}

// Reader job
struct FetchPage {
    SessionRef to;
    std::uint64_t handle = 0;
    PageRequest request;
};
using Job = std::variant<WriterJob, FetchPage>;

// Outcomes
struct PartitionOpened {
    std::uint64_t handle = 0;
    OpenedPartition partition;
};
struct IdentAllocated {
    SessionRef to;
    std::uint64_t handle = 0;
    wire::FileIdent file;
};
struct FileBound {
    SessionRef to;
    std::uint64_t handle = 0;
    std::uint64_t file_ident = 0;
    std::variant<BoundFile, Refusal> result;
};
struct UploadDone {
    SessionRef to;
    std::uint64_t handle = 0;
    std::uint64_t bytes = 0;    // given back to the backlog
    std::size_t changesets = 0; // integrated
    std::variant<Appended, UploadFault> result;
};
struct PageFetched {
    SessionRef to;
    std::uint64_t handle = 0;
    Page page;
};
// The job could not be done for reasons of the machine; whether it took effect is unknown.
struct JobFailed {
    Job job; // an upload without its bytes
    std::string message;
};
using Outcome =
    std::variant<PartitionOpened, IdentAllocated, FileBound, UploadDone, PageFetched, JobFailed>;

} // namespace realmsync::server
