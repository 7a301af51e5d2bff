#include "views/fold.hpp"

namespace realmsync::views {

bool is_crossing(Presence before, Presence after) {
    return before != after && before != Presence::absent && after != Presence::absent;
}

bool is_visible(Presence before, Presence after) {
    return !is_crossing(before, after) && (before == Presence::inside || after == Presence::inside);
}

Verdict Passage::verdict() const {
    if (!has_crossed_)
        return Verdict::plain;
    if (last_ == Presence::inside)
        return Verdict::enters;
    // Who has not seen it has nothing to erase.
    return first_ == Presence::inside ? Verdict::leaves : Verdict::nothing;
}

} // namespace realmsync::views
