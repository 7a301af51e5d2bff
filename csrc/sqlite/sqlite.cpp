#include "sqlite/sqlite.hpp"

#include <atomic>
#include <mutex>
#include <sqlite3.h>

#include "base/assert.hpp"
#include "sqlite/library.hpp"
#include "sqlite/ofd_locks.hpp"

namespace realmsync::sqlite {

namespace {

static_assert(static_cast<int>(StoreFault::other) == SQLITE_ERROR &&
              static_cast<int>(StoreFault::busy) == SQLITE_BUSY &&
              static_cast<int>(StoreFault::corrupt) == SQLITE_CORRUPT &&
              static_cast<int>(StoreFault::no_database) == SQLITE_NOTADB);

// Older ones may damage a file when two connections write and check-point at once, as ours do.
constexpr int kOldestSqlite = 3051003;
static_assert(SQLITE_VERSION_NUMBER >= kOldestSqlite);

[[noreturn]] void fail(sqlite3* db, int code, const std::string& doing) {
    const char* words = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
    throw StoreError(code, doing + ": " + words);
}

void check(sqlite3* db, int code, const char* doing) {
    if (code != SQLITE_OK)
        fail(db, code, doing);
}

int note_log_pages(void* pages, sqlite3*, const char*, int count) {
    *static_cast<int*>(pages) = count;
    return SQLITE_OK;
}

} // namespace

// Process-wide settings; the copy is ours alone (amalgamation.c).
void initialise() {
    static std::once_flag once;
    std::call_once(once, [] {
        if (sqlite3_libversion_number() < kOldestSqlite) // linked to a foreign one
            throw StoreError(SQLITE_ERROR, std::string("SQLite 3.51.3 or newer is needed, found ") +
                                               sqlite3_libversion());
        sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0); // no 20 pages ahead of need
        int code = sqlite3_initialize();
        if (code != SQLITE_OK)
            throw StoreError(code, "cannot initialise SQLite");
        install_ofd_locks();
    });
}

const char* version() { return sqlite3_libversion(); }

Statement::Statement(sqlite3* db, std::string_view sql) {
    const char* tail = nullptr;
    int code = sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()),
                                  SQLITE_PREPARE_PERSISTENT, &statement_, &tail);
    if (code != SQLITE_OK)
        fail(db, code, "cannot prepare \"" + std::string(sql.substr(0, 200)) + "\"");
}

Statement& Statement::operator=(Statement&& other) noexcept {
    if (this != &other) {
        sqlite3_finalize(statement_);
        statement_ = other.statement_;
        other.statement_ = nullptr;
    }
    return *this;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

void Statement::bind(int index, std::int64_t value) {
    check(sqlite3_db_handle(statement_), sqlite3_bind_int64(statement_, index, value), "bind");
}

void Statement::bind(int index, double value) {
    check(sqlite3_db_handle(statement_), sqlite3_bind_double(statement_, index, value), "bind");
}

void Statement::bind(int index, std::string_view text) {
    check(sqlite3_db_handle(statement_),
          sqlite3_bind_text64(statement_, index, text.data() != nullptr ? text.data() : "",
                              text.size(), SQLITE_STATIC, SQLITE_UTF8),
          "bind");
}

void Statement::bind(int index, Blob blob) {
    check(sqlite3_db_handle(statement_),
          sqlite3_bind_blob64(statement_, index,
                              blob.bytes.data() != nullptr ? blob.bytes.data() : "",
                              blob.bytes.size(), SQLITE_STATIC),
          "bind");
}

void Statement::bind(int index, Null) {
    check(sqlite3_db_handle(statement_), sqlite3_bind_null(statement_, index), "bind");
}

bool Statement::step() {
    int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW)
        return true;
    if (code == SQLITE_DONE)
        return false;
    sqlite3* db = sqlite3_db_handle(statement_);
    StoreError error(sqlite3_extended_errcode(db), std::string("SQLite: ") + sqlite3_errmsg(db));
    sqlite3_reset(statement_);
    throw error;
}

void Statement::reset() noexcept { sqlite3_reset(statement_); }

ColumnType Statement::type(int column) const {
    static_assert(SQLITE_INTEGER == 1 && SQLITE_FLOAT == 2 && SQLITE3_TEXT == 3 &&
                  SQLITE_BLOB == 4 && SQLITE_NULL == 5);
    return static_cast<ColumnType>(sqlite3_column_type(statement_, column));
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }

std::string_view Statement::text(int column) const {
    const void* data = sqlite3_column_type(statement_, column) == SQLITE_BLOB
                           ? sqlite3_column_blob(statement_, column)
                           : sqlite3_column_text(statement_, column);
    if (data == nullptr)
        return {};
    return {static_cast<const char*>(data),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

namespace {

std::uint64_t next_connection() {
    static std::atomic<std::uint64_t> last = 0;
    return ++last;
}

} // namespace

Database::Database(const std::string& path, const DatabaseOptions& options)
    : number_(next_connection()), capacity_(options.statements) {
    initialise();
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (options.read_only)
        flags |= SQLITE_OPEN_READONLY;
    else
        flags |= SQLITE_OPEN_READWRITE | (options.create ? SQLITE_OPEN_CREATE : 0);
    int code = sqlite3_open_v2(path.c_str(), &db_, flags,
                               options.vfs.empty() ? nullptr : options.vfs.c_str());
    try {
        if (code != SQLITE_OK)
            fail(db_, code, "cannot open " + path);
        sqlite3_db_config(db_, SQLITE_DBCONFIG_LOOKASIDE, nullptr, 0, 0);
        sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
        sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
        sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
                          options.checkpoint_on_close ? 0 : 1, nullptr);
        sqlite3_busy_timeout(db_, options.busy_timeout_ms);
        sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
        if (options.checkpoint_pages != 0)
            sqlite3_wal_autocheckpoint(db_, options.checkpoint_pages);
        else
            sqlite3_wal_hook(db_, note_log_pages, &log_pages_);
        if (!options.read_only && !options.is_wal)
            exec("PRAGMA page_size=" + std::to_string(options.page_size) +
                 "; PRAGMA journal_mode=WAL");
        exec("PRAGMA cache_size=-" + std::to_string(options.cache_kib) +
             "; PRAGMA temp_store=MEMORY");
        set_durability(options.durability);
    } catch (...) {
        sqlite3_close_v2(db_);
        throw;
    }
}

Database::~Database() {
    by_sql_.clear();
    entries_.clear();
    sqlite3_close_v2(db_); // v2: a Query that is still out keeps the handle alive
}

void Database::exec(const std::string& sql) {
    int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK)
        fail(db_, sqlite3_extended_errcode(db_), "SQLite");
}

std::shared_ptr<Statement> Database::cached(std::string_view sql) {
    auto found = by_sql_.find(sql);
    if (found != by_sql_.end()) {
        entries_.splice(entries_.begin(), entries_, found->second);
        std::shared_ptr<Statement>& statement = found->second->statement;
        if (statement.use_count() == 1)
            return statement;
        return std::make_shared<Statement>(db_, sql); // in use further up the stack
    }
    auto statement = std::make_shared<Statement>(db_, sql);
    if (entries_.size() >= capacity_) {
        by_sql_.erase(entries_.back().sql);
        entries_.pop_back();
    }
    entries_.push_front({std::string(sql), statement});
    by_sql_.emplace(entries_.front().sql, entries_.begin());
    return statement;
}

DataState Database::state() {
    return {number_, integer("PRAGMA data_version").value_or(0), sqlite3_total_changes64(db_),
            rollbacks_};
}

std::int64_t Database::changes() const { return sqlite3_changes64(db_); }
std::int64_t Database::last_rowid() const { return sqlite3_last_insert_rowid(db_); }
std::uint64_t Database::take_pages() {
    std::uint64_t pages = 0;
    for (const int counter : {SQLITE_DBSTATUS_CACHE_HIT, SQLITE_DBSTATUS_CACHE_MISS}) {
        int value = 0, high = 0;
        if (sqlite3_db_status(db_, counter, &value, &high, 1) == SQLITE_OK)
            pages += static_cast<std::uint64_t>(value);
    }
    return pages;
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

void Database::set_busy_timeout(std::chrono::milliseconds time) {
    sqlite3_busy_timeout(db_, static_cast<int>(time.count()));
}

void Database::set_durability(Durability durability) {
    REALMSYNC_ASSERT(!in_transaction()); // SQLite would ignore it
    exec("PRAGMA synchronous=" + std::to_string(static_cast<int>(durability)));
    durability_ = durability;
}

namespace {

// The WAL and its size; null without one.
sqlite3_file* find_log(sqlite3* db, sqlite3_int64& size) {
    sqlite3_file* log = nullptr;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
        !log->pMethods || log->pMethods->xFileSize(log, &size) != SQLITE_OK)
        return nullptr;
    return log;
}

} // namespace

void Database::sync_log() {
    if (durability_ == Durability::off)
        return;
    query("SELECT 1 FROM sqlite_schema").step(); // opens the WAL, if nothing else has
    sqlite3_int64 size = 0;
    sqlite3_file* log = find_log(db_, size);
    if (!log || size == 0)
        return;
    const int code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    if (code != SQLITE_OK)
        fail(nullptr, code, "cannot sync a write-ahead log");
}

void Database::checkpoint() {
    int code =
        sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    if (code != SQLITE_OK && (code & 255) != SQLITE_BUSY)
        fail(db_, code, "checkpoint");
}

void Database::checkpoint_beside() {
    sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

void Database::checkpoint_from(std::int64_t bytes) {
    sqlite3_int64 size = 0;
    if (!find_log(db_, size) || size < bytes)
        return;
    sqlite3_busy_timeout(db_, 0);
    sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

std::string Database::serialize() const {
    sqlite3_int64 size = 0;
    std::unique_ptr<unsigned char, void (*)(void*)> bytes(sqlite3_serialize(db_, "main", &size, 0),
                                                          sqlite3_free);
    if (!bytes)
        throw std::bad_alloc();
    return std::string(reinterpret_cast<char*>(bytes.get()), static_cast<std::size_t>(size));
}

void Database::shrink() {
    by_sql_.clear();
    entries_.clear();
    sqlite3_db_release_memory(db_);
}

namespace {

constexpr int kSteps = 4'000;       // of a statement's program between two looks at the work
constexpr int kFewSteps = 500;      // between two questions: what is done for a row may be long
constexpr std::uint64_t kStep = 10; // ns

int spend_on_steps(void* work) {
    return static_cast<Work*>(work)->try_spend(kSteps * kStep) ? 0 : 1;
}

} // namespace

Watch::Watch(Database& db, Work& work) : db_(db) {
    sqlite3_progress_handler(db.handle(), kSteps, spend_on_steps, &work);
}
Watch::~Watch() { sqlite3_progress_handler(db_.handle(), 0, nullptr, nullptr); }

Interruption::Interruption(Database& db, std::function<bool()> goes_on)
    : db_(db), goes_on_(std::move(goes_on)) {
    sqlite3_progress_handler(
        db.handle(), kFewSteps,
        [](void* self) { return static_cast<Interruption*>(self)->goes_on_() ? 0 : 1; }, this);
}
Interruption::~Interruption() { sqlite3_progress_handler(db_.handle(), 0, nullptr, nullptr); }

Transaction::Transaction(Database& db, Mode mode) : db_(&db) {
    db.run(mode == Mode::write ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
    if (db_ != nullptr) {
        try {
            rollback();
        } catch (const StoreError&) { // the connection is broken: nothing was committed
        }
    }
}

void Transaction::commit() {
    REALMSYNC_ASSERT(db_ != nullptr); // ends once
    db_->run("COMMIT");
    db_ = nullptr;
}

void Transaction::rollback() {
    REALMSYNC_ASSERT(db_ != nullptr);
    Database* db = db_;
    db_ = nullptr;
    db->note_rollback();
    if (db->in_transaction())
        db->run("ROLLBACK");
}

Savepoint::Savepoint(Database& db) : db_(&db) { db.run("SAVEPOINT rs"); }

Savepoint::~Savepoint() {
    if (db_ != nullptr) {
        try {
            rollback();
        } catch (const StoreError&) {
        }
    }
}

void Savepoint::release() {
    REALMSYNC_ASSERT(db_ != nullptr); // ends once
    db_->run("RELEASE rs");
    db_ = nullptr;
}

void Savepoint::rollback() {
    REALMSYNC_ASSERT(db_ != nullptr);
    Database* db = db_;
    db_ = nullptr;
    db->note_rollback();
    if (!db->in_transaction())
        return;
    db->run("ROLLBACK TO rs");
    db->run("RELEASE rs");
}

} // namespace realmsync::sqlite
