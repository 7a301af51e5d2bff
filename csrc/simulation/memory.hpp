// The server's store in memory, for tests and simulation: the same rules for cursors, idents and
// pages as partition_db.cpp, histories without typed tables, and faults on demand. What a client
// file may see is decided in the terms of server/store.hpp; nothing is durable beyond the process.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "merge/transform.hpp"
#include "server/store.hpp"

namespace realmsync::simulation {

struct MemoryEntry {
    std::int64_t salt = 0;
    std::uint64_t file_ident = 0; // of the client it came from
    std::uint64_t client_version = 0;
    std::uint64_t timestamp = 0;
    std::string changeset;          // as others see it; empty when nothing is left of it
    std::uint64_t bytes_so_far = 0; // of all changesets up to this one
};

struct MemoryFile {
    std::int64_t salt = 0;
    std::string user_id;
    wire::UploadCursor stored;
    std::uint64_t locked_server_version = 0;
    wire::UploadCursor acknowledged;     // stored cursor as of the last append with changesets
    std::uint64_t acknowledged_head = 0; // head it produced
    std::map<std::uint64_t, std::string> reciprocals;
};

struct MemoryPartition {
    std::vector<std::shared_ptr<const MemoryEntry>> entries; // of versions 1, 2, ...
    std::map<std::uint64_t, MemoryFile> files;
    std::uint64_t next_ident = 2;

    std::uint64_t head() const { return entries.size(); }
    std::int64_t salt_of(std::uint64_t version) const {
        return version == 0 ? 0 : entries[version - 1]->salt;
    }
};

// What survives a crash of the server: several stores may be opened on one after another.
struct MemoryState {
    std::mutex mutex;
    std::map<server::PartitionId, std::shared_ptr<const MemoryPartition>> partitions; // committed
    std::map<std::pair<std::string, std::string>, server::PartitionId> ids;
    std::uint64_t seed = 0;
    // Faults, one-shot
    enum class CommitFault : int { none, lost, unanswered }; // unanswered: stored, but throws
    std::atomic<CommitFault> commit_fault{CommitFault::none};
    std::atomic<bool> page_fault{false};
    std::atomic<bool> append_fault{false};

    // A copy of what is committed, as a backup would be.
    std::shared_ptr<MemoryState> copy();
};

class MemoryStore : public server::ServerStore {
  public:
    explicit MemoryStore(std::shared_ptr<MemoryState> state,
                         merge::Profile profile = merge::Profile::safe);

    void begin() override;
    void commit() override;
    void rollback() override;
    server::OpenedPartition open_partition(std::string_view app_id, std::string_view key) override;
    wire::FileIdent allocate_ident(server::PartitionId partition,
                                   std::string_view user_id) override;
    std::variant<server::BoundFile, server::Refusal>
    bind(server::PartitionId partition, const server::BindRequest& request) override;
    std::variant<server::Appended, server::Refusal> append(server::PartitionId partition,
                                                           server::AppendRequest request) override;
    server::Page fetch_page(const server::PageRequest& request) override;

  private:
    const MemoryPartition& read(server::PartitionId id);
    MemoryPartition& write(server::PartitionId id); // a copy that commit() makes the truth
    std::int64_t random_salt();

    const std::shared_ptr<MemoryState> state_;
    const merge::Profile profile_;
    std::mt19937_64 random_;
    std::map<server::PartitionId, std::shared_ptr<MemoryPartition>> changed_;
    std::map<std::pair<std::string, std::string>, server::PartitionId> ids_; // of this transaction
};

} // namespace realmsync::simulation
