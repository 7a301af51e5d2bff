#include "realm/realm_file.hpp"

#include <filesystem>
#include <utility>

#include "changeset/codec.hpp"
#include "realm/connection_pool.hpp"
#include "realm/creation.hpp"
#include "realm/local_history.hpp"
#include "realm/write_transaction.hpp"
#include "tables/apply.hpp"

namespace realmsync::realm {

namespace {

std::string canonical(const std::string& path) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path)).string();
}

} // namespace

RealmFile::RealmFile(std::string path, RealmFileOptions options)
    : path_(std::move(path)), options_(std::move(options)) {}

std::shared_ptr<RealmFile> RealmFile::open(const std::string& path,
                                           const RealmFileOptions& options) {
    const std::string name = canonical(path);
    return connection_pool::find_or_make(name, [&] {
        if (!std::filesystem::exists(name))
            create_realm_file(name, options.durability == sqlite::Durability::full);
        check_realm_file(name);
        return std::shared_ptr<RealmFile>(new RealmFile(name, options));
    });
}

bool RealmFile::is_open(const std::string& path) {
    return connection_pool::find(canonical(path)) != nullptr;
}

void RealmFile::remove(const std::string& path) { remove_realm_file(canonical(path)); }

RealmFile::~RealmFile() {
    if (transaction_) { // deferred commits that nobody flushed are finished commits all the same
        try {
            transaction_->commit();
        } catch (const std::exception&) { // never acknowledged, so nobody is left to be told
        }
    }
    transaction_.reset();
    const std::size_t open = (writer_ ? 1 : 0) + (reader_ ? 1 : 0);
    reader_.reset();
    writer_.reset();
    connection_pool::closed(*this, open);
    release_sync();
}

sqlite::DatabaseOptions RealmFile::database_options() const {
    sqlite::DatabaseOptions database;
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
    connection_pool::using_connection(*this, !connection, options_.tuning);
    if (connection)
        return;
    try {
        connection = std::make_unique<RealmConnection>(path_, database_options());
    } catch (...) {
        connection_pool::closed(*this, 1);
        throw;
    }
}

RealmConnection& RealmFile::writer() {
    if (!writer_)
        writer_durability_ = options_.durability;
    open_connection(writer_);
    return *writer_;
}

void RealmFile::shrink_idle() {
    if (writer_lock_.try_acquire()) {
        if (writer_ && !transaction_) {
            writer_->tables.shrink();
            writer_->db.shrink();
        }
        writer_lock_.release();
    }
    close_reader();
}

std::size_t RealmFile::close_reader() {
    std::unique_lock lock(reader_mutex_, std::try_to_lock);
    if (!lock || !reader_)
        return 0;
    reader_.reset();
    connection_pool::closed(*this, 1);
    return 1;
}

std::size_t RealmFile::close_idle() {
    std::size_t count = 0;
    if (writer_lock_.try_acquire()) {
        if (writer_ && !transaction_) {
            writer_->db.checkpoint_from(options_.tuning.reopen_bytes);
            writer_.reset();
            merge_.reset();
            connection_pool::closed(*this, 1);
            ++count;
        }
        writer_lock_.release();
    }
    return count + close_reader();
}

void RealmFile::read(const std::function<void(RealmConnection&)>& use) {
    std::lock_guard lock(reader_mutex_);
    open_connection(reader_);
    use(*reader_);
}

template <class Use> void RealmFile::read_for_sync(const Use& use) {
    if (writer_lock_.try_acquire()) {
        struct Turn {
            WriterLock& lock;
            ~Turn() { lock.release(); }
        } turn{writer_lock_};
        if (!transaction_) // deferred commits are not to be seen yet
            return use(writer());
    }
    read(use);
}

// Writing.

void RealmFile::begin(sqlite::Durability durability) {
    try {
        writer();
        if (!transaction_ && writer_durability_ != durability) {
            writer_->db.set_durability(durability);
            writer_durability_ = durability;
        }
        if (transaction_)
            savepoint_.emplace(writer_->db);
        else
            transaction_.emplace(writer_->db);
    } catch (...) {
        writer_lock_.release();
        throw;
    }
}

std::uint64_t RealmFile::commit(std::uint64_t version, Commit kind) {
    const bool announce = kind == Commit::local || group_first_ != 0;
    try {
        if (savepoint_) {
            savepoint_->release();
            savepoint_.reset();
        }
        if (kind == Commit::deferred) {
            const std::uint64_t ticket = ++tickets_;
            if (group_first_ == 0)
                group_first_ = ticket;
            group_version_ = version;
            writer_lock_.release();
            return ticket;
        }
        commit_group();
    } catch (...) {
        rollback();
        throw;
    }
    const int log_pages = writer_->db.log_pages();
    writer_lock_.release();
    if (announce)
        notify(version);
    checkpoint(log_pages, kind);
    return 0;
}

void RealmFile::checkpoint(int log_pages, Commit kind) noexcept {
    // Integrations do it first: nobody waits for them.
    const int limit = options_.tuning.checkpoint_pages * (kind == Commit::remote ? 1 : 2);
    std::unique_lock turn(checkpointing_, std::defer_lock);
    if (log_pages < limit || !turn.try_lock())
        return;
    // The log starts over when nothing is added meanwhile, which writers without a pause prevent.
    const bool alone = log_pages >= 4 * limit;
    if (alone)
        writer_lock_.acquire();
    try {
        sqlite::Database(path_, database_options()).checkpoint_beside();
    } catch (const StoreError&) { // the next commit tries again
    }
    if (alone)
        writer_lock_.release();
}

std::uint64_t RealmFile::commit_changeset(std::shared_ptr<const std::string> bytes,
                                          std::uint64_t timestamp) {
    const changeset::Changeset parsed = value_or_throw(changeset::parse(bytes));
    writer_lock_.acquire();
    begin(options_.durability);
    std::uint64_t version = 0;
    try {
        tables::Applier applier(writer_->tables);
        applier.apply(parsed);
        applier.flush();
        version = local_history::append_local(writer_->db, timestamp, *bytes);
    } catch (...) {
        rollback();
        throw;
    }
    commit(version, Commit::local);
    return version;
}

void RealmFile::rollback() noexcept {
    if (savepoint_) {
        savepoint_.reset(); // the deferred commits before it stay
    } else {
        lose_group();
        transaction_.reset();
    }
    writer_lock_.release();
}

void RealmFile::commit_group() {
    transaction_->commit();
    transaction_.reset();
    group_first_ = 0;
}

void RealmFile::lose_group() noexcept {
    if (group_first_ != 0)
        lost_.emplace_back(group_first_, tickets_);
    group_first_ = 0;
}

void RealmFile::flush(std::uint64_t ticket) {
    writer_lock_.acquire();
    std::uint64_t version = 0;
    if (group_first_ != 0 && ticket >= group_first_) {
        version = group_version_;
        try {
            commit_group();
        } catch (...) {
            rollback();
            throw;
        }
    }
    const int log_pages = version != 0 ? writer_->db.log_pages() : 0;
    bool lost = false;
    for (const auto& [first, last] : lost_)
        lost |= ticket >= first && ticket <= last;
    writer_lock_.release();
    if (lost)
        throw StoreError(StoreFault::other,
                         "the transaction was lost when its group could not be written");
    if (version != 0)
        notify(version);
    checkpoint(log_pages, Commit::local);
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

std::unique_ptr<WriteTransaction> RealmFile::begin_write() {
    writer_lock_.acquire();
    begin(options_.durability);
    return std::unique_ptr<WriteTransaction>(new WriteTransaction(shared_from_this()));
}

std::unique_ptr<WriteTransaction> RealmFile::try_begin_write() {
    if (!writer_lock_.try_acquire())
        return nullptr;
    begin(options_.durability);
    return std::unique_ptr<WriteTransaction>(new WriteTransaction(shared_from_this()));
}

// Sync.

client::ClientState RealmFile::state() {
    client::ClientState state;
    read_for_sync([&](RealmConnection& connection) {
        sqlite::Transaction snapshot(connection.db, sqlite::Transaction::Mode::read);
        state = local_history::load(connection.db);
    });
    return state;
}

client::PendingUpload RealmFile::fetch_upload(const wire::UploadCursor& from,
                                              const client::UploadLimits& limits) {
    client::PendingUpload upload;
    read_for_sync([&](RealmConnection& connection) {
        sqlite::Transaction snapshot(connection.db, sqlite::Transaction::Mode::read);
        upload = local_history::fetch(connection.db, from, limits);
    });
    return upload;
}

client::ClientState RealmFile::store_ident(const wire::FileIdent& file) {
    writer_lock_.acquire();
    begin(options_.durability);
    client::ClientState state;
    try {
        state = local_history::load(writer_->db);
        state.file = file;
        state.progress.download.client_version = 0;
        state.progress.upload = {};
        ++state.current_version;
        local_history::store(writer_->db, state);
        local_history::append(writer_->db,
                              {.version = state.current_version,
                               .remote_version = state.progress.download.server_version,
                               .origin_ident = file.ident});
        state = local_history::load(writer_->db); // the upload cursor decides what is uploaded
    } catch (...) {
        rollback();
        throw;
    }
    commit(state.current_version, Commit::remote);
    return state;
}

bool RealmFile::try_claim_sync() {
    std::lock_guard lock(mutex_);
    if (!claimed_)
        claimed_ = connection_pool::claim(path_);
    return claimed_;
}

void RealmFile::release_sync() {
    std::lock_guard lock(mutex_);
    if (std::exchange(claimed_, false))
        connection_pool::release_claim(path_);
}

} // namespace realmsync::realm
