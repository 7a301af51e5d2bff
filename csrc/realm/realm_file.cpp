#include "realm/realm_file.hpp"

#include <filesystem>
#include <unordered_map>
#include <utility>

#include <pthread.h>

#include "base/assert.hpp"
#include "base/process.hpp"
#include "changeset/codec.hpp"
#include "realm/creation.hpp"
#include "realm/home_partition.hpp"
#include "realm/migration.hpp"
#include "realm/pending_reset.hpp"
#include "realm/subscription_store.hpp"
#include "realm/write_transaction.hpp"
#include "sqlite/library.hpp"
#include "tables/apply.hpp"

namespace realmsync::realm {

namespace {

// The open files of the process by path. Not destroyed at its end: threads may still run.
std::mutex files_mutex;
auto& files = *new std::unordered_map<std::string, std::weak_ptr<RealmFile>>;
std::mutex opening; // one new file at a time; taken before files_mutex

// A forked child begins without open files, and with mutexes that nobody holds.
void before_fork() {
    opening.lock();
    files_mutex.lock();
    connection_pool::before_fork();
}
void after_fork() {
    connection_pool::after_fork();
    files_mutex.unlock();
    opening.unlock();
}
void after_fork_in_child() {
    files.clear();
    connection_pool::forget_parent();
    after_fork();
}

void prepare_forks() {
    static const bool done = [] {
        sqlite::initialise(); // its own preparation comes after ours, as calls of it do
        return pthread_atfork(before_fork, after_fork, after_fork_in_child) == 0;
    }();
    REALMSYNC_ASSERT(done);
}

// With files_mutex, before one is added. Now and then: a look at all each time would be quadratic.
void forget_closed_files() {
    static std::size_t next = 0;
    if (files.size() < next)
        return;
    std::erase_if(files, [](const auto& entry) { return entry.second.expired(); });
    next = 2 * files.size() + 16;
}

std::shared_ptr<RealmFile> find_open(const std::string& name) {
    std::lock_guard lock(files_mutex);
    auto found = files.find(name);
    return found == files.end() ? nullptr : found->second.lock();
}

// Gets rid of a file that nobody uses; what may lie beside one that is missing goes, too.
bool dispose_unused(const std::string& name, const std::function<void(const std::string&)>& how) {
    std::lock_guard one(opening);
    if (find_open(name))
        return false;
    if (!std::filesystem::exists(name)) {
        remove_realm_file(name);
        return true;
    }
    if (!connection_pool::claim(name))
        return false;
    struct Release {
        const std::string& name;
        ~Release() { connection_pool::release_claim(name); }
    } release{name};
    how(name);
    return true;
}

} // namespace

RealmFile::RealmFile(std::string path, RealmFileOptions options)
    : path_(std::move(path)), options_(std::move(options)) {}

std::shared_ptr<RealmFile> RealmFile::open(const std::string& path,
                                           const RealmFileOptions& options) {
    if (options.files) {
        create_realm_file(*options.files, path);
        return std::shared_ptr<RealmFile>(new RealmFile(path, options), DeleteAtHome<RealmFile>());
    }
    prepare_forks();
    const std::string name = canonical(path);
    check_path(name);
    std::lock_guard one(opening);
    const bool exists = std::filesystem::exists(name);
    // Whoever still has one that was moved away or deleted does not keep it from being made anew.
    if (auto file = find_open(name); file && exists)
        return file;
    if (!exists)
        create_realm_file(name, options.durability == sqlite::Durability::full);
    check_realm_file(name);
    std::shared_ptr<RealmFile> file(new RealmFile(name, options), DeleteAtHome<RealmFile>());
    std::lock_guard lock(files_mutex);
    forget_closed_files();
    files[name] = file;
    return file;
}

bool RealmFile::is_open(const std::string& path) { return find_open(canonical(path)) != nullptr; }

void RealmFile::remove(const std::string& path) {
    const std::string name = canonical(path);
    std::lock_guard one(opening); // or one that is being opened would lose its file
    if (find_open(name))
        raise(ErrorKind::illegal_operation, name + " is open");
    remove_realm_file(name);
}

bool RealmFile::remove_unused(const std::string& path) {
    return dispose_unused(canonical(path), remove_realm_file);
}

bool RealmFile::move_unused(const std::string& path, const std::string& target) {
    return dispose_unused(canonical(path), [&](const std::string& name) {
        try { // leaves nothing in the log: then what is moved is one file
            sqlite::DatabaseOptions options;
            options.create = false;
            options.is_wal = true;
            sqlite::Database(name, options).checkpoint();
        } catch (const StoreError&) { // it is moved as it is
        }
        move_realm_file(name, target);
    });
}

bool RealmFile::publish_unused(NewFile& file, const std::string& path, bool durable) {
    std::lock_guard one(opening); // or the log of one that is made meanwhile would be removed
    return file.publish(path, durable);
}

RealmFile::~RealmFile() {
    group_.close(); // deferred commits that nobody flushed are finished commits all the same
    const std::size_t open = (writer_ ? 1 : 0) + (reader_ ? 1 : 0) + (aside_ ? 1 : 0);
    reader_.reset();
    aside_.reset();
    writer_.reset();
    connection_pool::closed(*this, open);
    release_sync();
}

sqlite::DatabaseOptions RealmFile::database_options() const {
    sqlite::DatabaseOptions database;
    if (options_.files)
        database.vfs = options_.files->vfs();
    database.create = false;
    database.is_wal = true;
    database.durability = options_.durability;
    database.cache_kib = options_.tuning.cache_kib;
    database.statements = options_.tuning.statements;
    database.checkpoint_on_close = false; // closing an idle file must not always cost an fsync
    database.checkpoint_pages = 0;        // checkpoint(), when others may write again
    return database;
}

void RealmFile::open_connection(std::unique_ptr<RealmConnection>& connection) {
    connection_pool::using_connection(shared_from_this(), !connection, options_.tuning);
    if (connection)
        return;
    try {
        connection = std::make_unique<RealmConnection>(path_, database_options());
        if (!is_log_synced_) {
            connection->db.sync_log();
            is_log_synced_ = true;
        }
    } catch (...) {
        connection.reset();
        connection_pool::closed(*this, 1);
        throw;
    }
}

RealmConnection& RealmFile::writer() {
    REALMSYNC_ASSERT(writer_queue_.is_taken());
    open_connection(writer_);
    return *writer_;
}

void RealmFile::shrink_idle() {
    if (const auto turn = writer_queue_.try_acquire()) {
        if (writer_ && !group_.is_open()) {
            writer_->tables.shrink();
            writer_->db.shrink();
        }
    }
    close_readers();
}

std::size_t RealmFile::close_reader(std::mutex& mutex,
                                    std::unique_ptr<RealmConnection>& connection) {
    std::unique_lock lock(mutex, std::try_to_lock);
    if (!lock || !connection)
        return 0;
    connection.reset();
    connection_pool::closed(*this, 1);
    return 1;
}

std::size_t RealmFile::close_readers() {
    return close_reader(reader_mutex_, reader_) + close_reader(aside_mutex_, aside_);
}

std::size_t RealmFile::close_idle() {
    std::size_t count = 0;
    if (const auto turn = writer_queue_.try_acquire()) {
        if (writer_ && !group_.is_open()) {
            writer_->db.checkpoint_from(options_.tuning.reopen_bytes);
            writer_.reset();
            merge_.reset();
            connection_pool::closed(*this, 1);
            ++count;
        }
    }
    return count + close_readers();
}

void RealmFile::read(const std::function<void(RealmConnection&)>& use) {
    const std::thread::id self = std::this_thread::get_id();
    if (reading_.load(std::memory_order_relaxed) == self) // it would wait for itself
        raise(ErrorKind::illegal_operation,
              "This thread is reading the realm's file already: a handler of a signal or a "
              "destructor that runs meanwhile cannot read it");
    std::lock_guard lock(reader_mutex_);
    open_connection(reader_);
    struct Reading {
        std::atomic<std::thread::id>& thread;
        ~Reading() { thread = std::thread::id(); }
    } reading{reading_};
    reading_ = self;
    use(*reader_);
}

void RealmFile::read_aside(const std::function<void(RealmConnection&)>& use) {
    std::lock_guard lock(aside_mutex_);
    open_connection(aside_);
    use(*aside_);
}

void RealmFile::read_briefly(const std::function<void(RealmConnection&)>& use) {
    if (const auto turn = writer_queue_.try_acquire()) {
        if (!group_.is_open()) // deferred commits are not to be seen yet
            return use(writer());
    }
    read(use);
}

// Writing.

RealmFile::Writing::Writing(RealmFile& file, WriterQueue::Turn&& turn,
                            std::chrono::milliseconds patience)
    : file_(&file) {
    REALMSYNC_ASSERT(turn.is_of(file.writer_queue_));
    sqlite::Database& db = file.writer().db;
    db.set_busy_timeout(patience);
    try {
        file.group_.begin(db);
    } catch (...) {
        db.set_busy_timeout(kPatience);
        throw;
    }
    db.set_busy_timeout(kPatience);
    file.writer_->tables.begin_numbers();
    turn_ = std::move(turn);
}

RealmFile::Writing::~Writing() {
    if (file_)
        file_->group_.rollback();
}

std::uint64_t RealmFile::Writing::commit(std::uint64_t version, Commit kind,
                                         const ChangeJournal::Collect& touched) {
    REALMSYNC_ASSERT(file_ != nullptr && turn_.is_of(file_->writer_queue_));
    RealmFile& file = *std::exchange(file_, nullptr); // the group rolls back what it cannot commit
    const bool announce = kind == Commit::local || file.group_.has_waiting();
    WriterQueue::Turn turn = std::move(turn_);
    std::uint64_t ticket = 0;
    file.changes_.commit(version, touched, [&] {
        if (kind == Commit::deferred)
            ticket = file.group_.defer(version);
        else
            file.group_.commit();
    });
    if (kind == Commit::deferred)
        return ticket;
    file.changes_.announce(version);
    if (announce) // before the checkpoint, which may take longer than the upload
        file.notify(version);
    file.checkpoint(file.writer_->db.log_pages(), kind, std::move(turn));
    return 0;
}

void RealmFile::checkpoint(int log_pages, Commit kind, WriterQueue::Turn turn) noexcept {
    // Integrations do it first: nobody waits for them.
    const int limit = options_.tuning.checkpoint_pages * (kind == Commit::remote ? 1 : 2);
    std::unique_lock one(checkpointing_, std::defer_lock);
    // The log starts over when nothing is added meanwhile, which writers without a pause prevent.
    if (log_pages < 4 * limit)
        turn = WriterQueue::Turn();
    if (log_pages < limit || !one.try_lock())
        return;
    try {
        sqlite::Database(path_, database_options()).checkpoint_beside();
    } catch (const StoreError&) { // the next commit tries again
    }
}

std::uint64_t RealmFile::commit_changeset(const std::shared_ptr<const std::string>& bytes,
                                          std::uint64_t timestamp) {
    const changeset::Changeset parsed = value_or_throw(changeset::parse(bytes));
    Writing writing(*this, writer_queue_.acquire());
    RealmConnection& connection = writing.connection();
    {
        tables::Applier applier(connection.tables);
        applier.apply(parsed);
        applier.flush();
    }
    const std::uint64_t version = local_history::append_local(connection.db, timestamp, *bytes);
    writing.commit(version, Commit::local, [&](TouchedObjects& touched) { touched.add(parsed); });
    return version;
}

void RealmFile::flush(std::uint64_t ticket, WriterQueue::Turn turn) {
    REALMSYNC_ASSERT(turn.is_of(writer_queue_));
    const std::uint64_t version = group_.flush(ticket);
    if (version == 0)
        return;
    changes_.announce(version);
    notify(version);
    checkpoint(writer_->db.log_pages(), Commit::local, std::move(turn));
}

void RealmFile::notify(std::uint64_t version) {
    std::vector<std::shared_ptr<client::CommitListener>> alive;
    {
        std::lock_guard lock(mutex_);
        std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
        for (auto& listener : listeners_)
            if (auto strong = listener.lock())
                alive.push_back(std::move(strong));
    }
    for (auto& listener : alive)
        listener->on_commit(version);
}

void RealmFile::add_listener(std::weak_ptr<client::CommitListener> listener) {
    std::lock_guard lock(mutex_);
    listeners_.push_back(std::move(listener));
}

std::unique_ptr<WriteTransaction> RealmFile::begin_write(WriterQueue::Turn&& turn,
                                                         std::chrono::milliseconds patience) {
    try {
        return std::make_unique<WriteTransaction>(shared_from_this(), std::move(turn), patience);
    } catch (const StoreError& e) {
        if (!e.is(StoreFault::busy))
            throw;
        return nullptr;
    }
}

// Sync.

client::ClientState RealmFile::state() {
    client::ClientState state;
    read_briefly([&](RealmConnection& connection) {
        sqlite::Transaction snapshot(connection.db, sqlite::Transaction::Mode::read);
        state = with_subscriptions(connection, local_history::load(connection.db));
    });
    return state;
}

bool RealmFile::has_reset() {
    bool result = false;
    read_briefly([&](RealmConnection& connection) {
        const sqlite::Transaction snapshot(connection.db, sqlite::Transaction::Mode::read);
        result = pending_reset::is_there(connection.db);
    });
    return result;
}

client::PendingUpload RealmFile::fetch_upload(const client::UploadStart& from,
                                              const client::UploadLimits& limits) {
    client::PendingUpload upload;
    read_briefly([&](RealmConnection& connection) {
        sqlite::Transaction snapshot(connection.db, sqlite::Transaction::Mode::read);
        if (!from.sent_query) {
            upload = local_history::fetch(connection.db, from.cursor, limits);
            return;
        }
        const client::Subscriptions all = subscription_store::load(connection.db);
        const client::SubscriptionSet* next = all.next_after(*from.sent_query);
        upload = local_history::fetch(connection.db, from.cursor, limits,
                                      next ? next->snapshot : UINT64_MAX);
        if (next && upload.progress.client_version >= next->snapshot)
            upload.query = {next->version, subscription_store::body(connection.db, next->version)};
    });
    return upload;
}

client::ClientState RealmFile::store_ident(const wire::FileIdent& file) {
    Writing writing(*this, writer_queue_.acquire());
    sqlite::Database& db = writing.connection().db;
    client::ClientState state = local_history::load(db);
    state.file = file;
    state.progress.download.client_version = 0;
    state.progress.upload = {};
    ++state.current_version;
    local_history::store(db, state);
    local_history::append(db, {.version = state.current_version,
                               .remote_version = state.progress.download.server_version,
                               .origin_ident = file.ident});
    // The upload cursor decides what is uploaded.
    state = with_subscriptions(writing.connection(), local_history::load(db));
    writing.commit(state.current_version, Commit::remote);
    return state;
}

void RealmFile::require_whole(sqlite::Database& db) const {
    if (!local_history::is_whole(db))
        raise(ErrorKind::illegal_operation,
              path_ + " has left sync: its objects are in no history and would never be uploaded. "
                      "Copy it with write_copy_to and a sync configuration, and open the copy");
}

std::optional<std::string> RealmFile::partition() {
    std::optional<std::string> found;
    read_briefly([&](RealmConnection& connection) {
        const sqlite::Transaction snapshot(connection.db, sqlite::Transaction::Mode::read);
        require_whole(connection.db);
        found = home_partition::find(connection.db);
        if (migration::query(connection.db))
            set_migrated(true);
    });
    return found;
}

std::string RealmFile::claim_partition(const std::string& wanted, WriterQueue::Turn turn) {
    Writing writing(*this, std::move(turn));
    sqlite::Database& db = writing.connection().db;
    require_whole(db);
    if (subscription_store::is_there(db))
        throw OtherSyncMode(path_);
    if (auto found = home_partition::find(db))
        return *found;
    home_partition::store(db, wanted);
    writing.commit(local_history::load(db).current_version, Commit::remote);
    return wanted;
}

bool RealmFile::try_claim_sync() {
    is_synced_ = true;
    std::lock_guard lock(mutex_);
    if (claimed_) // by another sync client of this process
        return false;
    claimed_ = options_.files || connection_pool::claim(path_);
    return claimed_;
}

void RealmFile::release_sync() {
    std::lock_guard lock(mutex_);
    if (std::exchange(claimed_, false) && !options_.files)
        connection_pool::release_claim(path_);
}

} // namespace realmsync::realm
