#include "views/fold.hpp"

namespace realmsync::views {

bool is_crossing(const Presence& before, const Presence& after) {
    return before.exists && after.exists && before != after;
}

const rules::Fields* shown_plainly(const Presence& before, const Presence& after) {
    if (is_crossing(before, after))
        return nullptr;
    return before.is_inside() ? before.shown : after.shown;
}

Verdict Passage::verdict() const {
    if (!has_crossed_)
        return Verdict::plain;
    if (last_.is_inside())
        return Verdict::enters;
    // Who has not seen it has nothing to erase.
    return first_.is_inside() ? Verdict::leaves : Verdict::nothing;
}

} // namespace realmsync::views
