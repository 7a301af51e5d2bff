// Which local and incoming instructions meet, and in which order (merge-rules.md 2.3 to 2.8). What
// a meeting does is in rules.cpp.
#pragma once

#include <span>

#include "merge/window_index.hpp"

namespace realmsync::merge {

// Rebases a run of changesets with one base over the window past that base. Throws ErrorException,
// limit_exceeded when `work` does not do for the meetings of two instructions.
void walk(WindowIndex& window, std::span<Incoming> run, Profile profile, Work& work);

} // namespace realmsync::merge
