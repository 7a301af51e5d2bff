// A bound on what one peer's input may cost. Whoever does the work says beforehand what it is going
// to take, in nanoseconds of a machine that never changes, so that the same input is taken or
// refused everywhere and always; what the steps cost stands where they are taken. A flag ends the
// work early when the process is to stop.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include "base/error.hpp"

namespace realmsync {

class Work {
  public:
    static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

    explicit Work(std::uint64_t budget = kUnlimited, const std::atomic<bool>* stop = nullptr)
        : left_(budget), stop_(stop) {}
    Work(const Work&) = delete;

    // Throws ErrorException, limit_exceeded, when there is less left.
    void spend(std::uint64_t cost) {
        if (!try_spend(cost)) [[unlikely]]
            raise(ErrorKind::limit_exceeded, was_stopped()
                                                 ? "The server is stopping"
                                                 : "Integrating this would take too much work");
    }
    bool try_spend(std::uint64_t cost) noexcept {
        if (cost > left_ || was_stopped()) [[unlikely]] {
            exhausted_ = true;
            return false;
        }
        left_ -= cost;
        spent_ += cost;
        return true;
    }
    bool is_limited() const { return left_ != kUnlimited - spent_; }
    std::uint64_t spent() const { return spent_; }
    bool is_exhausted() const { return exhausted_; } // or stopped
    bool was_stopped() const { return stop_ && stop_->load(std::memory_order_relaxed); }

  private:
    std::uint64_t left_;
    std::uint64_t spent_ = 0;
    const std::atomic<bool>* stop_;
    bool exhausted_ = false;
};

} // namespace realmsync
