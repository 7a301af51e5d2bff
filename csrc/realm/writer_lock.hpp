// The queue in front of a realm file's single writer: first come, first served, taken and released
// on any threads (an asyncio transaction may end on another thread than it began on). Which SQLite
// transaction the holder runs is realm_file.cpp's business.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

#include "base/assert.hpp"

namespace realmsync::realm {

class WriterLock {
  public:
    // Held by the one whose turn it is; passes to the next in the queue when it is destroyed.
    class Turn {
      public:
        Turn() = default; // nobody's
        Turn(Turn&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
        Turn& operator=(Turn&&) = delete;
        ~Turn() {
            if (lock_)
                lock_->release();
        }
        explicit operator bool() const { return lock_ != nullptr; }
        bool is_of(const WriterLock& lock) const { return lock_ == &lock; }

      private:
        friend class WriterLock;
        explicit Turn(WriterLock& lock) : lock_(&lock) {}
        WriterLock* lock_ = nullptr;
    };

    Turn acquire() {
        std::unique_lock lock(mutex_);
        const std::uint64_t number = next_++;
        turn_.wait(lock, [&] { return serving_ == number; });
        return Turn(*this);
    }
    Turn try_acquire() { // nobody's when somebody has it or waits for it
        std::lock_guard lock(mutex_);
        if (next_ != serving_)
            return Turn();
        ++next_;
        return Turn(*this);
    }
    bool is_taken() const {
        std::lock_guard lock(mutex_);
        return next_ != serving_;
    }
    // Whether anybody waits behind the holder.
    bool has_waiters() const {
        std::lock_guard lock(mutex_);
        return next_ - serving_ > 1;
    }

  private:
    void release() {
        {
            std::lock_guard lock(mutex_);
            REALMSYNC_ASSERT(serving_ != next_);
            ++serving_;
        }
        turn_.notify_all(); // each waiter looks for its own number; there are never many
    }

    mutable std::mutex mutex_;
    std::condition_variable turn_;
    std::uint64_t next_ = 0;    // number of the next comer
    std::uint64_t serving_ = 0; // number of the holder, or of the next comer when free
};

} // namespace realmsync::realm
