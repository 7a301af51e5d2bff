// Waiting for a realm file's turn (realm/writer_queue.hpp) from Python: who waits and owns, waiting
// in a thread that signals can interrupt, and in an event loop without a thread.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/wake_up.hpp"
#include "realm/realm_file.hpp"
#include "realm/write_transaction.hpp"

namespace realmsync::bindings {

// The calling thread and, in an event loop, its running task. Needs the GIL.
realm::WriterQueue::Owner caller();

// Who began a transaction. Keeps no task alive.
class TurnOwner {
  public:
    TurnOwner() = default;
    static TurnOwner caller();
    const realm::WriterQueue::Owner& queue_owner() const { return owner_; }
    bool is_of_this_thread() const { return owner_.thread == PyThread_get_thread_ident(); }
    bool is_caller() const;      // what began outside of a task is every task's of the thread
    std::string of_whom() const; // " of task 'x'"

  private:
    realm::WriterQueue::Owner owner_;
    pybind11::object task_; // a weak reference; null: none
};

// Raises WrongTransactionStateError when the turn is held by one who would wait for itself: the
// caller or, when it blocks the thread, anybody there.
void refuse_own_turn(realm::RealmFile& file, const realm::WriterQueue::Owner& owner, bool blocks);

// Blocks without the GIL, handles signals meanwhile; what their handlers raise ends the wait.
// WriteTimeoutError after `timeout` seconds.
realm::WriterQueue::Turn wait_for_turn(realm::RealmFile& file,
                                       const realm::WriterQueue::Owner& owner,
                                       std::optional<double> timeout);
// The same, and for other processes to end their writing.
std::unique_ptr<realm::WriteTransaction>
wait_and_begin(const std::shared_ptr<realm::RealmFile>& file,
               const realm::WriterQueue::Owner& owner, std::optional<double> timeout);

// RealmFile::flush() in its turn, on a thread that may wait for the disk.
class PendingFlush {
  public:
    PendingFlush(std::shared_ptr<realm::RealmFile> file, realm::WriterQueue::Turn turn,
                 std::uint64_t number)
        : file_(std::move(file)), turn_(std::move(turn)), number_(number) {}
    void run(); // once

  private:
    std::shared_ptr<realm::RealmFile> file_;
    realm::WriterQueue::Turn turn_;
    std::uint64_t number_;
};

// A place in the queue for an event loop. Destroyed, it gives up its place and its turn.
class WriteTicket {
  public:
    WriteTicket(std::shared_ptr<realm::RealmFile> file, std::shared_ptr<WakeUp> wake);
    bool is_granted() const { return ticket_ && ticket_->is_granted(); }
    std::unique_ptr<realm::WriteTransaction> begin(const realm::WriterQueue::Owner& owner,
                                                   std::chrono::milliseconds patience);
    PendingFlush take_flush(std::uint64_t number); // in its turn
    void cancel();

  private:
    std::shared_ptr<realm::RealmFile> file_;
    std::optional<realm::WriterQueue::Ticket> ticket_; // goes before the file does
};

// A transaction that is only to be committed, on a thread that may wait for the disk. Dropped, it
// is rolled back.
class PendingCommit {
  public:
    explicit PendingCommit(std::unique_ptr<realm::WriteTransaction> transaction)
        : transaction_(std::move(transaction)) {}
    void run(std::uint64_t now); // durable on return

  private:
    std::unique_ptr<realm::WriteTransaction> transaction_;
};

void bind_writer_turn(pybind11::module_& m);

} // namespace realmsync::bindings
