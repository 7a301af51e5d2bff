// What the client engine knows of a file's subscription sets (flexible-sync.md 3): versions and
// states. What is subscribed to is the store's, which gives it as the body of a message.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace realmsync::client {

enum class SetState : std::uint8_t { // by the codes that are stored (3.3)
    pending = 1,
    bootstrapping = 2,
    complete = 3,
    error = 4,
    awaiting_mark = 6,
};

struct SubscriptionSet {
    std::int64_t version = 0;
    SetState state = SetState::pending;
    std::uint64_t snapshot = 0; // version of the file that it was committed with
    std::string error;          // the server's text, in state error

    bool is_active() const {
        return state == SetState::complete || state == SetState::awaiting_mark;
    }
    bool is_to_be_sent() const {
        return state == SetState::pending || state == SetState::bootstrapping;
    }
};

// Never empty in a file of flexible sync. Lower ones than the active one are superseded: gone.
struct Subscriptions {
    std::vector<SubscriptionSet> sets; // ascending by version
    // Whether the file belongs to a partition, as in realm/migration.hpp; and the set with whose
    // completion it does no more, 0: none.
    bool is_migrated = false;
    std::int64_t sentinel = 0;

    std::int64_t latest() const { return sets.back().version; }
    const SubscriptionSet* find(std::int64_t version) const {
        const auto found = std::ranges::lower_bound(sets, version, {}, &SubscriptionSet::version);
        return found != sets.end() && found->version == version ? &*found : nullptr;
    }
    // The newest one whose bootstrap is in the file, or null.
    const SubscriptionSet* active() const {
        const auto found = std::find_if(sets.rbegin(), sets.rend(),
                                        [](const SubscriptionSet& set) { return set.is_active(); });
        return found != sets.rend() ? &*found : nullptr;
    }
    std::int64_t active_version() const { return active() ? active()->version : 0; } // 3.5
    // The one that a QUERY is to be sent for after that of version `sent`, or null.
    const SubscriptionSet* next_after(std::int64_t sent) const {
        const auto found = std::ranges::find_if(sets, [sent](const SubscriptionSet& set) {
            return set.version > sent && set.is_to_be_sent();
        });
        return found != sets.end() ? &*found : nullptr;
    }
    // The newest one of which data have come (client-session.md 6.2); 0: none.
    std::int64_t received() const {
        const auto found = std::find_if(sets.rbegin(), sets.rend(), [](const SubscriptionSet& set) {
            return set.is_active() || set.state == SetState::bootstrapping;
        });
        return found != sets.rend() ? found->version : 0;
    }
};

} // namespace realmsync::client
