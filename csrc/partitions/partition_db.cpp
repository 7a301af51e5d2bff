#include "partitions/partition_db.hpp"

#include <algorithm>

#include "partitions/format.hpp"

namespace realmsync::partitions {

namespace {

sqlite::DatabaseOptions writer_options(sqlite::Durability durability, const StoreTuning& tuning) {
    sqlite::DatabaseOptions options;
    options.durability = durability;
    options.cache_kib = tuning.writer_cache_kib;
    options.page_size = tuning.page_size;
    options.checkpoint_pages = tuning.checkpoint_pages;
    options.statements = 256;
    return options;
}

} // namespace

PartitionDb::PartitionDb(const std::string& directory, sqlite::Durability durability,
                         const StoreTuning& tuning, merge::Profile profile)
    : tuning_(tuning), profile_(profile), lock_(directory), path_(directory + "/partitions.sqlite"),
      db_(path_, writer_options(durability, tuning)),
      tables_(
          [this]() -> sqlite::Database& {
              sqlite::Transaction transaction(db_);
              prepare_partition_tables(db_);
              tables::Tables(db_, tables::Layout::server); // creates its own
              transaction.commit();
              return db_;
          }(),
          tables::Layout::server),
      windows_(tuning.window_bytes, tuning.merge_cells) {}

PartitionDb::~PartitionDb() = default;

void PartitionDb::begin() {
    if (transaction_)
        throw std::logic_error("A transaction is open already.");
    transaction_.emplace(db_);
    salt_ = draw_salt();
    now_ms_ = unix_ms();
    ++transactions_;
}

void PartitionDb::commit() {
    require_transaction();
    for (auto& [id, staged] : staged_) {
        for (const auto& [ident, file] : staged.files)
            update_client_file(db_, id, ident, file);
        if (staged.entries.empty())
            continue;
        db_.run("UPDATE rs_head SET head_version = ?3, head_salt = ?4, cumul_bytes = ?5 "
                "WHERE pid = ?1 AND head_version = ?2",
                id, staged.entries.front().version - 1, staged.head.version, staged.head.salt,
                staged.head.cumulative_bytes);
        if (db_.changes() != 1)
            corrupt("The head of partition " + std::to_string(id) + " was moved by somebody else.");
    }
    transaction_->commit();
    transaction_.reset();
    publish();
}

// Makes what was committed visible to readers, all of it at once.
void PartitionDb::publish() {
    {
        std::lock_guard lock(mutex_);
        for (auto& [id, staged] : staged_) {
            Partition& target = *partitions_.at(id);
            target.head = staged.head;
            for (HistoryEntry& entry : staged.entries)
                target.tail.append(std::move(entry));
            target.tail.shrink(tuning_.tail_bytes);
            target.runs.shrink(tuning_.tail_bytes);
            for (auto& [ident, file] : staged.files)
                target.files.insert_or_assign(ident, std::move(file));
        }
    }
    staged_.clear();
    created_.clear();
    if (transactions_ % 64 == 0)
        evict();
}

void PartitionDb::rollback() {
    require_transaction();
    for (auto& [id, staged] : staged_) {
        Partition& target = *partitions_.at(id);
        target.runs.truncate(target.head.version);
    }
    staged_.clear();
    windows_.clear();
    for (const auto& [name, id] : created_) {
        std::lock_guard lock(mutex_);
        partitions_.erase(id);
        ids_.erase(name);
    }
    created_.clear();
    transaction_->rollback();
    transaction_.reset();
}

server::OpenedPartition PartitionDb::open_partition(std::string_view app_id, std::string_view key) {
    require_transaction();
    std::string name(app_id);
    name.append(1, '\0').append(key);
    if (auto found = ids_.find(name); found != ids_.end())
        return {found->second, head(found->second).version};

    const auto find = [&]() -> server::PartitionId {
        sqlite::Query row =
            db_.query("SELECT pid FROM rs_partition WHERE app_id = ? AND mode = 0 AND pkey = ?",
                      app_id, sqlite::Blob{key});
        return row.step() ? row->unsigned_integer(0) : 0;
    };
    server::PartitionId id = find();
    if (id == 0) {
        db_.run("INSERT INTO rs_partition(app_id, mode, pkey, created_ms) VALUES(?, 0, ?, ?)",
                app_id, sqlite::Blob{key}, now_ms_);
        id = static_cast<server::PartitionId>(db_.last_rowid());
        db_.run("INSERT INTO rs_head(pid) VALUES(?)", id);
        db_.run("INSERT INTO rs_ident(pid) VALUES(?)", id);
        created_.emplace_back(name, id);
    }
    Partition& opened = partition(id);
    opened.name = name;
    ids_.emplace(std::move(name), id);
    return {id, opened.head.version};
}

std::optional<PartitionDb::Head> PartitionDb::load_head(sqlite::Database& db,
                                                        server::PartitionId id) {
    sqlite::Query row =
        db.query("SELECT head_version, head_salt, base_version, base_salt, cumul_bytes, "
                 "base_cumul FROM rs_head WHERE pid = ?",
                 id);
    if (!row.step())
        return std::nullopt;
    Head head;
    head.version = row->unsigned_integer(0);
    head.salt = row->integer(1);
    head.base_version = row->unsigned_integer(2);
    head.base_salt = row->integer(3);
    head.cumulative_bytes = row->unsigned_integer(4);
    head.base_cumulative = row->unsigned_integer(5);
    return head;
}

// Called before anything of the open transaction is staged for `id`, so the row is committed.
PartitionDb::Partition& PartitionDb::partition(server::PartitionId id) {
    auto found = partitions_.find(id); // only this thread inserts and erases
    if (found == partitions_.end()) {
        const auto head = load_head(db_, id);
        if (!head)
            throw std::invalid_argument("There is no partition " + std::to_string(id) + ".");
        std::lock_guard lock(mutex_);
        found = partitions_.emplace(id, std::make_unique<Partition>(*head)).first;
    }
    found->second->last_used = transactions_;
    return *found->second;
}

PartitionDb::Staged& PartitionDb::stage(server::PartitionId id) {
    auto [found, is_new] = staged_.try_emplace(id);
    if (is_new)
        found->second.head = partition(id).head;
    return found->second;
}

const PartitionDb::Head& PartitionDb::head(server::PartitionId id) {
    auto found = staged_.find(id);
    return found != staged_.end() ? found->second.head : partition(id).head;
}

void PartitionDb::require_transaction() const {
    if (!transaction_)
        throw std::logic_error("No transaction is open.");
}

std::size_t PartitionDb::Partition::memory() const {
    constexpr std::size_t per_partition = 1536, per_file = 224; // measured, containers included
    return per_partition + name.size() + tail.memory() + runs.memory() + files.size() * per_file;
}

std::size_t PartitionDb::cached_bytes() const {
    std::lock_guard lock(mutex_);
    std::size_t bytes = 0;
    for (const auto& [id, partition] : partitions_)
        bytes += partition->memory();
    return bytes;
}

// Between transactions. Down to half of the limit, so that it happens seldom.
void PartitionDb::evict() {
    std::size_t bytes = cached_bytes();
    if (bytes <= tuning_.cache_bytes)
        return;
    std::vector<std::pair<std::uint64_t, server::PartitionId>> by_age;
    for (const auto& [id, partition] : partitions_)
        by_age.emplace_back(partition->last_used, id);
    std::sort(by_age.begin(), by_age.end());
    std::lock_guard lock(mutex_);
    for (const auto& [last_used, id] : by_age) {
        if (bytes <= tuning_.cache_bytes / 2)
            break;
        auto found = partitions_.find(id);
        bytes -= found->second->memory();
        ids_.erase(found->second->name);
        partitions_.erase(found);
    }
}

} // namespace realmsync::partitions
