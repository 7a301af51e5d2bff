// Reads a query text (query-language.md sections 2 to 4). Linear in its length; nesting and size
// are bounded (ParseLimits), so that no text overflows the stack or takes unbounded memory.
#pragma once

#include <cstddef>
#include <string_view>

#include "query/syntax.hpp"

namespace realmsync::query {

struct ParseLimits {
    std::size_t bytes = 16 << 20;  // of the text
    std::size_t depth = 100;       // of parentheses, NOT and SUBQUERY within each other
    std::size_t terms = 1'000'000; // comparisons, constants of lists and steps of paths
};

// Throws QueryFault: syntax (message as section 4 gives it) or limit.
syntax::Query parse(std::string_view text, const ParseLimits& limits = {});

// A region alone, as arguments spell it: geoBox([…], […]).
syntax::Region parse_region(std::string_view text, const ParseLimits& limits = {});
// A path alone, as `$K…` spells it.
syntax::Path parse_path(std::string_view text, const ParseLimits& limits = {});

} // namespace realmsync::query
