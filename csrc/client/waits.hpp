// The waits of one sync session (client-session.md section 5): identified by number, each resolved
// exactly once. This is the list alone: what completes a wait is in completion.hpp, what makes it
// fail in sync_session.cpp (report_error, stop).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "client/progress.hpp"

namespace realmsync::client {

class Waits {
  public:
    void add(Direction direction, std::uint64_t id) { waits_.push_back({direction, id}); }
    std::size_t count(Direction direction) const;
    bool empty() const { return waits_.empty(); }
    // All of one direction, last registered first: the order of completion (5.3).
    std::vector<std::uint64_t> take(Direction direction);
    // All, in order of registration: the order of failure (2.4).
    std::vector<std::uint64_t> take_all();

  private:
    struct Wait {
        Direction direction;
        std::uint64_t id;
    };
    std::vector<Wait> waits_; // in order of registration
};

} // namespace realmsync::client
