// Full-text search (query-language.md 10.7): search texts, how a text falls into tokens, and
// whether one matches the other. The index of a file is the stores' matter (tables/), by the same
// tokens.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace realmsync::query {

struct TextSearch {
    std::vector<std::string> included, excluded, prefixes; // tokens; ascending, none twice

    // Whether it only says what must not be there: then it selects null, too, as any text without
    // tokens.
    bool only_excludes() const { return included.empty() && prefixes.empty(); }
};

// What a search text says, or what speaks against it, in the reference's words. The search text
// NULL is the empty one.
std::variant<TextSearch, std::string> read_search(std::string_view text);

// The next token at or after `at`, which is moved behind it; empty at the end. A token is a run of
// ASCII letters, digits and Latin-1 letters, in lower case and without accents.
std::string next_token(std::string_view text, std::size_t& at);

// Null is matched as the empty text is. O(length of the text · log of the search).
bool matches(const TextSearch& search, std::string_view text);

// The same search as an expression of FTS5 over one column of tokens; what only excludes has none,
// but its complement: the rows that match `text` are not selected then.
struct MatchExpression {
    std::string text; // empty: no row matches
    bool is_complement = false;
};
MatchExpression match_expression(const TextSearch& search);

} // namespace realmsync::query
