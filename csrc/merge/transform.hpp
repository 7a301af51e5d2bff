// The one place where concurrent changes meet (merge-rules.md section 2): incoming changesets are
// rebased over the local ones their author had not seen. Client and server both call it, between
// parsing and applying; nothing else in the engine knows how conflicts are resolved.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "changeset/instruction.hpp"

namespace realmsync::merge {

struct Origin { // orders conflicting writes: timestamp, then file ident
    std::uint64_t timestamp = 0;
    std::uint64_t file_ident = 0;
};

struct Incoming {
    std::uint64_t version = 0; // remote version that it made
    std::uint64_t base = 0;    // newest local version its author had integrated
    Origin origin;
    changeset::Changeset* changeset = nullptr; // rebased in place
};

struct WindowEntry { // a local changeset, as the remote peer sees it (its reciprocal if it has one)
    std::uint64_t version = 0;
    Origin origin;
    std::shared_ptr<changeset::Changeset> changeset;
};

// The local history as seen for one remote peer (2.2), implemented by the stores.
class Window {
  public:
    virtual ~Window() = default;
    // The unrelated, non-empty entries with version > `base`, ascending.
    virtual std::vector<WindowEntry> entries_after(std::uint64_t base) = 0;
    // A window entry that the merge has changed: to be stored as the peer's reciprocal, also when
    // nothing of it is left.
    virtual void store_reciprocal(std::uint64_t version, const changeset::Changeset& changed) = 0;
};

// Rebases `incoming` (bases ascending) over the window. O(window + incoming) where they touch
// different objects.
Result<std::monostate> transform(Window& window, std::vector<Incoming>& incoming);

} // namespace realmsync::merge
