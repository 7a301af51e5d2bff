// The integer code of the changeset format (changeset-format.md section 2), on raw pointers: the
// callers own the bounds. It is not LEB128: the last byte holds a sign flag and six data bits,
// and a negative v is stored as -(v + 1). Errors and their messages are in changeset/parse.cpp.
#pragma once

#include <cstdint>

namespace realmsync {

inline constexpr int kMaxVarintSize = 10;      // 64-bit integers
inline constexpr int kMaxCoefficientSize = 17; // 113-bit decimal coefficients

// What a decimal coefficient needs: the low 64 bits and the 49 above them.
struct Coefficient {
    std::uint64_t low, high;
};

struct VarintRead {
    std::uint64_t magnitude;
    bool negative;             // the sign flag: the value is -(magnitude + 1)
    const std::uint8_t* after; // first byte after the integer, null when there is no valid one
};

// Reads an integer of kValueBits bits (sign not counted), non-minimal forms included. Fails at the
// end of input, on a form longer than the type needs and on a magnitude beyond the type's range.
template <int kValueBits>
inline VarintRead read_varint(const std::uint8_t* at, const std::uint8_t* end) {
    constexpr int kMaxSize = (kValueBits + 1 + 6) / 7;
    std::uint64_t magnitude = 0;
    for (int i = 0, shift = 0; i < kMaxSize && at != end; ++i, shift += 7) {
        std::uint8_t byte = *at++;
        if (byte & 0x80) {
            magnitude |= std::uint64_t{byte & 0x7fu} << shift;
            continue;
        }
        std::uint64_t data = byte & 0x3f;
        if (int room = kValueBits - shift; room < 6 && (data >> room) != 0)
            break;
        return {magnitude | data << shift, (byte & 0x40) != 0, at};
    }
    return {0, false, nullptr};
}

// Writes at most kMaxVarintSize bytes in minimal form and returns the end of them.
inline char* put_varint(char* out, std::uint64_t magnitude, bool negative) {
    while (magnitude >> 6 != 0) {
        *out++ = static_cast<char>(0x80 | (magnitude & 0x7f));
        magnitude >>= 7;
    }
    *out++ = static_cast<char>((negative ? 0x40 : 0) | magnitude);
    return out;
}

inline char* put_unsigned(char* out, std::uint64_t value) { return put_varint(out, value, false); }

inline char* put_signed(char* out, std::int64_t value) {
    auto bits = static_cast<std::uint64_t>(value);
    return value < 0 ? put_varint(out, ~bits, true) : put_varint(out, bits, false);
}

struct CoefficientRead {
    Coefficient value;
    const std::uint8_t* after; // null when there is no valid coefficient
};

// Section 2.4: no sign flag, all seven bits of the last byte are data, below 2^113.
inline CoefficientRead read_coefficient(const std::uint8_t* at, const std::uint8_t* end) {
    unsigned __int128 value = 0;
    for (int i = 0; i < kMaxCoefficientSize && at != end; ++i) {
        std::uint8_t byte = *at++;
        unsigned __int128 data = byte & 0x7f;
        if (i == kMaxCoefficientSize - 1 && data > 1) // 16 * 7 = 112 bits stand below
            break;
        value |= data << (7 * i);
        if (!(byte & 0x80))
            return {{static_cast<std::uint64_t>(value), static_cast<std::uint64_t>(value >> 64)},
                    at};
    }
    return {{0, 0}, nullptr};
}

// Writes at most kMaxCoefficientSize bytes.
inline char* put_coefficient(char* out, Coefficient coefficient) {
    auto value = static_cast<unsigned __int128>(coefficient.high) << 64 | coefficient.low;
    while (value >> 6 != 0) {
        *out++ = static_cast<char>(0x80 | static_cast<unsigned>(value & 0x7f));
        value >>= 7;
    }
    *out++ = static_cast<char>(value);
    return out;
}

} // namespace realmsync
