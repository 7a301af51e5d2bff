#include "store/decimal.hpp"

#include <algorithm>
#include <charconv>

namespace realmsync::store {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr int kBias = 6176;
constexpr int kMaxDigits = 34;
constexpr std::uint64_t kCoefficientHigh = (std::uint64_t{1} << 49) - 1;
constexpr std::uint64_t kInfinity = 0x7800000000000000, kNan = 0x7c00000000000000;
constexpr std::uint64_t kSign = 0x8000000000000000;

Wide max_coefficient() {
    Wide value = 1;
    for (int i = 0; i < kMaxDigits; i++)
        value *= 10;
    return value - 1;
}

Decimal128 join(bool negative, Wide coefficient, int exponent) {
    std::uint64_t high = static_cast<std::uint64_t>(coefficient >> 64);
    high |= static_cast<std::uint64_t>(exponent + kBias) << 49;
    return {static_cast<std::uint64_t>(coefficient), high | (negative ? kSign : 0)};
}

} // namespace

DecimalParts split(const Decimal128& value) {
    DecimalParts parts;
    parts.negative = (value.high & kSign) != 0;
    parts.nan = (value.high & kNan) == kNan;
    parts.infinite = !parts.nan && (value.high & kNan) == kInfinity;
    if (parts.nan || parts.infinite)
        return parts;
    if ((value.high & 0x6000000000000000) ==
        0x6000000000000000) { // second form: always above 10^34
        parts.exponent = static_cast<int>((value.high >> 47) & 0x3fff) - kBias;
        return parts;
    }
    parts.exponent = static_cast<int>((value.high >> 49) & 0x3fff) - kBias;
    parts.high = value.high & kCoefficientHigh;
    parts.low = value.low;
    if (((static_cast<Wide>(parts.high) << 64) | parts.low) > max_coefficient())
        parts.high = parts.low = 0;
    return parts;
}

std::string coefficient_text(const DecimalParts& parts) {
    Wide value = (static_cast<Wide>(parts.high) << 64) | parts.low;
    std::string text;
    do {
        text += static_cast<char>('0' + static_cast<int>(value % 10));
        value /= 10;
    } while (value != 0);
    std::reverse(text.begin(), text.end());
    return text;
}

std::optional<std::string> to_text(const Decimal128& value) {
    DecimalParts parts = split(value);
    std::string text = parts.negative ? "-" : "";
    if (parts.nan) {
        text += "NaN";
    } else if (parts.infinite) {
        text += "Infinity";
    } else {
        std::string digits = coefficient_text(parts);
        int size = static_cast<int>(digits.size());
        int adjusted = parts.exponent + size - 1;
        if (parts.exponent <= 0 && adjusted >= -6) {
            if (parts.exponent == 0)
                text += digits;
            else if (adjusted >= 0)
                text += digits.substr(0, static_cast<std::size_t>(adjusted + 1)) + "." +
                        digits.substr(static_cast<std::size_t>(adjusted + 1));
            else
                text += "0." + std::string(static_cast<std::size_t>(-adjusted - 1), '0') + digits;
        } else {
            text += digits.substr(0, 1);
            if (size > 1)
                text += "." + digits.substr(1);
            text += (adjusted < 0 ? "E" : "E+") + std::to_string(adjusted);
        }
    }
    std::optional<Decimal128> back = decimal_from_text(text);
    if (!back || !(*back == value))
        return std::nullopt;
    return text;
}

std::optional<Decimal128> decimal_from_text(std::string_view text) {
    bool negative = text.starts_with('-');
    if (negative)
        text.remove_prefix(1);
    if (text == "NaN")
        return Decimal128{0, kNan | (negative ? kSign : 0)};
    if (text == "Infinity")
        return Decimal128{0, kInfinity | (negative ? kSign : 0)};
    int exponent = 0;
    if (std::size_t e = text.find('E'); e != text.npos) {
        std::string_view digits = text.substr(e + 1);
        if (digits.starts_with('+'))
            digits.remove_prefix(1);
        auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
        if (error != std::errc() || end != digits.data() + digits.size())
            return std::nullopt;
        text = text.substr(0, e);
    }
    Wide coefficient = 0;
    bool point = false, any = false;
    for (char c : text) {
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9' || coefficient > max_coefficient() / 10)
            return std::nullopt;
        coefficient = coefficient * 10 + static_cast<unsigned>(c - '0');
        exponent -= point ? 1 : 0;
        any = true;
    }
    if (!any || coefficient > max_coefficient() || exponent < -kBias || exponent > 6111)
        return std::nullopt;
    return join(negative, coefficient, exponent);
}

} // namespace realmsync::store
