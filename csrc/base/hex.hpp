// Hexadecimal text of bytes, and the text forms of ObjectIds (24 digits) and UUIDs (8-4-4-4-12).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/values.hpp"

namespace realmsync {

inline std::string to_hex(std::string_view bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text(bytes.size() * 2, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        auto byte = static_cast<std::uint8_t>(bytes[i]);
        text[2 * i] = kDigits[byte >> 4];
        text[2 * i + 1] = kDigits[byte & 15];
    }
    return text;
}

// -1 for what is no digit. Both cases count.
constexpr int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Empty unless the text is pairs of digits.
inline std::optional<std::string> from_hex(std::string_view text) {
    if (text.size() % 2 != 0)
        return std::nullopt;
    std::string bytes(text.size() / 2, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return std::nullopt;
        bytes[i] = static_cast<char>(high << 4 | low);
    }
    return bytes;
}

template <std::size_t N> std::string to_hex(const std::array<std::uint8_t, N>& bytes) {
    return to_hex({reinterpret_cast<const char*>(bytes.data()), N});
}

inline std::string format_object_id(const ObjectId& id) { return to_hex(id.bytes); }

inline std::optional<ObjectId> parse_object_id(std::string_view text) {
    std::optional<std::string> bytes = from_hex(text);
    ObjectId id;
    if (!bytes || bytes->size() != id.bytes.size())
        return std::nullopt;
    std::memcpy(id.bytes.data(), bytes->data(), id.bytes.size());
    return id;
}

inline std::string format_uuid(const Uuid& uuid) {
    std::string text = to_hex(uuid.bytes);
    for (std::size_t position : {8, 13, 18, 23})
        text.insert(position, 1, '-');
    return text;
}

inline std::optional<Uuid> parse_uuid(std::string_view text) {
    if (text.size() != 36)
        return std::nullopt;
    std::string digits;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return std::nullopt;
        } else {
            digits.push_back(text[i]);
        }
    }
    std::optional<std::string> bytes = from_hex(digits);
    Uuid uuid;
    if (!bytes)
        return std::nullopt;
    std::memcpy(uuid.bytes.data(), bytes->data(), uuid.bytes.size());
    return uuid;
}

} // namespace realmsync
