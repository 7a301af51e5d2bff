// The history of all partitions in one SQLite database, written by one connection and read beside
// it by others (server-behaviour.md 19). Statements only: what they are for is partition_db.hpp's.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "partitions/history_store.hpp"
#include "partitions/owner_lock.hpp"
#include "partitions/sqlite_rows.hpp"
#include "sqlite/sqlite.hpp"
#include "tuning.hpp"

namespace realmsync::partitions {

// A base, so that it is given back when the connections of the others are closed.
struct Ownership {
    std::unique_ptr<OwnerLock> owner_lock; // none: nobody else can know the file
};

class SqliteHistory final : Ownership, public HistoryStore, public SqliteRows {
  public:
    // Opens or creates the database of `directory`, which no other server may use meanwhile.
    // Throws StoreError.
    static std::unique_ptr<SqliteHistory> in_directory(const std::string& directory,
                                                       sqlite::Durability durability,
                                                       const StoreTuning& tuning);
    // The same on a file of another VFS, which is the caller's alone.
    SqliteHistory(const std::string& path, const std::string& vfs, sqlite::Durability durability,
                  const StoreTuning& tuning);
    ~SqliteHistory() override;

    void begin() override;
    void commit() override;
    void rollback() override;
    void attempt(const std::function<bool()>& change, Work& work) override;
    bool in_transaction() const override { return db_.in_transaction(); }
    void touch() override;
    void read(const std::function<void(HistoryReader&)>& use) override;

    PartitionId find_partition(std::string_view app_id, std::string_view key) override;
    PartitionId create_partition(std::string_view app_id, std::string_view key,
                                 std::string_view user_id, std::int64_t now_ms) override;
    Usage usage(std::string_view user_id) override;
    std::vector<PartitionId> partitions() override;
    std::string partition_key(PartitionId id) override;

    std::optional<std::uint64_t> take_ident(PartitionId id) override;
    void insert_client_file(PartitionId id, std::uint64_t ident, const ClientFile& file) override;
    void update_client_file(PartitionId id, std::uint64_t ident, const ClientFile& file) override;

    std::vector<PartitionId> find_client_files(std::uint64_t ident) override;
    bool has_client_files() override;
    void order_reset(PartitionId id, std::uint64_t ident, int code) override;
    std::optional<int> ordered_reset(PartitionId id, std::uint64_t ident) override;
    std::optional<std::uint64_t> served_version(PartitionId id, std::uint64_t ident) override;
    void note_served_version(PartitionId id, std::uint64_t ident, std::uint64_t version) override;
    void drop_history(PartitionId id, int code) override;

    void insert_entry(PartitionId id, const HistoryEntry& entry, std::uint64_t client_base,
                      std::int64_t now_ms) override;
    void senders(PartitionId id, std::uint64_t first, std::uint64_t last,
                 const Sender& sender) override;
    void foreign_entries(PartitionId id, std::uint64_t first, std::uint64_t last,
                         std::uint64_t ident,
                         const std::function<void(HistoryEntry)>& take) override;

    void reciprocals(PartitionId id, std::uint64_t ident, std::uint64_t after,
                     const Reciprocal& take) override;
    void store_reciprocal(PartitionId id, std::uint64_t ident, std::uint64_t version,
                          std::string_view bytes) override;
    void drop_reciprocals(PartitionId id, std::uint64_t ident, std::uint64_t up_to) override;

    void fix_schema(bool is_fixed) override { tables_.catalog().fix(is_fixed); }
    void apply(PartitionId id, std::span<const server::UploadedChangeset> uploads,
               Work& work) override;
    void snapshot(PartitionId id, const TakeChangeset& take) override;

    std::optional<std::string> declared_schema() override;
    void declare_schema(std::string_view changeset) override;
    std::int64_t schema_version(PartitionId id) override;
    std::vector<PartitionId> partitions_behind(std::int64_t version, std::size_t limit) override;
    void note_announced(PartitionId id, std::int64_t version) override;

    // sqlite_flexible.cpp
    void insert_images(PartitionId id, std::uint64_t version, std::string_view bytes) override;
    std::vector<std::pair<std::string, std::string>> asked(PartitionId id) override;
    void add_asked(PartitionId id, std::string_view cls, std::string_view property) override;
    std::vector<StoredView> stored_views(PartitionId id, std::uint64_t ident) override;
    void put_view(PartitionId id, std::uint64_t ident, const StoredView& view) override;
    void drop_view(PartitionId id, std::uint64_t ident, std::uint64_t number) override;
    void index_property(PartitionId id, std::string_view property) override;
    void add_compensation(PartitionId id, std::uint64_t ident,
                          const Compensation& compensation) override;
    void drop_compensations(PartitionId id, std::uint64_t ident, std::uint64_t up_to) override;
    void put_off_compensations(PartitionId id, std::uint64_t ident, std::uint64_t version,
                               std::uint64_t to) override;

  private:
    class ReaderLease;
    SqliteHistory(std::unique_ptr<OwnerLock> lock, const std::string& path, const std::string& vfs,
                  sqlite::Durability durability, const StoreTuning& tuning);

    const std::string path_, vfs_;
    const int reader_cache_kib_;
    std::optional<sqlite::Transaction> transaction_;

    std::mutex readers_mutex_;
    std::vector<std::unique_ptr<SqliteRows>> readers_; // idle ones
};

} // namespace realmsync::partitions
