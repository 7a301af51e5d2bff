// The queue in front of a realm file's single writer: first come, first served, taken and released
// on any threads (an asyncio transaction may end on another thread than it began on). Which SQLite
// transaction the holder runs is realm_file.cpp's business.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace realmsync::realm {

class WriterLock {
  public:
    void acquire() {
        std::unique_lock lock(mutex_);
        const std::uint64_t ticket = next_++;
        turn_.wait(lock, [&] { return serving_ == ticket; });
    }
    bool try_acquire() {
        std::lock_guard lock(mutex_);
        if (next_ != serving_)
            return false;
        ++next_;
        return true;
    }
    void release() {
        {
            std::lock_guard lock(mutex_);
            ++serving_;
        }
        turn_.notify_all(); // each waiter looks for its own number; there are never many
    }
    // Whether anybody waits behind the holder.
    bool has_waiters() const {
        std::lock_guard lock(mutex_);
        return next_ - serving_ > 1;
    }

  private:
    mutable std::mutex mutex_;
    std::condition_variable turn_;
    std::uint64_t next_ = 0;    // number of the next comer
    std::uint64_t serving_ = 0; // number of the holder, or of the next comer when free
};

} // namespace realmsync::realm
