// What is true of every tree that bind() makes, beyond what the types of tree.hpp say. Evaluators
// and printers rely on it, and so does whoever makes trees by hand.
#pragma once

#include <string>

#include "query/tree/tree.hpp"

namespace realmsync::query {

// What is wrong with the tree, in a few words; empty if nothing is.
std::string unsoundness(const Query& query);

} // namespace realmsync::query
