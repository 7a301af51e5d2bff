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

// Whose job it is, for those who share storage out: users have equal shares of their app's.
using Flow = std::uint64_t; // a number of the user
struct Owner {
    std::uint32_t app = 0; // a number of the app, from 0
    Flow flow = 0;
};

// Writer jobs
struct OpenPartition {
    std::uint64_t handle = 0; // the engine's name of the partition, known before its id is
    std::string app_id;
    std::string key;
    std::string user_id; // who creates it, if it is new
    Owner owner;
};
struct AllocateIdent {
    SessionRef to;
    std::uint64_t handle = 0;
    PartitionId partition = 0;
    std::string user_id;
    Owner owner;
};
struct Bind {
    SessionRef to;
    std::uint64_t handle = 0;
    PartitionId partition = 0;
    BindRequest request;
    std::uint64_t bytes = 0; // charged to the user's backlog, of flexible sync
    Owner owner;
    bool is_heavy = false; // as an upload's
};
struct Append {
    SessionRef to;
    std::uint64_t handle = 0;
    PartitionId partition = 0;
    std::uint64_t file_ident = 0;
    std::uint64_t bytes = 0; // charged to the user's backlog
    UploadTask task;
    Owner owner;
    bool is_heavy = false; // takes long: runs in a transaction of its own
    unsigned failures = 0; // of the machine, while it ran
};
struct Subscribe { // a QUERY of flexible sync: uploads behind it are judged by it
    SessionRef to;
    std::uint64_t handle = 0;
    PartitionId partition = 0;
    std::uint64_t file_ident = 0;
    Subscribing request;
    std::uint64_t bytes = 0; // charged to the user's backlog
    Owner owner;
    bool is_heavy = false; // as an upload's
};
struct Conclude { // the last part of a bootstrap is due
    SessionRef to;
    std::uint64_t handle = 0;
    PageRequest request;
    Owner owner;
};
struct BeginEarly { // what is next for a client file is too much for one DOWNLOAD
    SessionRef to;
    std::uint64_t handle = 0;
    PartitionId partition = 0;
    std::uint64_t file_ident = 0;
    std::uint64_t cursor = 0;             // server version
    std::shared_ptr<const Bootstrap> due; // after the history; null: none
    Owner owner;
};
struct NoteSeen { // the client file is bound yet
    std::uint64_t handle = 0;
    PartitionId partition = 0;
    std::uint64_t file_ident = 0;
    Owner owner;
};
struct Administer {           // for an operator
    std::uint64_t handle = 0; // of no partition
    std::uint64_t task = 0;   // by which he is answered
    std::string app_id;
    Administration what;
    Owner owner;
};
using WriterJob = std::variant<OpenPartition, AllocateIdent, Bind, Append, Subscribe, Conclude,
                               BeginEarly, NoteSeen, Administer>;
inline std::uint64_t handle_of(const WriterJob& job) {
    return std::visit([](const auto& j) { return j.handle; }, job);
}

inline Owner owner_of(const WriterJob& job) {
    return std::visit([](const auto& j) { return j.owner; }, job);
}

// Reader job
struct FetchPage {
    SessionRef to;
    std::uint64_t handle = 0;
    PageRequest request;
    Owner owner;
};
using Job = std::variant<WriterJob, FetchPage>;

// Outcomes
struct PartitionOpened {
    std::uint64_t handle = 0;
    std::string user_id; // for whom
    std::variant<OpenedPartition, Refusal> result;
};
struct IdentAllocated {
    SessionRef to;
    std::uint64_t handle = 0;
    std::variant<wire::FileIdent, Refusal> result;
};
struct FileBound {
    SessionRef to;
    std::uint64_t handle = 0;
    Flow user = 0;
    std::uint64_t bytes = 0; // given back to his backlog
    std::uint64_t file_ident = 0;
    std::variant<BoundFile, Refusal> result;
};
struct UploadDone {
    SessionRef to;
    std::uint64_t handle = 0;
    Flow user = 0;
    std::uint64_t bytes = 0;    // given back to his backlog
    std::size_t changesets = 0; // integrated
    std::variant<Appended, Refusal> result;
    bool is_last = true; // else the rest of the same upload will come back, too
};
struct SubscribeDone {
    SessionRef to;
    std::uint64_t handle = 0;
    Flow user = 0;
    std::uint64_t bytes = 0; // given back to his backlog
    std::int64_t query_version = 0;
    std::variant<Subscribed, BadQuery> result;
};
struct Concluded {
    SessionRef to;
    std::uint64_t handle = 0;
    std::shared_ptr<const Bootstrap> bootstrap;
    ConcludedBootstrap result;
};
struct BegunEarly {
    SessionRef to;
    std::uint64_t handle = 0;
    std::shared_ptr<const Bootstrap> bootstrap;
};
struct SeenNoted {
    std::uint64_t handle = 0;
};
struct AdministrationDone { // or a step of it
    Administer job;
    AdministrationResult result;
};
struct PageFetched {
    SessionRef to;
    std::uint64_t handle = 0;
    Page page;
};
// The job could not be done for reasons of the machine; whether it took effect is unknown.
enum class FailureScope : std::uint8_t {
    job,      // this one alone: memory, a limit of the store
    overload, // the disk is full: it will pass
    medium,   // nobody knows what is stored: only a restart can tell
};
struct JobFailed {
    Job job; // an upload without its bytes
    std::string message;
    FailureScope scope = FailureScope::job;
};
using Outcome =
    std::variant<PartitionOpened, IdentAllocated, FileBound, UploadDone, SubscribeDone, Concluded,
                 BegunEarly, SeenNoted, AdministrationDone, PageFetched, JobFailed>;

} // namespace realmsync::server
