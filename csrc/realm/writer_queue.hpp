// The queue in front of a realm file's single writer, for all its openers in the process: first
// come, first served. A turn is taken and released on any threads (an asyncio transaction may end
// on another thread than it began on). Who waits in a thread blocks in acquire() or in slices of
// Ticket::wait_for(); who waits in an event loop is told by a function, and no thread waits for
// it. Which SQLite transaction the holder runs is realm_file.cpp's business, as are other
// processes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace realmsync::realm {

class WriterQueue {
  public:
    // Whose progress a turn depends on; zeros: nobody's that could wait for itself.
    struct Owner {
        std::uint64_t thread = 0;
        std::uintptr_t task = 0; // of an event loop
        bool operator==(const Owner&) const = default;
    };

    // Held by the one whose turn it is; passes to the next in the queue when it is destroyed.
    class Turn {
      public:
        Turn() = default; // nobody's
        Turn(Turn&& other) noexcept : queue_(std::exchange(other.queue_, nullptr)) {}
        Turn& operator=(Turn&& other) noexcept {
            Turn(std::move(other)).swap(*this);
            return *this;
        }
        ~Turn() {
            if (queue_)
                queue_->release();
        }
        explicit operator bool() const { return queue_ != nullptr; }
        void swap(Turn& other) noexcept { std::swap(queue_, other.queue_); }
        bool is_of(const WriterQueue& queue) const { return queue_ == &queue; }

      private:
        friend class WriterQueue;
        explicit Turn(WriterQueue& queue) : queue_(&queue) {}
        WriterQueue* queue_ = nullptr;
    };

    // A place in the queue. Given up, with the turn when it had come already, when it is destroyed.
    class Ticket {
      public:
        Ticket(Ticket&& other) noexcept = default;
        Ticket& operator=(Ticket&&) = delete;
        ~Ticket() {
            if (waiter_) // not moved from
                queue_->leave(waiter_);
        }
        bool is_granted() const;
        // Whether the turn came within the time.
        bool wait_for(std::chrono::milliseconds time) const;
        // The turn if it has come and was not taken yet, else nobody's.
        Turn take(Owner owner);
        void put_back(Turn turn); // as if it had not been taken

      private:
        friend class WriterQueue;
        struct Waiter;
        Ticket(WriterQueue& queue, std::shared_ptr<Waiter> waiter)
            : queue_(&queue), waiter_(std::move(waiter)) {}
        WriterQueue* queue_;
        std::shared_ptr<Waiter> waiter_;
    };

    // A place behind all others. `on_turn` is called when the turn has come, on any thread and
    // perhaps before this returns; a turn that was not taken yet may be taken back for
    // request_blocking(), and then comes again. `thread`: whose event loop takes the turn.
    Ticket request(std::uint64_t thread, std::function<void()> on_turn);
    // For one who blocks `thread` until the turn has come: before those that could not take
    // theirs because their event loop runs on the same thread. 0: a thread without one.
    Ticket request_blocking(std::uint64_t thread);
    Turn acquire();                // blocks, without an owner
    Turn try_acquire(Owner owner); // nobody's when somebody has it or waits for it
    Turn try_acquire() { return try_acquire({}); }

    bool is_taken() const;
    std::optional<Owner> holder() const; // of a turn that was taken
    // The holder goes on without depending on its thread: a commit that a worker runs.
    void disown();
    bool has_waiters() const; // whether anybody waits behind the holder

  private:
    using Waiter = Ticket::Waiter;
    void release();
    void leave(const std::shared_ptr<Waiter>& waiter);
    // With mutex_ held: gives the turn to the next if it is free. The one to tell, without it.
    std::shared_ptr<Waiter> advance();
    void tell(const std::shared_ptr<Waiter>& waiter);

    mutable std::mutex mutex_;
    std::condition_variable came_;
    std::list<std::shared_ptr<Waiter>> waiting_;
    std::shared_ptr<Waiter> granted_; // has its turn and has not taken it
    bool taken_ = false;              // never both
    Owner owner_;                     // while it is taken
};

} // namespace realmsync::realm
