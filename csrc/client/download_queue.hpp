// The DOWNLOADs of a session on their way into its file: the store gets two at a time, the others
// wait here, where any number of empty ones in a row is one. What they cost is charged to the
// connection, which stops reading when it is too much (connection.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "client/store_job.hpp"

namespace realmsync::client {

class DownloadQueue {
  public:
    struct Waiting {
        ReceivedDownload download;
        std::uint64_t binding; // in which it came
    };

    // Takes one in. Its charge is set: the bytes of its body and, unless the store gets it at once,
    // `overhead`, the memory of a message beside its body. Gives what is to be charged now: nothing
    // for what a waiting one has swallowed.
    std::uint64_t add(ReceivedDownload download, std::uint64_t binding, std::uint64_t overhead);
    // The next one for the store, if it may have one more.
    std::optional<Waiting> next();
    // The store is done with one, whatever came of it.
    void on_over();
    // How many have been taken in, and how many of them are over: first come, first dealt with.
    std::uint64_t taken() const { return taken_; }
    std::uint64_t over() const { return over_; }
    // Nothing is at the store or waits for it.
    bool is_idle() const { return at_store_ == 0 && waiting_.empty(); }
    // Lets go of all that wait. Gives what they were charged.
    std::uint64_t drop();

  private:
    std::uint64_t taken_ = 0, over_ = 0;
    std::size_t at_store_ = 0; // of any binding
    std::deque<Waiting> waiting_;
};

} // namespace realmsync::client
