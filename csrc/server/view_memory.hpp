// What the views take that users' sessions hold: in force, on their way and next, with those that
// bootstraps lead away from. Whoever subscribes to too much is told to come again; when all have
// too much together, the user who holds most gives up first.
// Specification: flexible-sync.md 17.10.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "server/job.hpp"

namespace realmsync::server {

class ViewMemory {
  public:
    using Views = std::vector<std::shared_ptr<const views::View>>;

    // Sizes are of normal forms, a byte of which takes up to 40 of memory. Of one user, who may go
    // from his largest query sets to others as large:
    static constexpr std::uint64_t kUserBytes = 8u << 20;
    // Of all, but for what every user has without being counted:
    static constexpr std::uint64_t kTotalBytes = 32u << 20;
    static constexpr std::uint64_t kFreeBytes = 64u << 10;

    // What a session holds. A view that a user has several times counts once. O(views).
    void set(Flow user, const SessionRef& holder, Views views);
    // The user has too much. Not with one session: that one would never come to its view.
    bool is_above(Flow user) const;
    // Who has to give up what he holds next; nothing while there is room.
    // O(users + what one of them holds).
    std::optional<SessionRef> surplus() const;

  private:
    struct Held { // by one session
        SessionRef holder;
        Views views;
    };
    struct Holdings { // of one user
        std::uint64_t bytes = 0;
        std::unordered_map<std::uint64_t, Held> sessions; // by binding
        std::unordered_map<const views::View*, std::size_t> uses;
    };

    static std::uint64_t counted(const Holdings& holdings);

    std::uint64_t total_ = 0; // counted
    std::unordered_map<Flow, Holdings> users_;
};

} // namespace realmsync::server
