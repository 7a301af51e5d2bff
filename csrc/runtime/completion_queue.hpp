// Results of worker threads on their way back to the event loop: any thread pushes, the loop drains
// when the eventfd is readable. One wake-up serves however many results are waiting.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

namespace realmsync::runtime {

// A descriptor that is readable while somebody wants the loop's attention.
class WakeUp {
  public:
    WakeUp() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (fd_ < 0)
            throw std::system_error(errno, std::generic_category(), "eventfd");
    }
    ~WakeUp() { ::close(fd_); }
    WakeUp(const WakeUp&) = delete;
    WakeUp& operator=(const WakeUp&) = delete;

    int fd() const { return fd_; }
    void signal() const {
        const std::uint64_t one = 1;
        [[maybe_unused]] auto n = ::write(fd_, &one, sizeof one); // full means: already readable
    }
    void reset() const {
        std::uint64_t count = 0;
        [[maybe_unused]] auto n = ::read(fd_, &count, sizeof count);
    }

  private:
    int fd_;
};

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
