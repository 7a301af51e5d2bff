// Reads a query text (query-language.md sections 2 to 4). Linear in its length; nesting and size
// are bounded (ParseLimits), so that no text overflows the stack or takes unbounded memory.
#pragma once

#include <cstddef>
#include <string_view>

#include "query/parsing/syntax.hpp"

namespace realmsync::query {

struct ParseLimits {
    std::size_t bytes = 16 << 20; // of the text
    // Of parentheses, NOT and SUBQUERY within each other; and, counted by itself, of operators of
    // arithmetic within each other, as `a + b + c` has two: every tree of that height is walked by
    // functions that call themselves.
    std::size_t depth = 100;
    std::size_t terms = 1'000'000; // predicates, constants, steps of paths
};

struct ParseOptions {
    ParseLimits limits;
    // A text that a serialiser wrote. Three times the depth is accepted for the parentheses that it
    // adds. What it prints but the grammar does not have is accepted, too (19.3 Q4,
    // Q16): signs and whole altitudes in coordinates, obj() with a base64 or null key, and typed
    // links with a negative key.
    bool is_subscription = false;
};

// Throws QueryFault: syntax (message as section 4 gives it) or limit. Left to bind() are values:
// base64, timestamps, numbers, the names of SUBQUERY's variables.
syntax::Query parse(std::string_view text, const ParseOptions& options = {});

// A region alone, as arguments spell it: geoBox([…], […]).
syntax::Region parse_region(std::string_view text, const ParseLimits& limits = {});
// A path alone, as `$K…` spells it.
syntax::Path parse_path(std::string_view text, const ParseLimits& limits = {});

} // namespace realmsync::query
