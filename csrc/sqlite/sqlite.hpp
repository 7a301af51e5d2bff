// A thin layer over SQLite: connections, statements, transactions, errors as exceptions. Settings
// that the whole store relies on (WAL, busy timeout, small memory, locks that survive a second copy
// of SQLite in the process, see ofd_locks.hpp) are made here; no table is known here.
// One connection belongs to one thread at a time.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "base/work.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace realmsync::sqlite {

struct Blob { // borrowed bytes, bound as BLOB; a string_view is bound as TEXT
    std::string_view bytes;
};
struct Null {};

// What a column of a row holds; the numbers are SQLite's.
enum class ColumnType { integer = 1, real = 2, text = 3, blob = 4, null = 5 };

// A prepared statement. Texts and blobs are bound without a copy: they must live until the
// statement has been run or reset. Columns are valid until the next step or reset.
class Statement {
  public:
    Statement() = default;
    Statement(sqlite3* db, std::string_view sql);
    Statement(Statement&& other) noexcept : statement_(other.statement_) {
        other.statement_ = nullptr;
    }
    Statement& operator=(Statement&& other) noexcept;
    ~Statement();

    void bind(int index, std::int64_t value); // index from 1
    void bind(int index, std::integral auto value) {
        bind(index, static_cast<std::int64_t>(value));
    }
    void bind(int index, double value);
    void bind(int index, std::string_view text);
    void bind(int index, const std::string& text) { bind(index, std::string_view(text)); }
    void bind(int index, const char* text) { bind(index, std::string_view(text)); }
    void bind(int index, Blob blob);
    void bind(int index, Null);
    template <class... Args> void bind_all(const Args&... args) {
        int index = 0;
        (bind(++index, args), ...);
    }

    bool step(); // true: a row is there; false: done
    void run() { // steps to the end and resets
        while (step()) {
        }
        reset();
    }
    void reset() noexcept; // bindings stay, but must not be used without binding texts again

    ColumnType type(int column) const; // columns from 0
    bool is_null(int column) const { return type(column) == ColumnType::null; }
    std::int64_t integer(int column) const;
    std::uint64_t unsigned_integer(int column) const {
        return static_cast<std::uint64_t>(integer(column));
    }
    double real(int column) const;
    std::string_view text(int column) const; // TEXT or BLOB bytes, may hold U+0000
    std::string string(int column) const { return std::string(text(column)); }

  private:
    sqlite3_stmt* statement_ = nullptr;
};

// A statement out of the connection's cache, reset when it goes out of scope.
class Query {
  public:
    explicit Query(std::shared_ptr<Statement> statement) : statement_(std::move(statement)) {}
    Query(Query&&) = default;
    ~Query() {
        if (statement_)
            statement_->reset();
    }
    Statement* operator->() const { return statement_.get(); }
    Statement& operator*() const { return *statement_; }
    bool step() { return statement_->step(); }

  private:
    std::shared_ptr<Statement> statement_;
};

enum class Durability { // SQLite's synchronous
    off = 0,            // survives a crash of the process, not of the machine
    full = 2,           // every commit is on the disk when it returns
};

struct DatabaseOptions {
    std::string vfs; // empty: the operating system's files; else a VirtualFiles (virtual_files.hpp)
    bool create = true;
    bool read_only = false;
    bool is_wal = false; // known to be in WAL mode: spares a look at the file
    Durability durability = Durability::full;
    int busy_timeout_ms = 60'000; // wait for another writer
    int cache_kib = 512;          // page cache at most; pages are allocated as they are used
    int page_size = 4096;         // of a new file
    std::size_t statements = 64;  // prepared ones kept
    bool checkpoint_on_close = true;
    // WAL size at which a commit checkpoints; 0: never, whoever owns the file sees to it.
    int checkpoint_pages = 1000;
};

// What a connection sees: with equal states the same data. Of one connection a state is never that
// of another, and changes with what either writes.
struct DataState {
    std::uint64_t connection = 0;
    std::int64_t version = 0, changes = 0;
    std::uint64_t rollbacks = 0;
    bool operator==(const DataState&) const = default;
};

class Database {
  public:
    // Opens in WAL mode (":memory:" too, without WAL). Throws StoreError.
    explicit Database(const std::string& path, const DatabaseOptions& options = {});
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    void exec(const std::string& sql); // any number of statements, no parameters
    // A cached statement with its parameters bound, ready to step.
    template <class... Args> Query query(std::string_view sql, const Args&... args) {
        Query query{cached(sql)};
        query->bind_all(args...);
        return query;
    }
    template <class... Args> void run(std::string_view sql, const Args&... args) {
        query(sql, args...)->run();
    }
    // First column of the first row, if there is a row.
    template <class... Args>
    std::optional<std::int64_t> integer(std::string_view sql, const Args&... args) {
        Query query = this->query(sql, args...);
        return query.step() ? std::optional(query->integer(0)) : std::nullopt;
    }
    std::shared_ptr<Statement> cached(std::string_view sql); // O(1) after the first time

    DataState state();            // inside a transaction that has read: that of its snapshot
    std::int64_t changes() const; // rows changed by the last statement
    std::int64_t last_rowid() const;
    std::uint64_t take_pages(); // pages that statements have looked at since the last call
    bool in_transaction() const;
    void set_durability(Durability durability); // between transactions
    void set_busy_timeout(std::chrono::milliseconds time);
    // Makes durable what is in the WAL, unless commits of this connection need not be. A process
    // that died between writing and syncing leaves a commit that everybody sees and a power cut
    // takes back: whoever tells others what a file holds calls this first. Cheap without a WAL.
    void sync_log();
    void checkpoint(); // as far as readers allow, then truncates the WAL
    // As far as possible without waiting for anybody, beside readers and a writer. The WAL is
    // written from its beginning again once nothing was added meanwhile.
    void checkpoint_beside();
    // Pages in the WAL after this connection's last commit; 0 with automatic checkpoints.
    int log_pages() const { return log_pages_; }
    // Before closing: the same without waiting, if the WAL has grown to so many bytes.
    void checkpoint_from(std::int64_t bytes);
    void shrink(); // drops statements and pages of an idle connection
    // Counts rollbacks made through Transaction and Savepoint: caches of what the file holds
    // compare it and start afresh.
    std::uint64_t rollbacks() const { return rollbacks_; }
    void note_rollback() { ++rollbacks_; }
    sqlite3* handle() const { return db_; }
    std::string serialize() const; // the whole main database, as the bytes of a file

  private:
    struct Entry {
        std::string sql;
        std::shared_ptr<Statement> statement;
    };
    sqlite3* db_ = nullptr;
    const std::uint64_t number_; // of the connection, in this process
    Durability durability_ = Durability::full;
    std::size_t capacity_;
    std::list<Entry> entries_; // most recently used first
    std::unordered_map<std::string_view, std::list<Entry>::iterator> by_sql_;
    std::uint64_t rollbacks_ = 0;
    int log_pages_ = 0;
};

// While it lives, statements of the connection spend of `work` what they take; one that gets none
// fails (INTERRUPT), and takes the transaction with it if it writes.
class Watch {
  public:
    Watch(Database& db, Work& work);
    ~Watch();
    Watch(const Watch&) = delete;

  private:
    Database& db_;
};

// While it lives, statements of the connection ask now and then whether they shall go on; one that
// shall not fails (INTERRUPT).
class Interruption {
  public:
    Interruption(Database& db, std::function<bool()> goes_on);
    ~Interruption();
    Interruption(const Interruption&) = delete;

  private:
    Database& db_;
    std::function<bool()> goes_on_;
};

// BEGIN now, COMMIT by commit(), ROLLBACK if it goes out of scope before.
class Transaction {
  public:
    enum class Mode { read, write }; // write: BEGIN IMMEDIATE
    explicit Transaction(Database& db, Mode mode = Mode::write);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    // Not once it has ended, nor after an error at which SQLite has rolled back by itself.
    bool is_open() const { return db_ != nullptr && db_->in_transaction(); }
    void commit();
    void rollback();

  private:
    Database* db_;
};

// The same inside a transaction; may nest.
class Savepoint {
  public:
    explicit Savepoint(Database& db);
    ~Savepoint();
    Savepoint(const Savepoint&) = delete;
    void release();
    void rollback();

  private:
    Database* db_;
};

} // namespace realmsync::sqlite
