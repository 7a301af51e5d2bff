#include "simulation/server_storage.hpp"

#include <new>
#include <random>
#include <stdexcept>
#include <utility>

#include "partitions/partition_db.hpp"
#include "partitions/sqlite_history.hpp"

namespace realmsync::simulation {

namespace {

constexpr int kMediumFailed = 10;                     // SQLITE_IOERR
constexpr std::int64_t kFirstDay = 1'600'000'000'000; // ms since 1970

std::string path_of(const std::string& app_id) { return app_id + ".sqlite"; }

partitions::ClockAndChance repeatable(std::shared_ptr<std::atomic<std::int64_t>> clock,
                                      std::uint64_t seed) {
    return {[clock = std::move(clock)] { return (*clock)++; },
            [random = std::mt19937_64(seed)]() mutable { return random(); }};
}

// Passes every call on but those that are to fail.
class FailingStore final : public server::ServerStore {
  public:
    FailingStore(std::shared_ptr<Disk> disk, std::unique_ptr<server::ServerStore> store,
                 std::shared_ptr<StoreFaults> faults)
        : disk_(std::move(disk)), store_(std::move(store)), faults_(std::move(faults)) {}

    void configure(const server::AppSettings& settings) override { store_->configure(settings); }
    void begin() override { store_->begin(); }
    void rollback() override { store_->rollback(); }
    void commit() override {
        const auto fault = faults_->commit.exchange(StoreFaults::Commit::none);
        if (fault == StoreFaults::Commit::lost) {
            store_->rollback();
            throw StoreError(kMediumFailed, "injected: commit failed");
        }
        store_->commit();
        if (fault == StoreFaults::Commit::unanswered)
            throw StoreError(kMediumFailed, "injected: commit not answered");
    }
    std::variant<server::OpenedPartition, server::Refusal>
    open_partition(std::string_view app_id, std::string_view key,
                   std::string_view user_id) override {
        return store_->open_partition(app_id, key, user_id);
    }
    std::variant<wire::FileIdent, server::Refusal>
    allocate_ident(server::PartitionId partition, std::string_view user_id) override {
        return store_->allocate_ident(partition, user_id);
    }
    std::variant<server::BoundFile, server::Refusal>
    bind(server::PartitionId partition, const server::BindRequest& request) override {
        return store_->bind(partition, request);
    }
    void note_seen(server::PartitionId partition, std::uint64_t file_ident) override {
        store_->note_seen(partition, file_ident);
    }
    std::variant<server::Subscribed, server::BadQuery>
    subscribe(server::PartitionId partition, std::uint64_t file_ident,
              const server::Subscribing& request) override {
        return store_->subscribe(partition, file_ident, request);
    }
    server::ConcludedBootstrap conclude(server::PartitionId partition,
                                        const server::PageRequest& request) override {
        return store_->conclude(partition, request);
    }
    std::shared_ptr<const server::Bootstrap>
    begin_early(server::PartitionId partition, std::uint64_t file_ident, std::uint64_t cursor,
                const std::shared_ptr<const server::Bootstrap>& due) override {
        return store_->begin_early(partition, file_ident, cursor, due);
    }
    std::variant<server::Appended, server::Refusal>
    append(server::PartitionId partition, server::AppendRequest request, Work& work) override {
        if (faults_->append.exchange(false))
            throw std::runtime_error("injected: append failed");
        return store_->append(partition, std::move(request), work);
    }
    server::AdministrationResult administer(const server::Administration& what) override {
        return store_->administer(what);
    }
    bool in_transaction() const override { return store_->in_transaction(); }
    void touch() override { store_->touch(); }
    std::optional<server::Page> fetch_recent(const server::PageRequest& request) override {
        if (faults_->page || faults_->page_memory)
            return std::nullopt;
        return store_->fetch_recent(request);
    }
    server::Page fetch_page(const server::PageRequest& request) override {
        if (faults_->page.exchange(false))
            throw StoreError(kMediumFailed, "injected: page not readable");
        if (faults_->page_memory.exchange(false))
            throw std::bad_alloc();
        return store_->fetch_page(request);
    }

  private:
    const std::shared_ptr<Disk> disk_; // is needed until the store is closed
    const std::unique_ptr<server::ServerStore> store_;
    const std::shared_ptr<StoreFaults> faults_;
};

} // namespace

ServerStorage::ServerStorage(std::uint64_t seed, int checkpoint_pages)
    : ServerStorage(std::make_unique<Disk>(), seed, checkpoint_pages) {}

ServerStorage::ServerStorage(std::unique_ptr<Disk> disk, std::uint64_t seed, int checkpoint_pages)
    : disk_(std::move(disk)), faults_(std::make_shared<StoreFaults>()),
      clock_(std::make_shared<std::atomic<std::int64_t>>(kFirstDay)),
      checkpoint_pages_(checkpoint_pages), seed_(std::make_shared<std::uint64_t>(seed)) {}

ServerStorage::~ServerStorage() = default;

ServerStorage::OpenStore ServerStorage::start(merge::Profile profile) {
    disk_->kill();
    StoreTuning tuning;
    tuning.checkpoint_pages = checkpoint_pages_;
    return [disk = disk_, faults = faults_, seed = seed_, clock = clock_, tuning,
            profile](const std::string& app_id) -> std::unique_ptr<server::ServerStore> {
        auto history = std::make_unique<partitions::SqliteHistory>(
            path_of(app_id), disk->vfs(), sqlite::Durability::full, tuning);
        auto store = std::make_unique<partitions::PartitionDb>(
            std::move(history), repeatable(clock, (*seed)++), tuning, profile);
        return std::make_unique<FailingStore>(disk, std::move(store), faults);
    };
}

std::shared_ptr<ServerStorage> ServerStorage::copy() {
    return std::shared_ptr<ServerStorage>(
        new ServerStorage(disk_->copy(), *seed_ + 1, checkpoint_pages_));
}

bool ServerStorage::read(const std::string& app_id, const std::string& key, const char* sql,
                         const std::function<void(sqlite::Statement&)>& row) {
    const std::string path = path_of(app_id);
    if (!disk_->exists(path))
        return false;
    sqlite::DatabaseOptions options;
    options.vfs = disk_->vfs();
    options.create = false;
    options.read_only = true;
    options.checkpoint_on_close = false;
    sqlite::Database db(path, options);
    const auto id = db.integer("SELECT pid FROM rs_partition WHERE app_id = ? AND pkey = ?", app_id,
                               sqlite::Blob{key});
    if (!id)
        return false;
    sqlite::Query query = db.query(sql, *id);
    while (query.step())
        row(*query);
    return true;
}

bool ServerStorage::read_entries(const std::string& app_id, const std::string& key,
                                 std::vector<Entry>& entries) {
    return read(app_id, key,
                "SELECT via_ident, client_version, changeset FROM rs_history WHERE pid = ? "
                "ORDER BY id",
                [&](sqlite::Statement& row) {
                    entries.push_back(
                        {row.unsigned_integer(0), row.unsigned_integer(1), row.string(2)});
                });
}

bool ServerStorage::read_files(const std::string& app_id, const std::string& key,
                               std::vector<File>& files) {
    return read(app_id, key,
                "SELECT ident, client_version, base_server_version, locked_server_version "
                "FROM rs_client WHERE pid = ?",
                [&](sqlite::Statement& row) {
                    files.push_back({row.unsigned_integer(0), row.unsigned_integer(1),
                                     row.unsigned_integer(2), row.unsigned_integer(3)});
                });
}

bool ServerStorage::read_compensations(const std::string& app_id, const std::string& key,
                                       std::vector<Compensation>& compensations) {
    return read(app_id, key,
                "SELECT ident, version, client_version, class, key, "
                "CASE client_version WHEN 0 THEN '' ELSE reason END FROM rs_compensation "
                "WHERE pid = ? ORDER BY version, number",
                [&](sqlite::Statement& row) {
                    compensations.push_back({row.unsigned_integer(0), row.unsigned_integer(1),
                                             row.unsigned_integer(2), row.string(3), row.string(4),
                                             row.string(5)});
                });
}

} // namespace realmsync::simulation
