#include "partitions/sqlite_history.hpp"

#include <filesystem>

#include "partitions/format.hpp"
#include "tables/apply.hpp"

namespace realmsync::partitions {

namespace {

sqlite::DatabaseOptions writer_options(const std::string& vfs, sqlite::Durability durability,
                                       const StoreTuning& tuning) {
    sqlite::DatabaseOptions options;
    options.vfs = vfs;
    options.durability = durability;
    options.cache_kib = tuning.writer_cache_kib;
    options.page_size = tuning.page_size;
    options.checkpoint_pages = tuning.checkpoint_pages;
    options.statements = 256;
    return options;
}

sqlite::DatabaseOptions reader_options(const std::string& vfs, int cache_kib) {
    sqlite::DatabaseOptions options;
    options.vfs = vfs;
    options.create = false;
    options.read_only = true;
    options.cache_kib = cache_kib;
    return options;
}

std::int64_t signed_id(PartitionId id) { return static_cast<std::int64_t>(id); }

int mode_of(std::string_view key) { return key == server::kFlexibleLog ? 1 : 0; }

} // namespace

class SqliteHistory::ReaderLease {
  public:
    explicit ReaderLease(SqliteHistory& owner) : owner_(owner) {
        {
            std::lock_guard lock(owner_.readers_mutex_);
            if (!owner_.readers_.empty()) {
                reader_ = std::move(owner_.readers_.back());
                owner_.readers_.pop_back();
            }
        }
        if (!reader_)
            reader_ = std::make_unique<SqliteRows>(
                owner_.path_, reader_options(owner_.vfs_, owner_.reader_cache_kib_));
    }
    ~ReaderLease() {
        std::lock_guard lock(owner_.readers_mutex_);
        owner_.readers_.push_back(std::move(reader_));
    }
    ReaderLease(const ReaderLease&) = delete;
    SqliteRows* operator->() const { return reader_.get(); }

  private:
    SqliteHistory& owner_;
    std::unique_ptr<SqliteRows> reader_;
};

// Opening and transactions

std::unique_ptr<SqliteHistory> SqliteHistory::in_directory(const std::string& directory,
                                                           sqlite::Durability durability,
                                                           const StoreTuning& tuning) {
    auto lock = std::make_unique<OwnerLock>(directory);
    return std::unique_ptr<SqliteHistory>(new SqliteHistory(
        std::move(lock), directory + "/partitions.sqlite", "", durability, tuning));
}

SqliteHistory::SqliteHistory(const std::string& path, const std::string& vfs,
                             sqlite::Durability durability, const StoreTuning& tuning)
    : SqliteHistory(nullptr, path, vfs, durability, tuning) {}

SqliteHistory::SqliteHistory(std::unique_ptr<OwnerLock> lock, const std::string& path,
                             const std::string& vfs, sqlite::Durability durability,
                             const StoreTuning& tuning)
    : Ownership{std::move(lock)},
      SqliteRows(path, writer_options(vfs, durability, tuning), prepare_partition_tables),
      path_(path), vfs_(vfs), reader_cache_kib_(tuning.reader_cache_kib) {
    db_.sync_log(); // before anybody is told what is in it
    tables_.limit_objects(tuning.object_bytes);
    fix_schema(!tuning.may_add_schema);
}

SqliteHistory::~SqliteHistory() = default;

void SqliteHistory::begin() { transaction_.emplace(db_); }

void SqliteHistory::commit() {
    transaction_->commit();
    transaction_.reset();
}

void SqliteHistory::rollback() {
    if (transaction_)
        transaction_->rollback();
    transaction_.reset();
}

void SqliteHistory::attempt(const std::function<bool()>& change, Work& work) {
    const sqlite::Watch watch(db_, work);
    sqlite::Savepoint savepoint(db_);
    if (change())
        savepoint.release();
    else
        savepoint.rollback();
}

void SqliteHistory::touch() {
    // What this writes fits into the log as it is: ask the file system, too.
    constexpr std::uintmax_t kRoom = 16u << 20;
    if (vfs_.empty() && std::filesystem::space(path_).available < kRoom)
        throw StoreError(StoreFault::full, "The disk has less than 16 MiB left.");
    db_.exec("PRAGMA user_version = 1");
    db_.exec("PRAGMA user_version = 0");
}

void SqliteHistory::read(const std::function<void(HistoryReader&)>& use) {
    const ReaderLease reader(*this);
    reader->read_at_once(use);
}

// Reading

void SqliteHistory::senders(PartitionId id, std::uint64_t first, std::uint64_t last,
                            const Sender& sender) {
    sqlite::Query row =
        db_.query("SELECT version, via_ident, size FROM rs_history WHERE id BETWEEN ? AND ? "
                  "ORDER BY id",
                  entry_id(id, first), entry_id(id, last));
    while (row.step())
        sender(row->unsigned_integer(0), row->unsigned_integer(1), row->integer(2) == 0);
}

void SqliteHistory::foreign_entries(PartitionId id, std::uint64_t first, std::uint64_t last,
                                    std::uint64_t ident,
                                    const std::function<void(HistoryEntry)>& take) {
    sqlite::Query row =
        db_.query("SELECT version, salt, origin_ident, via_ident, client_version, origin_ts, "
                  "cumul_bytes, changeset FROM rs_history WHERE id BETWEEN ? AND ? AND "
                  "via_ident <> ? AND size > 0 ORDER BY id",
                  entry_id(id, first), entry_id(id, last), ident);
    while (row.step())
        take({row->unsigned_integer(0), row->integer(1), row->unsigned_integer(2),
              row->unsigned_integer(3), row->unsigned_integer(4), row->unsigned_integer(5),
              row->unsigned_integer(6), std::make_shared<const std::string>(row->text(7))});
}

void SqliteHistory::reciprocals(PartitionId id, std::uint64_t ident, std::uint64_t after,
                                const Reciprocal& take) {
    sqlite::Query row = db_.query("SELECT version, changeset FROM rs_recip WHERE pid = ? AND "
                                  "ident = ? AND version > ? ORDER BY version",
                                  id, ident, after);
    while (row.step())
        take(row->unsigned_integer(0), row->text(1));
}

// Writing

PartitionId SqliteHistory::find_partition(std::string_view app_id, std::string_view key) {
    const auto found =
        db_.integer("SELECT pid FROM rs_partition WHERE app_id = ? AND mode = ? AND pkey = ?",
                    app_id, mode_of(key), sqlite::Blob{key});
    return static_cast<PartitionId>(found.value_or(0));
}

PartitionId SqliteHistory::create_partition(std::string_view app_id, std::string_view key,
                                            std::string_view user_id, std::int64_t now_ms) {
    db_.run("INSERT INTO rs_partition(app_id, mode, pkey, created_ms, creator) "
            "VALUES(?, ?, ?, ?, ?)",
            app_id, mode_of(key), sqlite::Blob{key}, now_ms, user_id);
    const auto id = static_cast<PartitionId>(db_.last_rowid());
    if (id > kLastPartition)
        throw StoreError(StoreFault::other, "There are too many partitions.");
    db_.run("INSERT INTO rs_base(pid) VALUES(?)", id);
    return id;
}

Usage SqliteHistory::usage(std::string_view user_id) {
    const auto partitions =
        db_.integer("SELECT count(*) FROM rs_partition WHERE creator = ?", user_id);
    sqlite::Query row =
        db_.query("SELECT count(*), sum(bytes) FROM rs_client WHERE user_id = ?", user_id);
    row.step();
    return {static_cast<std::uint64_t>(partitions.value_or(0)), row->unsigned_integer(0),
            row->unsigned_integer(1)};
}

std::optional<std::uint64_t> SqliteHistory::take_ident(PartitionId id) {
    sqlite::Query row = db_.query("UPDATE rs_ident SET next_ident = next_ident + 1 WHERE EXISTS("
                                  "SELECT 1 FROM rs_partition WHERE pid = ?) "
                                  "RETURNING next_ident - 1",
                                  id);
    return row.step() ? std::optional(row->unsigned_integer(0)) : std::nullopt;
}

void SqliteHistory::insert_client_file(PartitionId id, std::uint64_t ident,
                                       const ClientFile& file) {
    db_.run("INSERT INTO rs_client(pid, ident, ident_salt, user_id, created_ms, last_seen_ms) "
            "VALUES(?1, ?2, ?3, ?4, ?5, ?5)",
            id, ident, file.salt, file.user_id, file.last_seen_ms);
}

void SqliteHistory::update_client_file(PartitionId id, std::uint64_t ident,
                                       const ClientFile& file) {
    // No cursor goes back: so no client version is stored twice.
    db_.run("UPDATE rs_client SET client_version = ?3, base_server_version = ?4, "
            "locked_server_version = ?5, "
            "ack_client_version = ?6, ack_server_version = ?7, ack_head = ?8, last_seen_ms = ?9, "
            "bytes = ?10 WHERE pid = ?1 AND ident = ?2 AND client_version <= ?3 AND "
            "base_server_version <= ?4 AND locked_server_version <= ?5",
            id, ident, file.client_version, file.base_server_version, file.locked_server_version,
            file.ack_client_version, file.ack_server_version, file.ack_head, file.last_seen_ms,
            file.bytes);
    if (db_.changes() != 1)
        corrupt("The row of a client file is not what was read.");
}

void SqliteHistory::insert_entry(PartitionId id, const HistoryEntry& entry,
                                 std::uint64_t client_base, std::int64_t now_ms) {
    if (entry.version > kLastVersion)
        throw StoreError(StoreFault::other, "The history has too many versions.");
    db_.run("INSERT INTO rs_history(id, salt, origin_ident, via_ident, client_version, "
            "client_base, origin_ts, cumul_bytes, committed_ms, changeset) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            entry_id(id, entry.version), entry.salt, entry.origin_ident, entry.via_ident,
            entry.client_version, client_base, entry.origin_timestamp, entry.cumulative_bytes,
            now_ms, sqlite::Blob{*entry.changeset});
}

void SqliteHistory::store_reciprocal(PartitionId id, std::uint64_t ident, std::uint64_t version,
                                     std::string_view bytes) {
    db_.run("INSERT INTO rs_recip(pid, ident, version, changeset) VALUES(?, ?, ?, ?) "
            "ON CONFLICT(pid, ident, version) DO UPDATE SET changeset = excluded.changeset",
            id, ident, version, sqlite::Blob{bytes});
}

void SqliteHistory::drop_reciprocals(PartitionId id, std::uint64_t ident, std::uint64_t up_to) {
    db_.run("DELETE FROM rs_recip WHERE pid = ? AND ident = ? AND version <= ?", id, ident, up_to);
}

void SqliteHistory::apply(PartitionId id, std::span<const server::UploadedChangeset> uploads,
                          Work& work) {
    tables::Applier applier(tables_, signed_id(id), work);
    for (const server::UploadedChangeset& upload : uploads)
        applier.apply(upload.changeset);
    applier.flush();
}

} // namespace realmsync::partitions
