// Results of worker threads on their way back to the event loop: any thread pushes, the loop drains
// when the eventfd is readable. One wake-up serves however many results are waiting.
#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "base/wake_up.hpp"

namespace realmsync::runtime {

template <class T> class CompletionQueue {
  public:
    explicit CompletionQueue(const WakeUp& wake_up) : wake_up_(wake_up) {}

    void push(T item) {
        bool first = false;
        {
            std::lock_guard lock(mutex_);
            first = items_.empty();
            items_.push_back(std::move(item));
        }
        if (first)
            wake_up_.signal();
    }
    std::vector<T> take() {
        std::lock_guard lock(mutex_);
        return std::exchange(items_, {});
    }

  private:
    const WakeUp& wake_up_;
    std::mutex mutex_;
    std::vector<T> items_;
};

} // namespace realmsync::runtime
