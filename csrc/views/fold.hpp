// What a client file is sent for an object that was touched in a range of versions, told by where
// the object stood meanwhile (flexible-sync.md 8.2; docs/internals/flexible-sync.md). Pure: where
// images come from and what is made of a verdict is the store's.
#pragma once

#include <cstdint>

#include "rules/fields.hpp"

namespace realmsync::views {

// Where an object stands at one version, as a view sees it.
struct Presence {
    bool exists = false;
    const rules::Fields* shown = nullptr; // the view's; null: it is outside

    bool is_inside() const { return shown != nullptr; }
    // Of two views, too.
    bool operator==(const Presence& other) const {
        return exists == other.exists &&
               (shown == other.shown ||
                (shown != nullptr && other.shown != nullptr && *shown == *other.shown));
    }
};
inline constexpr Presence kAbsent{};
inline constexpr Presence kOutside{true, nullptr};

enum class Verdict : std::uint8_t {
    plain,  // the instructions of the changes that are visible, as they are
    leaves, // one EraseObject, at the end of the range
    nothing,
    enters, // EraseObject, CreateObject and the whole object, at the end of the range
};

// Whether a change moves an object into the view or out of it while it exists, or has it show other
// fields: the view's doing, of which no instruction in the history tells.
bool is_crossing(const Presence& before, const Presence& after);
// The fields of which the instructions of the change are sent as they are; null: none is, whatever
// it is about.
const rules::Fields* shown_plainly(const Presence& before, const Presence& after);

// An object through a range of versions, change by change; changes that leave it outside may be
// left out. O(1) for each.
class Passage {
  public:
    explicit Passage(const Presence& first) : first_(first), last_(first) {}

    void pass(const Presence& before, const Presence& after) {
        has_crossed_ = has_crossed_ || is_crossing(before, after);
        last_ = after;
    }
    bool has_crossed() const { return has_crossed_; }
    const Presence& last() const { return last_; }
    // With `plain` the changes are sent of which something is shown plainly.
    Verdict verdict() const;

  private:
    Presence first_, last_;
    bool has_crossed_ = false;
};

} // namespace realmsync::views
