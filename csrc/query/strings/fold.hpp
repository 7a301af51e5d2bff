// Case folding of [c] (query-language.md 10.5): ASCII letters and those of Latin-1, byte by byte,
// so that lengths do not change. Bytes that are no UTF-8 stay as they are.
#pragma once

#include <string>
#include <string_view>

namespace realmsync::query {

std::string fold(std::string_view text); // O(n)

// All take a needle that is folded already; the text is folded on the way. No allocation.
bool equals_folded(std::string_view text, std::string_view folded);
bool begins_with_folded(std::string_view text, std::string_view folded);
bool ends_with_folded(std::string_view text, std::string_view folded);

// The upper-case form of the byte at `at`: what fold() makes of it there.
inline unsigned char folded_byte(std::string_view text, std::size_t at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80)
        return byte >= 'a' && byte <= 'z' ? static_cast<unsigned char>(byte - ('a' - 'A')) : byte;
    // The small letters of Latin-1 are two bytes, 0xc3 and this one; the capitals stand 0x20 before
    // them. Among them is the division sign, 0xb7.
    const bool is_small = byte >= 0xa0 && byte <= 0xbe && byte != 0xb7;
    const bool follows = at != 0 && static_cast<unsigned char>(text[at - 1]) == 0xc3;
    return is_small && follows ? static_cast<unsigned char>(byte - 0x20) : byte;
}

} // namespace realmsync::query
