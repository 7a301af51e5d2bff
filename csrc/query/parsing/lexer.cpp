#include "query/parsing/lexer.hpp"

#include <algorithm>
#include <array>

#include "base/utf8.hpp"

namespace realmsync::query {

namespace {

// Locale plays no part: what <cctype> offers asks for one.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
bool is_sign(char c) { return c == '+' || c == '-'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
// The text is UTF-8, so any byte above ASCII is part of a sequence.
bool begins_name(char c) { return is_letter(c) || c == '_' || c == '$' || (c & 0x80) != 0; }
bool continues_name(char c) { return begins_name(c) || is_digit(c) || c == '-'; }
bool is_base64(char c) { return is_letter(c) || is_digit(c) || c == '/' || c == '+' || c == '='; }

struct Keyword {
    std::string_view lower;
    TokenKind kind;
    bool any_case; // else all small or all capital letters
};

constexpr bool kAny = true, kOne = false;
// In order of the alphabet, to be searched by halves.
constexpr std::array kKeywords = {
    Keyword{"all", TokenKind::all, kOne},
    Keyword{"and", TokenKind::and_word, kAny},
    Keyword{"any", TokenKind::any, kOne},
    Keyword{"asc", TokenKind::ascending, kAny},
    Keyword{"ascending", TokenKind::ascending, kAny},
    Keyword{"beginswith", TokenKind::begins_with, kAny},
    Keyword{"between", TokenKind::between, kAny},
    Keyword{"bin", TokenKind::binary, kAny},
    Keyword{"binary", TokenKind::binary, kAny},
    Keyword{"contains", TokenKind::contains, kAny},
    Keyword{"desc", TokenKind::descending, kAny},
    Keyword{"descending", TokenKind::descending, kAny},
    Keyword{"distinct", TokenKind::distinct, kAny},
    Keyword{"endswith", TokenKind::ends_with, kAny},
    Keyword{"false", TokenKind::false_word, kOne},
    Keyword{"falsepredicate", TokenKind::false_predicate, kAny},
    Keyword{"first", TokenKind::first, kOne},
    Keyword{"geobox", TokenKind::geo_box, kAny},
    Keyword{"geocircle", TokenKind::geo_circle, kAny},
    Keyword{"geopolygon", TokenKind::geo_polygon, kAny},
    Keyword{"geowithin", TokenKind::geo_within, kAny},
    Keyword{"in", TokenKind::in, kOne},
    Keyword{"inf", TokenKind::infinity, kAny},
    Keyword{"infinity", TokenKind::infinity, kAny},
    Keyword{"last", TokenKind::last, kOne},
    Keyword{"like", TokenKind::like, kAny},
    Keyword{"limit", TokenKind::limit, kAny},
    Keyword{"nan", TokenKind::nan, kAny},
    Keyword{"nil", TokenKind::null, kAny},
    Keyword{"none", TokenKind::none, kOne},
    Keyword{"not", TokenKind::not_word, kOne},
    Keyword{"null", TokenKind::null, kAny},
    Keyword{"obj", TokenKind::object, kAny},
    Keyword{"or", TokenKind::or_word, kAny},
    Keyword{"size", TokenKind::size, kOne},
    Keyword{"some", TokenKind::any, kOne},
    Keyword{"sort", TokenKind::sort, kAny},
    Keyword{"subquery", TokenKind::subquery, kAny},
    Keyword{"text", TokenKind::text, kAny},
    Keyword{"true", TokenKind::true_word, kOne},
    Keyword{"truepredicate", TokenKind::true_predicate, kAny},
};
static_assert(std::ranges::is_sorted(kKeywords, {}, &Keyword::lower));
constexpr std::size_t kLongestKeyword = 14;

const Keyword* keyword(std::string_view word) {
    std::array<char, kLongestKeyword> lowered;
    if (word.size() > lowered.size())
        return nullptr;
    std::ranges::transform(word, lowered.begin(), to_lower);
    std::string_view lower(lowered.data(), word.size());
    auto found = std::ranges::lower_bound(kKeywords, lower, {}, &Keyword::lower);
    if (found == kKeywords.end() || found->lower != lower)
        return nullptr;
    bool one_case =
        word == lower || std::ranges::all_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
    return found->any_case || one_case ? &*found : nullptr;
}

struct PostOperator {
    std::string_view text;
    TokenKind kind;
};
// None begins another.
constexpr std::array kPostOperators = {
    PostOperator{"@size", TokenKind::at_size},   PostOperator{"@count", TokenKind::at_size},
    PostOperator{"@max", TokenKind::at_max},     PostOperator{"@min", TokenKind::at_min},
    PostOperator{"@sum", TokenKind::at_sum},     PostOperator{"@avg", TokenKind::at_avg},
    PostOperator{"@links", TokenKind::at_links}, PostOperator{"@type", TokenKind::at_type},
    PostOperator{"@keys", TokenKind::at_keys},   PostOperator{"@values", TokenKind::at_values},
};

constexpr std::size_t kKinds = static_cast<std::size_t>(TokenKind::identifier) + 1;

// By TokenKind.
constexpr std::array<std::string_view, kKinds> kNames = {
    "end of file",
    "'+'",
    "'-'",
    "'*'",
    "'/'",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "'['",
    "']'",
    "','",
    "'('",
    "')'",
    "'{'",
    "'}'",
    "'.'",
    "[c]",
    "&&",
    "||",
    "!",
    "in",
    "any",
    "all",
    "none",
    "beginswith",
    "endswith",
    "contains",
    "text",
    "like",
    "between",
    "geowithin",
    "truepredicate",
    "falsepredicate",
    "sort",
    "distinct",
    "limit",
    "ascending",
    "descending",
    "binary",
    "obj",
    "subquery",
    "geobox",
    "geopolygon",
    "geocircle",
    "@size",
    "@max",
    "@min",
    "@sum",
    "@avg",
    "@links",
    "@type",
    "@keys",
    "@values",
    "first",
    "last",
    "size",
    "true",
    "false",
    "infinity",
    "NaN",
    "null",
    "uuid",
    "objectId",
    "timestamp",
    "link",
    "typed link",
    "natural0",
    "number",
    "float",
    "argument",
    "keypath",
    "base64",
    "string",
    "identifier",
};

constexpr std::size_t kTextInMessage = 2000;

} // namespace

std::string_view name(TokenKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

void refuse_syntax(std::string_view text, const std::string& detail, std::size_t position) {
    std::string shown(text);
    if (shown.size() > kTextInMessage) {
        shown.resize(kTextInMessage);
        shown.resize(utf8_valid_prefix(shown));
        shown += "…";
    }
    throw QueryFault(FaultKind::syntax, "Invalid predicate: '" + shown + "': " + detail,
                     static_cast<std::uint32_t>(position));
}

Token Lexer::next() {
    while (at_ < text_.size() && is_blank(text_[at_]))
        ++at_;
    auto position = static_cast<syntax::Position>(at_);
    if (at_ == text_.size())
        return {TokenKind::end, {}, position};
    char c = text_[at_];
    Match match = begins_name(c)            ? word()
                  : c == '"' || c == '\''   ? string()
                  : is_digit(c) || c == '.' ? number()
                  : is_sign(c)              ? signed_word()
                  : c == '@'                ? post_operator()
                                            : Match{TokenKind::end, 0};
    if (match.size == 0)
        match = symbol();
    if (match.size == 0)
        refuse_syntax(text_, std::string("invalid character: ") + c, at_);
    Token token{match.kind, text_.substr(at_, match.size), position};
    at_ += match.size;
    return token;
}

std::size_t Lexer::digits(std::size_t begin) const {
    std::size_t end = begin;
    while (is_digit(at(end)))
        ++end;
    return end - begin;
}

std::size_t Lexer::hex_digits(std::size_t begin) const {
    std::size_t end = begin;
    while (is_hex(at(end)))
        ++end;
    return end - begin;
}

// 0 where the digits are missing.
std::size_t Lexer::signed_digits(std::size_t begin) const {
    std::size_t sign = is_sign(at(begin)) ? 1 : 0;
    std::size_t count = digits(begin + sign);
    return count == 0 ? 0 : sign + count;
}

Lexer::Match Lexer::symbol() const {
    using enum TokenKind;
    char second = at(at_ + 1);
    switch (text_[at_]) {
    case '+': return {plus, 1};
    case '-': return {minus, 1};
    case '*': return {star, 1};
    case '/': return {slash, 1};
    case ']': return {right_bracket, 1};
    case ',': return {comma, 1};
    case '(': return {left_parenthesis, 1};
    case ')': return {right_parenthesis, 1};
    case '{': return {left_brace, 1};
    case '}': return {right_brace, 1};
    case '.': return {dot, 1};
    case '[':
        return second == 'c' && at(at_ + 2) == ']' ? Match{ignore_case, 3} : Match{left_bracket, 1};
    case '=':
        return second == '='   ? Match{equal, 2}
               : second == '<' ? Match{less_equal, 2}
               : second == '>' ? Match{greater_equal, 2}
                               : Match{equal, 1};
    case '!': return second == '=' ? Match{not_equal, 2} : Match{not_word, 1};
    case '<':
        return second == '='   ? Match{less_equal, 2}
               : second == '>' ? Match{not_equal, 2}
                               : Match{less, 1};
    case '>': return second == '=' ? Match{greater_equal, 2} : Match{greater, 1};
    case '&': return {and_word, second == '&' ? std::size_t{2} : 0};
    case '|': return {or_word, second == '|' ? std::size_t{2} : 0};
    default: return {end, 0};
    }
}

// A name or keyword, or what begins like one and goes on with what no name has: then it is longer.
Lexer::Match Lexer::word() const {
    std::size_t end = at_;
    for (;; ++end) {
        if (continues_name(at(end)))
            continue;
        char next = at(end) == '\\' ? at(end + 1) : '\0';
        if (next != ' ' && next != 'n' && next != 'r' && next != 't')
            break;
        ++end;
    }
    std::size_t size = end - at_;
    Match special{TokenKind::end, 0};
    switch (text_[at_]) {
    case 'T': special = timestamp(); break;
    case 'O':
    case 'L': special = link(size); break;
    case 'B': special = base64(); break;
    case 'u': special = constructor("uuid(", TokenKind::uuid); break;
    case 'o': special = constructor("oid(", TokenKind::object_id); break;
    default: break;
    }
    return special.size >= size ? special : keyword_or_name(size);
}

Lexer::Match Lexer::keyword_or_name(std::size_t size) const {
    std::string_view word = text_.substr(at_, size);
    if (const Keyword* found = keyword(word))
        return {found->kind, size};
    if (word[0] == '$') {
        if (size > 1 && digits(at_ + 1) == size - 1)
            return {TokenKind::argument, size};
        if (size > 2 && word[1] == 'K' && digits(at_ + 2) == size - 2)
            return {TokenKind::path_argument, size};
    }
    return {TokenKind::identifier, size};
}

// uuid(…) and oid(…): hexadecimal digits, in groups of 8-4-4-4-12 or 24 of them, without blanks.
Lexer::Match Lexer::constructor(std::string_view opening, TokenKind kind) const {
    std::string_view shape = kind == TokenKind::uuid ? "########-####-####-####-############)"
                                                     : "########################)";
    std::size_t size = opening.size();
    if (text_.substr(at_, size) != opening)
        return {kind, 0};
    for (char expected : shape) {
        char c = at(at_ + size++);
        if (expected == '#' ? !is_hex(c) : c != expected)
            return {kind, 0};
    }
    return {kind, size};
}

// T, seconds, a colon, nanoseconds.
Lexer::Match Lexer::timestamp() const {
    std::size_t seconds = signed_digits(at_ + 1);
    std::size_t colon = at_ + 1 + seconds;
    if (seconds == 0 || at(colon) != ':')
        return {TokenKind::timestamp, 0};
    std::size_t nanoseconds = signed_digits(colon + 1);
    return {TokenKind::timestamp, nanoseconds == 0 ? 0 : colon + 1 + nanoseconds - at_};
}

// O and digits, or L and two numbers.
Lexer::Match Lexer::link(std::size_t name_size) const {
    std::size_t number = digits(at_ + 1);
    std::size_t end = at_ + 1 + number;
    if (text_[at_] == 'O')
        return {TokenKind::local_link, number > 0 && 1 + number == name_size ? name_size : 0};
    if (number == 0 || at(end) != ':')
        return {TokenKind::typed_link, 0};
    std::size_t key = as_serialised_ ? signed_digits(end + 1) : digits(end + 1);
    return {TokenKind::typed_link, key == 0 ? 0 : end + 1 + key - at_};
}

Lexer::Match Lexer::base64() const {
    constexpr std::string_view kOpening = "B64\"";
    if (text_.substr(at_, kOpening.size()) != kOpening)
        return {TokenKind::base64, 0};
    std::size_t end = at_ + kOpening.size();
    while (is_base64(at(end)))
        ++end;
    return {TokenKind::base64, at(end) == '"' ? end + 1 - at_ : 0};
}

// NATURAL0, NUMBER or FLOAT, with or without a sign; or a readable date.
Lexer::Match Lexer::number() const {
    if (Match match = date(); match.size != 0)
        return match;
    std::size_t sign = is_sign(text_[at_]) ? 1 : 0;
    std::size_t begin = at_ + sign;
    std::size_t whole = digits(begin);
    std::size_t end = begin + whole;
    if (sign == 0 && whole == 1 && at(begin) == '0' && to_lower(at(end)) == 'x') {
        if (std::size_t hex = hex_digits(end + 1); hex != 0)
            return {TokenKind::number, 2 + hex};
    }
    bool floating = false;
    if (at(end) == '.' && (whole != 0 || is_digit(at(end + 1)))) {
        end += 1 + digits(end + 1);
        floating = true;
    }
    if (end == begin)
        return {TokenKind::number, 0};
    if (to_lower(at(end)) == 'e') {
        std::size_t exponent = signed_digits(end + 1);
        end += exponent == 0 ? 0 : 1 + exponent;
        floating = floating || exponent != 0;
    }
    if (at(end) == 'f') {
        ++end;
        floating = true;
    }
    TokenKind kind = floating    ? TokenKind::floating
                     : sign != 0 ? TokenKind::number
                                 : TokenKind::natural;
    return {kind, end - at_};
}

// Y-M-D, @ or T, h:m:s and perhaps :n. What is none costs no more than the numbers it consists of.
Lexer::Match Lexer::date() const {
    std::size_t end = at_;
    for (std::string_view separators : {"-", "-", "@T", ":", ":", ""}) {
        std::size_t field = digits(end);
        if (field == 0)
            return {TokenKind::timestamp, 0};
        end += field;
        if (separators.empty())
            break;
        if (at(end) == '\0' || separators.find(at(end)) == std::string_view::npos)
            return {TokenKind::timestamp, 0};
        ++end;
    }
    if (std::size_t nanoseconds = digits(end + 1); at(end) == ':' && nanoseconds != 0)
        end += 1 + nanoseconds;
    return {TokenKind::timestamp, end - at_};
}

// What a sign belongs to: a number, infinity or NaN. Otherwise it is an operator.
Lexer::Match Lexer::signed_word() const {
    if (Match match = number(); match.size != 0)
        return match;
    auto follows = [this](std::string_view word) {
        return std::ranges::equal(text_.substr(at_ + 1, word.size()), word, {}, to_lower);
    };
    if (follows("infinity"))
        return {TokenKind::infinity, 9};
    if (follows("inf"))
        return {TokenKind::infinity, 4};
    return {TokenKind::nan, follows("nan") ? std::size_t{4} : 0};
}

// Escapes are recognised, not decoded: an escaped quote does not end the string. One that is not
// closed, or has another escape, is none, and its quote an invalid character.
Lexer::Match Lexer::string() const {
    constexpr std::string_view kEscapes = "\"'/bfnrt0\\";
    char quote = text_[at_];
    for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
        if (text_[i] == quote)
            return {TokenKind::string, i + 1 - at_};
        if (text_[i] != '\\')
            continue;
        ++i;
        bool is_unicode = at(i) == 'u' && is_hex(at(i + 1)) && is_hex(at(i + 2)) &&
                          is_hex(at(i + 3)) && is_hex(at(i + 4));
        if (is_unicode)
            i += 4;
        else if (at(i) == '\0' || kEscapes.find(at(i)) == std::string_view::npos)
            break;
    }
    return {TokenKind::string, 0};
}

Lexer::Match Lexer::post_operator() const {
    for (const PostOperator& op : kPostOperators) {
        if (text_.substr(at_, op.text.size()) == op.text)
            return {op.kind, op.text.size()};
    }
    return {TokenKind::at_size, 0};
}

} // namespace realmsync::query
