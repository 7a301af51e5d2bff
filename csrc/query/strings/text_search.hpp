// Full-text search (query-language.md 10.7): search texts, how a text falls into tokens, and
// whether one matches the other. The index of a file has the same tokens: text_index.hpp says how
// it is asked, tables/ keeps it.
//
// Above a single property: an object whose path ends at null has no text and matches nothing, not
// even what only excludes. A property that is null is matched as the empty text is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace realmsync::query {

struct TextSearch {
    std::vector<std::string> included, excluded, prefixes; // tokens; ascending, none twice

    // With nothing included, it selects all but what is excluded.
};

// What a search text says, or what speaks against it, in the reference's words. The search text
// NULL is the empty one.
std::variant<TextSearch, std::string> read_search(std::string_view text);

inline constexpr std::size_t kMaxToken = 32'000; // bytes; what is longer is cut

// The next token at or after `at`, which is moved behind it; empty at the end. A token is a run of
// ASCII letters, digits and Latin-1 letters, in lower case and without accents.
std::string next_token(std::string_view text, std::size_t& at);
// All of them, a blank between each: what the index of a file is given.
std::string all_tokens(std::string_view text);

// O(length of the text, times prefixes of the search).
bool matches(const TextSearch& search, std::string_view text);

} // namespace realmsync::query
