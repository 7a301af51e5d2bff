// What a client file is sent for an object that was touched in a range of versions, told by where
// the object stood meanwhile (flexible-sync.md 8.2; docs/internals/flexible-sync.md). Pure: where
// images come from and what is made of a verdict is the store's.
#pragma once

#include <cstdint>

namespace realmsync::views {

// Where an object stands at one version, as a view sees it.
enum class Presence : std::uint8_t {
    absent,  // does not exist
    outside, // exists, and is not in the view
    inside,
};

enum class Verdict : std::uint8_t {
    plain,  // the instructions of the changes that are visible, as they are
    leaves, // one EraseObject, at the end of the range
    nothing,
    enters, // EraseObject, CreateObject and the whole object, at the end of the range
};

// Whether a change moves an object into the view or out of it while it exists: the view's doing,
// of which no instruction in the history tells.
bool is_crossing(Presence before, Presence after);
// Whether instructions of the change are sent as they are.
bool is_visible(Presence before, Presence after);

// An object through a range of versions, change by change; changes that leave it outside may be
// left out. O(1) for each.
class Passage {
  public:
    explicit Passage(Presence first) : first_(first), last_(first) {}

    void pass(Presence before, Presence after) {
        has_crossed_ = has_crossed_ || is_crossing(before, after);
        last_ = after;
    }
    bool has_crossed() const { return has_crossed_; }
    Presence last() const { return last_; }
    // With `plain` the changes of which is_visible() holds are sent.
    Verdict verdict() const;

  private:
    Presence first_, last_;
    bool has_crossed_ = false;
};

} // namespace realmsync::views
