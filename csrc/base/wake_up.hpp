// How threads get the attention of an event loop. What they have for it lies elsewhere.
#pragma once

#ifdef __linux__
#include <sys/eventfd.h>
#else
#include <fcntl.h>
#endif
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace realmsync {

// A descriptor that is readable while somebody wants the loop's attention.
class WakeUp {
  public:
    WakeUp() {
#ifdef __linux__ // one descriptor, whose signals add up
        in_ = out_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (in_ < 0)
            throw std::system_error(errno, std::generic_category(), "eventfd");
#else
        int ends[2];
        if (::pipe(ends) != 0)
            throw std::system_error(errno, std::generic_category(), "pipe");
        for (const int end : ends) {
            ::fcntl(end, F_SETFD, FD_CLOEXEC);
            ::fcntl(end, F_SETFL, O_NONBLOCK);
        }
        in_ = ends[0];
        out_ = ends[1];
#endif
    }
    ~WakeUp() {
        ::close(in_);
        if (out_ != in_)
            ::close(out_);
    }
    WakeUp(const WakeUp&) = delete;
    WakeUp& operator=(const WakeUp&) = delete;

    int fd() const { return in_; }
    void signal() const {
        const std::uint64_t one = 1;
        [[maybe_unused]] auto n = ::write(out_, &one, sizeof one); // full means: already readable
    }
    void reset() const {
        std::uint64_t signals[512]; // of a pipe each has its own 8 bytes; if more remain, again
        [[maybe_unused]] auto n = ::read(in_, signals, sizeof signals);
    }

  private:
    int in_;  // what becomes readable
    int out_; // where that is done
};

} // namespace realmsync
