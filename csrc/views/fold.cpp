#include "views/fold.hpp"

#include "base/assert.hpp"

namespace realmsync::views {

bool is_crossing(Presence before, Presence after) {
    return before != after && before != Presence::absent && after != Presence::absent;
}

bool is_visible(Presence before, Presence after) {
    return !is_crossing(before, after) && (before == Presence::inside || after == Presence::inside);
}

Folded fold(std::span<const Presence> presences) {
    REALMSYNC_ASSERT(!presences.empty());
    Folded folded;
    bool has_crossed = false;
    for (std::size_t i = 1; i < presences.size(); ++i) {
        has_crossed |= is_crossing(presences[i - 1], presences[i]);
        folded.sends.push_back(is_visible(presences[i - 1], presences[i]));
    }
    if (!has_crossed)
        return folded;
    folded.sends.clear();
    if (presences.back() == Presence::inside)
        folded.verdict = Verdict::enters;
    else if (presences.front() == Presence::inside)
        folded.verdict = Verdict::leaves;
    return folded;
}

} // namespace realmsync::views
