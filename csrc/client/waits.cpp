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
    return ids;
}

} // namespace realmsync::client
