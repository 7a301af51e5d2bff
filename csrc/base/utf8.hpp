// UTF-8 validation (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF), fast for
// the ASCII text that names and keys mostly are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace realmsync {

namespace detail {

// Size of the well-formed sequence at `at`, 0 if there is none.
inline std::size_t utf8_sequence_size(const std::uint8_t* at, std::size_t left) {
    std::uint8_t lead = at[0];
    if (lead < 0x80)
        return 1;
    auto follows = [&](std::size_t i, std::uint8_t low = 0x80, std::uint8_t high = 0xbf) {
        return i < left && at[i] >= low && at[i] <= high;
    };
    if (lead < 0xc2)
        return 0;
    if (lead < 0xe0)
        return follows(1) ? 2 : 0;
    if (lead < 0xf0) {
        std::uint8_t low = lead == 0xe0 ? 0xa0 : 0x80, high = lead == 0xed ? 0x9f : 0xbf;
        return follows(1, low, high) && follows(2) ? 3 : 0;
    }
    if (lead < 0xf5) {
        std::uint8_t low = lead == 0xf0 ? 0x90 : 0x80, high = lead == 0xf4 ? 0x8f : 0xbf;
        return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

} // namespace detail

// Position of the first byte that is not part of well-formed UTF-8, or text.size().
inline std::size_t utf8_valid_prefix(std::string_view text) {
    auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    std::size_t size = text.size(), i = 0;
    while (i < size) {
        if (size - i >= 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes + i, 8);
            if ((word & 0x8080808080808080) == 0) {
                i += 8;
                continue;
            }
        }
        std::size_t step = detail::utf8_sequence_size(bytes + i, size - i);
        if (step == 0)
            return i;
        i += step;
    }
    return size;
}

} // namespace realmsync
