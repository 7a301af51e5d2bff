#include "query/strings/like.hpp"

#include <cstddef>

#include "query/strings/fold.hpp"

namespace realmsync::query {

namespace {

// Bytes of the character that begins at `at`. What is no UTF-8 falls into single bytes.
std::size_t character_size(std::string_view text, std::size_t at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t wanted = lead < 0xc2   ? 1
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf8 ? 4
                                             : 1;
    std::size_t size = 1;
    while (size < wanted && at + size < text.size() &&
           (static_cast<unsigned char>(text[at + size]) & 0xc0) == 0x80)
        ++size;
    return size;
}

// The next place from `at` on where the byte stands, or the end of the text.
std::size_t find_byte(std::string_view text, std::size_t at, char byte) {
    const std::size_t found = text.find(byte, at);
    return found == std::string_view::npos ? text.size() : found;
}
std::size_t find_folded(std::string_view text, std::size_t at, char byte) {
    while (at < text.size() && folded_byte(text, at) != static_cast<unsigned char>(byte))
        ++at;
    return at;
}

constexpr unsigned kCounted = 1024; // bytes that are looked at between two counts of work

// Goes forward through both. Where they part, the last star takes one character more; earlier
// stars never need to, since what follows them matched as early as it can.
template <class ByteAt, class FindByte>
bool match(std::string_view text, std::string_view pattern, Work& work, ByteAt byte_at,
           FindByte find) {
    work.spend(text.size() / 4); // what `find` goes over, all in all
    unsigned steps = 0;
    std::size_t at = 0, in_pattern = 0;
    std::size_t star = std::string_view::npos, behind_star = 0; // in the pattern, in the text
    while (at < text.size()) {
        if (++steps % kCounted == 0)
            work.spend(kCounted / 2);
        const char wanted = in_pattern < pattern.size() ? pattern[in_pattern] : '\0';
        const bool is_end = in_pattern == pattern.size();
        if (!is_end && wanted == '*') {
            star = in_pattern++;
            behind_star = at;
        } else if (!is_end && wanted == '?') {
            at += character_size(text, at);
            ++in_pattern;
        } else if (!is_end && byte_at(text, at) == static_cast<unsigned char>(wanted)) {
            ++at;
            ++in_pattern;
        } else if (star != std::string_view::npos) {
            behind_star += character_size(text, behind_star);
            in_pattern = star + 1;
            const char next = in_pattern < pattern.size() ? pattern[in_pattern] : '*';
            if (next != '*' && next != '?') // nothing begins before that
                behind_star = find(text, behind_star, next);
            at = behind_star;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', in_pattern) == std::string_view::npos;
}

} // namespace

bool is_like(std::string_view text, std::string_view pattern, Work& work) {
    return match(
        text, pattern, work,
        [](std::string_view from, std::size_t at) { return static_cast<unsigned char>(from[at]); },
        find_byte);
}

bool is_like_folded(std::string_view text, std::string_view folded, Work& work) {
    return match(text, folded, work, folded_byte, find_folded);
}

} // namespace realmsync::query
