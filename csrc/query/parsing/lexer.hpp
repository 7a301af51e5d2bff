// The words of a query text (query-language.md section 2): the longest match at each position,
// equal lengths decided by the order of the table there. Words are found one at a time, as the
// parser asks for them: a text is refused for the first thing that is wrong with it, be it a byte
// or a word. What a number or string means is not known here, nor where a keyword may be a name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "query/parsing/syntax.hpp"

namespace realmsync::query {

enum class TokenKind : std::uint8_t {
    end,
    plus,
    minus,
    star,
    slash,
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    left_bracket,
    right_bracket,
    comma,
    left_parenthesis,
    right_parenthesis,
    left_brace,
    right_brace,
    dot,
    ignore_case, // [c]
    and_word,
    or_word,
    not_word,
    in,
    any,
    all,
    none,
    begins_with,
    ends_with,
    contains,
    text,
    like,
    between,
    geo_within,
    true_predicate,
    false_predicate,
    sort,
    distinct,
    limit,
    ascending,
    descending,
    binary,
    object,
    subquery,
    geo_box,
    geo_polygon,
    geo_circle,
    at_size, // @size and @count
    at_max,
    at_min,
    at_sum,
    at_avg,
    at_links,
    at_type,
    at_keys,
    at_values,
    first,
    last,
    size,
    true_word,
    false_word,
    infinity,
    nan,
    null,
    uuid,
    object_id,
    timestamp,
    local_link,
    typed_link,
    natural,
    number,
    floating,
    argument,
    path_argument,
    base64,
    string,
    identifier,
};

// As messages name it.
std::string_view name(TokenKind kind);

struct Token {
    TokenKind kind = TokenKind::end;
    std::string_view text; // of the query text: quotes and all
    syntax::Position position = 0;
};

class Lexer {
  public:
    // `text` is UTF-8 without NUL, and stays. With `as_serialised` the object key of a typed link
    // may have a sign (19.3, Q16).
    explicit Lexer(std::string_view text, bool as_serialised = false)
        : text_(text), as_serialised_(as_serialised) {}

    // The next word; at the end of the text always TokenKind::end. Throws QueryFault for a byte
    // that begins none.
    Token next();
    std::string_view text() const { return text_; }

  private:
    struct Match {
        TokenKind kind;
        std::size_t size; // 0: none
    };

    char at(std::size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
    std::size_t digits(std::size_t begin) const;
    std::size_t hex_digits(std::size_t begin) const;
    std::size_t signed_digits(std::size_t begin) const;

    Match symbol() const;
    Match word() const;
    Match keyword_or_name(std::size_t size) const;
    Match constructor(std::string_view opening, TokenKind kind) const;
    Match timestamp() const;
    Match link(std::size_t name_size) const;
    Match base64() const;
    Match number() const;
    Match date() const;
    Match signed_word() const;
    Match string() const;
    Match post_operator() const;

    std::string_view text_;
    std::size_t at_ = 0;
    bool as_serialised_;
};

// Throws QueryFault with the message of section 4: the text (its beginning, if it is long) and
// what is wrong with it.
[[noreturn]] void refuse_syntax(std::string_view text, const std::string& detail,
                                std::size_t position);

} // namespace realmsync::query
