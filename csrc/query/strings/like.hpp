// Wildcards of LIKE (query-language.md 10.6): * is any run of characters, ? one character, all else
// itself; the pattern is the whole text. Two stars side by side are one (the reference's quirk at
// the end of a text is not copied).
#pragma once

#include <string_view>

#include "query/work.hpp"

namespace realmsync::query {

// O(text · longest piece of the pattern between stars), counted as work while it goes; about
// O(text) for ordinary ones.
bool is_like(std::string_view text, std::string_view pattern, Work& work);
// The same where case does not matter; the pattern is folded already (fold.hpp).
bool is_like_folded(std::string_view text, std::string_view folded, Work& work);

} // namespace realmsync::query
