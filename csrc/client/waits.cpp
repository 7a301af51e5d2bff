#include "client/waits.hpp"

#include <algorithm>
#include <utility>

namespace realmsync::client {

std::size_t Waits::count(Direction direction) const {
    return std::ranges::count(waits_, direction, &Wait::direction);
}

std::vector<std::uint64_t> Waits::take(Direction direction) {
    std::vector<std::uint64_t> ids;
    std::erase_if(waits_, [&](const Wait& wait) {
        if (wait.direction != direction)
            return false;
        ids.push_back(wait.id);
        return true;
    });
    std::ranges::reverse(ids);
    return ids;
}

std::vector<std::uint64_t> Waits::take_all() {
    std::vector<std::uint64_t> ids;
    ids.reserve(waits_.size());
    for (const Wait& wait : std::exchange(waits_, {}))
        ids.push_back(wait.id);
    for (const SetWait& wait : std::exchange(set_waits_, {}))
        ids.push_back(wait.id);
    return ids;
}

void Waits::add_for_set(std::int64_t version, std::uint64_t id) {
    set_waits_.push_back({version, id, false});
}

void Waits::on_start() {
    for (SetWait& wait : set_waits_)
        wait.is_older = true;
}

std::optional<Waits::Outcome> Waits::outcome(const SetWait& wait,
                                             const Subscriptions& subscriptions, bool is_first) {
    const SubscriptionSet* set = subscriptions.find(wait.version);
    if (!set && wait.version > subscriptions.latest() && !(wait.is_older && is_first))
        return std::nullopt;
    if (!set || set->state == SetState::complete)
        return Outcome{wait.id, std::nullopt};
    if (set->state == SetState::error)
        return Outcome{wait.id, set->error};
    return std::nullopt;
}

std::vector<Waits::Outcome> Waits::take_settled(const Subscriptions& subscriptions, bool is_first) {
    std::vector<Outcome> outcomes;
    std::erase_if(set_waits_, [&](const SetWait& wait) {
        auto over = outcome(wait, subscriptions, is_first);
        if (over)
            outcomes.push_back(std::move(*over));
        return over.has_value();
    });
    return outcomes;
}

} // namespace realmsync::client
