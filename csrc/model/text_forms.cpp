#include "model/text_forms.hpp"

#include "base/decimal.hpp"
#include "base/hex.hpp"

namespace realmsync::model {

namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kFirstSecond = -62135596800; // 0001-01-01T00:00:00Z
constexpr std::int64_t kLastSecond = 253402300799;  // 9999-12-31T23:59:59Z
constexpr std::int32_t kBillion = 1000000000;

// Days since 1970-01-01 to a civil date and back (proleptic Gregorian calendar), by eras of 400
// years that start in March so that leap days are last.
struct Civil {
    std::int64_t year;
    unsigned month, day;
};

Civil civil_from_days(std::int64_t days) {
    days += 719468;
    std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    auto day_of_era = static_cast<unsigned>(days - era * 146097);
    unsigned year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * day_of_year + 2) / 153;
    unsigned day = day_of_year - (153 * month + 2) / 5 + 1;
    month += month < 10 ? 3 : static_cast<unsigned>(-9);
    return {static_cast<std::int64_t>(year) + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
    year -= month <= 2 ? 1 : 0;
    std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    auto year_of_era = static_cast<unsigned>(year - era * 400);
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + static_cast<std::int64_t>(day_of_era) - 719468;
}

void put(char* out, int width, std::int64_t number) {
    for (int i = width - 1; i >= 0; i--) {
        out[i] = static_cast<char>('0' + number % 10);
        number /= 10;
    }
}

} // namespace

std::string global_key_text(const GlobalKey& key) {
    std::string text(33, '-');
    for (std::size_t i = 0; i < 16; i++) {
        text[i] = kHex[(key.hi >> (60 - 4 * i)) & 15];
        text[17 + i] = kHex[(key.lo >> (60 - 4 * i)) & 15];
    }
    return text;
}

std::optional<GlobalKey> global_key_from_text(std::string_view text) {
    if (text.size() != 33 || text[16] != '-')
        return std::nullopt;
    GlobalKey key{0, 0};
    for (std::size_t i = 0; i < 16; i++) {
        int high = hex_digit(text[i]), low = hex_digit(text[17 + i]);
        if (high < 0 || low < 0)
            return std::nullopt;
        key.hi = key.hi << 4 | static_cast<unsigned>(high);
        key.lo = key.lo << 4 | static_cast<unsigned>(low);
    }
    return key;
}

std::optional<std::string> date_text(const Timestamp& time) {
    std::int64_t seconds = time.seconds;
    std::int32_t nanoseconds = time.nanoseconds;
    if (seconds < kFirstSecond || seconds > kLastSecond)
        return std::nullopt;
    if (nanoseconds < 0) {
        if (seconds == kFirstSecond)
            return std::nullopt;
        seconds -= 1;
        nanoseconds += kBillion;
    }
    std::int64_t days = (seconds - (seconds < 0 ? kDay - 1 : 0)) / kDay;
    std::int64_t rest = seconds - days * kDay;
    Civil date = civil_from_days(days);
    std::string text = "0000-00-00T00:00:00.000000000Z";
    put(&text[0], 4, date.year);
    put(&text[5], 2, date.month);
    put(&text[8], 2, date.day);
    put(&text[11], 2, rest / 3600);
    put(&text[14], 2, rest / 60 % 60);
    put(&text[17], 2, rest % 60);
    put(&text[20], 9, nanoseconds);
    return text;
}

std::optional<Timestamp> date_from_text(std::string_view text) {
    constexpr std::string_view kPattern = "dddd-dd-ddTdd:dd:dd.dddddddddZ";
    if (text.size() != kPattern.size())
        return std::nullopt;
    for (std::size_t i = 0; i < text.size(); i++)
        if (kPattern[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != kPattern[i])
            return std::nullopt;
    auto number = [&](std::size_t at, std::size_t width) {
        unsigned value = 0;
        for (std::size_t i = at; i < at + width; i++)
            value = value * 10 + static_cast<unsigned>(text[i] - '0');
        return value;
    };
    std::int64_t seconds = days_from_civil(number(0, 4), number(5, 2), number(8, 2)) * kDay +
                           number(11, 2) * 3600 + number(14, 2) * 60 + number(17, 2);
    auto nanoseconds = static_cast<std::int32_t>(number(20, 9));
    if (seconds < 0 && nanoseconds > 0) {
        seconds += 1;
        nanoseconds -= kBillion;
    }
    Timestamp time{seconds, nanoseconds};
    if (date_text(time) != text) // no such date
        return std::nullopt;
    return time;
}

std::optional<std::string> decimal_text(const Decimal128& decimal) {
    std::string text = format_decimal(decimal);
    std::optional<Decimal128> back = parse_decimal(text);
    return back && *back == decimal ? std::optional(std::move(text)) : std::nullopt;
}

} // namespace realmsync::model
