// Full-text search (query-language.md 10.7): search texts, how a text falls into tokens, and
// whether one matches the other. The index of a file is the stores' matter (tables/), by the same
// tokens.
#pragma once

#include <string>
#include <vector>

namespace realmsync::query {

struct TextSearch {
    std::vector<std::string> included, excluded, prefixes; // tokens; ascending, none twice
};

} // namespace realmsync::query
