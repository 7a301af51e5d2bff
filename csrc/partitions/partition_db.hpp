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

namespace realmsync::partitions {

class PartitionDb : public server::ServerStore {
  public:
    // Opens or creates `directory`, which no other server may use meanwhile. Throws StoreError.
    explicit PartitionDb(const std::string& directory,
                         sqlite::Durability durability = sqlite::Durability::full,
                         const StoreTuning& tuning = {},
                         merge::Profile profile = merge::Profile::safe);
    ~PartitionDb() override;

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
        Reader(const std::string& path, const sqlite::DatabaseOptions& options)
            : db(path, options) {}
        sqlite::Database db;
    };
    class ReaderLease;

    // partition_db.cpp
    Partition& partition(server::PartitionId id); // throws std::invalid_argument if there is none
    Staged& stage(server::PartitionId id);
    const Head& head(server::PartitionId id); // the writer's view
    void publish();
    void evict();
    static std::optional<Head> load_head(sqlite::Database& db, server::PartitionId id);
    void require_transaction() const;
    // bind.cpp
    std::optional<ClientFile> find_file(server::PartitionId id,
                                        std::uint64_t ident); // the writer's view
    std::optional<std::int64_t> find_salt(server::PartitionId id, std::uint64_t version);
    // append.cpp
    std::variant<server::Appended, server::Refusal> append_all(server::PartitionId id,
                                                               server::AppendRequest& request,
                                                               ClientFile& file, Staged& staged);
    void cover_runs(server::PartitionId id, std::uint64_t base);
    std::vector<HistoryEntry> foreign_entries(server::PartitionId id, std::uint64_t base,
                                              std::uint64_t file, const Staged& staged);
    void insert_history(server::PartitionId id, const HistoryEntry& entry,
                        std::uint64_t client_base);
    // page.cpp
    struct Scan;
    std::optional<Scan> scan_memory(const server::PageRequest& request);
    Scan scan_tables(const server::PageRequest& request);

    const StoreTuning tuning_;
    const merge::Profile profile_;
    OwnerLock lock_;
    const std::string path_;
    sqlite::Database db_; // the writer's connection
    tables::Tables tables_;

    // The writer's alone.
    std::optional<sqlite::Transaction> transaction_;
    std::int64_t salt_ = 0;   // of all versions of the open transaction
    std::int64_t now_ms_ = 0; // when it began
    std::uint64_t transactions_ = 0;
    std::unordered_map<server::PartitionId, Staged> staged_;
    WindowCache windows_;
    std::unordered_map<std::string, server::PartitionId> ids_;         // by app id, NUL, key
    std::vector<std::pair<std::string, server::PartitionId>> created_; // by the open transaction

    // Changed by the writer, read by all.
    mutable std::mutex mutex_;
    std::unordered_map<server::PartitionId, std::unique_ptr<Partition>> partitions_;

    std::mutex readers_mutex_;
    std::vector<std::unique_ptr<Reader>> readers_; // idle ones
};

} // namespace realmsync::partitions
