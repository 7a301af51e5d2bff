// The transactions of a realm file's single writer, and the deferred commits among them that share
// one transaction of SQLite and thereby one fsync. Each writing begins with begin() and ends with
// one of defer(), commit() and rollback(). A deferred one is complete but waits in the open
// transaction, with a ticket, until a later commit() or flush() makes it durable together with all
// that wait; a later writing then lies in a savepoint behind it, so that its rollback leaves those
// before it alone. Who may write, and when, is realm_file.hpp's business.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "sqlite/sqlite.hpp"

namespace realmsync::realm {

// Belongs to one connection and to one thread at a time.
class CommitGroup {
  public:
    // Throws StoreError, and nothing has begun then.
    void begin(sqlite::Database& db);
    // Ends the writing, whose version of the file this is, and gives it a ticket for flush(). On an
    // exception the writing is rolled back.
    std::uint64_t defer(std::uint64_t version);
    // Ends the writing and makes it durable with all that waits. On an exception it is rolled back,
    // and what waited is lost if it was the disk that failed.
    void commit();
    // Of the writing alone. What waited is lost, too, if SQLite has rolled back all by itself, as
    // it does where the disk is full.
    void rollback() noexcept;

    // Makes the deferred commit with this ticket durable, with all that waits beside it; between
    // two writings. The newest version that became durable by this; 0 when nothing was left to do.
    // Throws StoreError when the commit was lost.
    std::uint64_t flush(std::uint64_t ticket);
    // Throws StoreError when the deferred commit was lost. On any thread, for good once something
    // later was committed or flush() has returned or thrown.
    void require_kept(std::uint64_t ticket) const;
    // Makes durable what waits, if that is possible. What cannot be written has never been
    // acknowledged.
    void close() noexcept;

    // A transaction of SQLite is open: somebody writes, or commits wait in it.
    bool is_open() const { return transaction_.has_value(); }
    bool has_waiting() const { return first_ != 0; }

  private:
    void write();

    std::optional<sqlite::Transaction> transaction_;
    std::optional<sqlite::Savepoint> savepoint_; // of the present writing, behind deferred ones
    bool is_writing_ = false;
    std::uint64_t tickets_ = 0; // last one given out
    std::uint64_t first_ = 0;   // first ticket that waits in transaction_, 0: none
    std::uint64_t version_ = 0; // of the last one that waits
    mutable std::mutex lost_mutex_;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> lost_; // tickets, first and last
};

} // namespace realmsync::realm
