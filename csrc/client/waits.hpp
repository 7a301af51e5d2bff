// The waits of one sync session (client-session.md section 5): identified by number, each resolved
// exactly once. This is the list alone: what completes a wait is in completion.hpp, what makes it
// fail in sync_session.cpp (report_error, stop).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/progress.hpp"
#include "client/subscriptions.hpp"

namespace realmsync::client {

class Waits {
  public:
    void add(Direction direction, std::uint64_t id) { waits_.push_back({direction, id}); }
    std::size_t count(Direction direction) const;
    bool empty() const { return waits_.empty() && set_waits_.empty(); }
    // For a subscription set to be complete (flexible-sync.md 3.7).
    void add_for_set(std::int64_t version, std::uint64_t id);
    // A protocol session begins: what it reads is newer than the sets that are waited for now.
    void on_start();
    struct Outcome {
        std::uint64_t wait;
        std::optional<std::string> error; // of the server; none: complete or superseded
    };
    // Those that are over by what is known of the sets. A set that is not among them is superseded,
    // unless it is newer than what was read: `is_first` says that it was read since on_start().
    std::vector<Outcome> take_settled(const Subscriptions& subscriptions, bool is_first);
    // All of one direction, last registered first: the order of completion (5.3).
    std::vector<std::uint64_t> take(Direction direction);
    // All, in order of registration: the order of failure (2.4).
    std::vector<std::uint64_t> take_all();

  private:
    struct Wait {
        Direction direction;
        std::uint64_t id;
    };
    struct SetWait {
        std::int64_t version;
        std::uint64_t id;
        bool is_older; // than the protocol session
    };
    static std::optional<Outcome> outcome(const SetWait& wait, const Subscriptions& subscriptions,
                                          bool is_first);

    std::vector<Wait> waits_; // in order of registration
    std::vector<SetWait> set_waits_;
};

} // namespace realmsync::client
