#include "query/strings/text_search.hpp"
#include "base/sorted_unique.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace realmsync::query {

namespace {

// U+00C0 to U+00FF without accents; 0: no letter. Letters that have no base stay what they are, in
// lower case, and are told by 1.
constexpr std::array<char, 64> kBaseLetters = {
    'a', 'a', 'a', 'a', 'a', 'a', 1,   'c', 'e', 'e', 'e', 'e', 'i', 'i', 'i', 'i', //
    1,   'n', 'o', 'o', 'o', 'o', 'o', 0,   'o', 'u', 'u', 'u', 'u', 'y', 1,   1,   //
    'a', 'a', 'a', 'a', 'a', 'a', 1,   'c', 'e', 'e', 'e', 'e', 'i', 'i', 'i', 'i', //
    1,   'n', 'o', 'o', 'o', 'o', 'o', 0,   'o', 'u', 'u', 'u', 'u', 'y', 1,   'y',
};
constexpr unsigned kSharpS = 0xDF - 0xC0; // which has no upper case
constexpr unsigned kToLower = 0x20;

// Appends the character at `at` to a token, if it is one of a token. Gives its length in bytes.
std::size_t take(std::string_view text, std::size_t at, std::string& token) {
    auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t first = byte(at);
    if ((first >= 'a' && first <= 'z') || (first >= '0' && first <= '9')) {
        token += static_cast<char>(first);
    } else if (first >= 'A' && first <= 'Z') {
        token += static_cast<char>(first + kToLower);
    } else if (first == 0xC3 && at + 1 < text.size() && (byte(at + 1) & 0xC0) == 0x80) {
        unsigned letter = byte(at + 1) & 0x3F;
        const char base = kBaseLetters[letter];
        if (base > 1) {
            token += base;
        } else if (base == 1) {
            letter |= letter == kSharpS ? 0 : kToLower;
            token += '\xC3';
            token += static_cast<char>(0x80 | letter);
        }
        return 2;
    }
    return 1; // continuation bytes are no characters of tokens, so other ones are passed over
}

bool have_common(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    return std::any_of(a.begin(), a.end(), [&](const std::string& token) {
        return std::binary_search(b.begin(), b.end(), token);
    });
}

// Which words of a search have been found.
class Found {
  public:
    explicit Found(const std::vector<std::string>& words)
        : words_(words), is_found_(words.size()), missing_(words.size()) {}

    bool is_complete() const { return missing_ == 0; }
    void find(const std::string& token) {
        const auto at = std::lower_bound(words_.begin(), words_.end(), token);
        if (at != words_.end() && *at == token)
            note(at);
    }
    void find_prefixes(const std::string& token) {
        for (auto at = words_.begin(); at != words_.end() && *at <= token; ++at)
            if (token.starts_with(*at))
                note(at);
    }

  private:
    void note(std::vector<std::string>::const_iterator at) {
        const std::size_t index = static_cast<std::size_t>(at - words_.begin());
        missing_ -= is_found_[index] ? 0 : 1;
        is_found_[index] = true;
    }

    const std::vector<std::string>& words_;
    std::vector<bool> is_found_;
    std::size_t missing_;
};

bool is_token(std::string_view word) {
    for (std::size_t at = 0; at < word.size();) {
        std::string character;
        at += take(word, at, character);
        if (character.empty())
            return false;
    }
    return true;
}

} // namespace

std::string next_token(std::string_view text, std::size_t& at) {
    std::string token;
    while (at < text.size()) {
        const std::size_t before = token.size();
        const std::size_t length = take(text, at, token);
        if (token.size() == before && before != 0)
            break;
        at += length;
        if (token.size() > kMaxToken)
            token.resize(before);
    }
    return token;
}

std::string all_tokens(std::string_view text) {
    std::string all;
    for (std::size_t at = 0; at < text.size();) {
        const std::string token = next_token(text, at);
        if (!token.empty())
            (all += all.empty() ? "" : " ") += token;
    }
    return all;
}

std::variant<TextSearch, std::string> read_search(std::string_view text) {
    TextSearch search;
    bool has_terms = false;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find(' ', begin), text.size());
        std::string_view word = text.substr(begin, end - begin);
        begin = end + 1;
        const bool is_excluded = word.starts_with('-');
        word.remove_prefix(is_excluded ? 1 : 0);
        const bool is_prefix = word.ends_with('*');
        word.remove_suffix(is_prefix ? 1 : 0);
        if (word.empty())
            continue;
        if (!is_token(word))
            return "Non alphanumeric characters not allowed inside search word";
        has_terms = true;
        std::size_t at = 0;
        std::string token = next_token(word, at);
        if (!is_excluded)
            (is_prefix ? search.prefixes : search.included).push_back(std::move(token));
        else if (!is_prefix) // an excluded prefix is accepted and does nothing
            search.excluded.push_back(std::move(token));
    }
    if (!has_terms)
        return "Missing search token";
    sort_unique(search.included);
    sort_unique(search.excluded);
    sort_unique(search.prefixes);
    if (have_common(search.included, search.excluded))
        return "You can't include and exclude the same token";
    return search;
}

bool matches(const TextSearch& search, std::string_view text) {
    Found included(search.included), prefixes(search.prefixes);
    for (std::size_t at = 0; at < text.size();) {
        const std::string token = next_token(text, at);
        if (std::binary_search(search.excluded.begin(), search.excluded.end(), token))
            return false;
        included.find(token);
        if (!prefixes.is_complete())
            prefixes.find_prefixes(token);
    }
    return included.is_complete() && prefixes.is_complete();
}

} // namespace realmsync::query
