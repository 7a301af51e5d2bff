// The server's durable state: all partitions of one data directory in one SQLite database, written
// by one thread in group commits and read beside it (server-behaviour.md 6.4, 7.4, 8, 19). SQL is
// the truth; what is kept in memory are copies of committed rows that spare reading them, and the
// changes of the open transaction. Opening and transactions are in partition_db.cpp, accepting
// clients in bind.cpp, uploads in append.cpp, downloads in page.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "merge/transform.hpp"
#include "partitions/client_file.hpp"
#include "partitions/history.hpp"
#include "partitions/owner_lock.hpp"
#include "partitions/window_cache.hpp"
#include "server/store.hpp"
#include "sqlite/sqlite.hpp"
#include "tables/tables.hpp"
#include "tuning.hpp"

namespace realmsync::store {

class PartitionDb : public ServerStore {
  public:
    // Opens or creates `directory`, which no other server may use meanwhile. Throws StoreError.
    explicit PartitionDb(const std::string& directory, Durability durability = Durability::full,
                         const StoreTuning& tuning = {},
                         merge::Profile profile = merge::Profile::safe);
    ~PartitionDb() override;

    void begin() override;
    void commit() override;
    void rollback() override;
    OpenedPartition open_partition(std::string_view app_id, std::string_view key) override;
    wire::FileIdent allocate_ident(PartitionId partition, std::string_view user_id) override;
    std::variant<BoundFile, Refusal> bind(PartitionId partition,
                                          const BindRequest& request) override;
    std::variant<Appended, Refusal> append(PartitionId partition, AppendRequest request) override;
    Page fetch_page(const PageRequest& request) override;

    std::size_t cached_bytes() const; // of the copies in memory, about

  private:
    friend class FileWindow;

    struct Head { // rs_head
        std::uint64_t version = 0;
        std::int64_t salt = 0;
        std::uint64_t base_version = 0;
        std::int64_t base_salt = 0;
        std::uint64_t cumulative_bytes = 0;
        std::uint64_t base_cumulative = 0;
    };
    struct Partition { // copies of committed rows; may be dropped at any time
        explicit Partition(const Head& h) : head(h), runs(h.version) {}

        Head head;
        HistoryTail tail;
        OriginRuns runs; // the writer's alone, ahead of `head` by the staged entries
        std::unordered_map<std::uint64_t, ClientFile> files;
        std::string name;            // key in ids_, empty if not opened by name
        std::uint64_t last_used = 0; // number of the transaction
        std::size_t memory() const;
    };
    struct Staged { // changes of the open transaction to one partition; the writer's alone
        Head head;
        std::vector<HistoryEntry> entries;
        std::unordered_map<std::uint64_t, ClientFile> files;
    };
    struct Reader {
        Reader(const std::string& path, const DatabaseOptions& options) : db(path, options) {}
        Database db;
    };
    class ReaderLease;

    // partition_db.cpp
    Partition& partition(PartitionId id); // throws std::invalid_argument if there is none
    Staged& stage(PartitionId id);
    const Head& head(PartitionId id); // the writer's view
    void publish();
    void evict();
    static std::optional<Head> load_head(Database& db, PartitionId id);
    void require_transaction() const;
    // bind.cpp
    std::optional<ClientFile> find_file(PartitionId id, std::uint64_t ident); // the writer's view
    std::optional<std::int64_t> find_salt(PartitionId id, std::uint64_t version);
    // append.cpp
    std::variant<Appended, Refusal> append_all(PartitionId id, AppendRequest& request,
                                               ClientFile& file, Staged& staged);
    void cover_runs(PartitionId id, std::uint64_t base);
    std::vector<HistoryEntry> foreign_entries(PartitionId id, std::uint64_t base,
                                              std::uint64_t file, const Staged& staged);
    void insert_history(PartitionId id, const HistoryEntry& entry, std::uint64_t client_base);
    // page.cpp
    struct Scan;
    std::optional<Scan> scan_memory(const PageRequest& request);
    Scan scan_tables(const PageRequest& request);

    const StoreTuning tuning_;
    const merge::Profile profile_;
    OwnerLock lock_;
    const std::string path_;
    Database db_; // the writer's connection
    Tables tables_;

    // The writer's alone.
    std::optional<Transaction> transaction_;
    std::int64_t salt_ = 0;   // of all versions of the open transaction
    std::int64_t now_ms_ = 0; // when it began
    std::uint64_t transactions_ = 0;
    std::unordered_map<PartitionId, Staged> staged_;
    WindowCache windows_;
    std::unordered_map<std::string, PartitionId> ids_;         // by app id, NUL, key
    std::vector<std::pair<std::string, PartitionId>> created_; // by the open transaction

    // Changed by the writer, read by all.
    mutable std::mutex mutex_;
    std::unordered_map<PartitionId, std::unique_ptr<Partition>> partitions_;

    std::mutex readers_mutex_;
    std::vector<std::unique_ptr<Reader>> readers_; // idle ones
};

} // namespace realmsync::store
