// What a client file is sent for an object that was touched in a range of versions, told by where
// the object stood meanwhile (flexible-sync.md 8.2; docs/internals/flexible-sync.md). Pure: where
// images come from and what is made of a verdict is the store's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace realmsync::views {

// Where an object stands at one version, as a view sees it.
enum class Presence : std::uint8_t {
    absent,  // does not exist
    outside, // exists, and is not in the view
    inside,
};

enum class Verdict : std::uint8_t {
    plain,  // the instructions of those changes that `sends` names, as they are
    leaves, // one EraseObject, at the end of the range
    enters, // EraseObject, CreateObject and the whole object, at the end of the range
};

struct Folded {
    Verdict verdict = Verdict::plain;
    std::vector<bool> sends; // by change; none for leaves and enters
};

// Whether a change moves an object into the view or out of it while it exists: the view's doing,
// of which no instruction in the history tells.
bool is_crossing(Presence before, Presence after);
// Whether instructions of the change are sent as they are.
bool is_visible(Presence before, Presence after);

// `presences`: before the first change of the range, then after each, so one more than changes.
// O(changes).
Folded fold(std::span<const Presence> presences);

} // namespace realmsync::views
