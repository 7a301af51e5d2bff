// One walk of a window over a run of incoming changesets (merge-rules.md 2.3 to 2.8). Decides which
// instructions meet and removes discarded ones; what a meeting does is in rules.cpp.
#pragma once

#include <optional>
#include <span>

#include "merge/transform.hpp"

namespace realmsync::merge {

struct Local { // a window changeset and whether a merge has altered it
    WindowEntry entry;
    bool dirty = false;
};

std::optional<Error> walk(std::span<Local> window, std::span<Incoming> run);

} // namespace realmsync::merge
