// What literals of the language spell (query-language.md 5.2, 5.3): digits to numbers, dates to
// timestamps. The text alone decides here; the type that a literal meets is conversion.hpp's
// matter.
#include "query/binding/spelling.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string>

#include "base/decimal.hpp"
#include "base/hex.hpp"
#include "query/operators.hpp"

namespace realmsync::query {

namespace {

constexpr std::size_t kDecimalDigits = 34;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

template <class Real> Real real_of(std::string_view text) {
    text.remove_prefix(text.starts_with('+'));
    Real value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc::result_out_of_range)
        return value;
    // Too large or too small, which from_chars does not tell apart: the digits before the point
    // and the exponent do.
    bool is_negative = text.starts_with('-');
    std::size_t exponent_at = text.find_first_of("eE");
    bool is_small = exponent_at != text.npos && text.substr(exponent_at + 1).starts_with('-');
    if (exponent_at == text.npos)
        is_small = text.find('.') < text.find_first_of("123456789");
    Real magnitude = is_small ? Real(0) : std::numeric_limits<Real>::infinity();
    return is_negative ? -magnitude : magnitude;
}

// Adds one to the last of some digits.
void round_up(std::string& digits, long& exponent) {
    std::size_t at = digits.find_last_not_of('9');
    std::fill(digits.begin() + static_cast<std::ptrdiff_t>(at == digits.npos ? 0 : at + 1),
              digits.end(), '0');
    if (at != digits.npos) {
        ++digits[at];
    } else {
        digits[0] = '1';
        ++exponent;
    }
}

// A decimal that has more digits than fit, rounded half to even.
std::string rounded(std::string_view mantissa, long exponent) {
    std::string digits;
    bool is_behind_point = false;
    for (char c : mantissa) {
        is_behind_point |= c == '.';
        if (is_digit(c)) {
            digits += c;
            exponent -= is_behind_point;
        }
    }
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
    if (digits.size() > kDecimalDigits) {
        std::string rest = digits.substr(kDecimalDigits), half = "5";
        half.append(rest.size() - 1, '0');
        exponent += static_cast<long>(rest.size());
        digits.resize(kDecimalDigits);
        if (rest > half || (rest == half && (digits.back() - '0') % 2 != 0))
            round_up(digits, exponent);
    }
    return (digits.empty() ? "0" : digits) + "e" + std::to_string(exponent);
}

// The exponent behind the digits of a number. Far outside of every range, it is cut.
long exponent_of(std::string_view text) {
    text.remove_prefix(text.starts_with('+'));
    long exponent = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
    constexpr long kFar = 1'000'000'000;
    if (error == std::errc::result_out_of_range)
        return text.starts_with('-') ? -kFar : kFar;
    return std::clamp(exponent, -kFar, kFar);
}

[[noreturn]] void refuse_timestamp() {
    throw QueryFault(FaultKind::syntax, "Invalid timestamp format");
}

constexpr std::int64_t kNanoseconds = 1'000'000'000;

// T<seconds>:<nanoseconds>
Timestamp seconds_form(std::string_view text) {
    std::size_t colon = text.find(':');
    std::int64_t seconds = spelled_integer(text.substr(1, colon - 1));
    std::int64_t nanoseconds = spelled_integer(text.substr(colon + 1));
    bool has_two_signs = (seconds < 0 && nanoseconds > 0) || (seconds > 0 && nanoseconds < 0);
    if (has_two_signs || nanoseconds >= kNanoseconds || nanoseconds <= -kNanoseconds)
        refuse_timestamp();
    return {seconds, static_cast<std::int32_t>(nanoseconds)};
}

// Days from 1970-01-01 to the first of a month of the Gregorian calendar. Years are counted from
// March, so that the leap day is the last of a year.
std::int64_t days_to_month(std::int64_t year, std::int64_t month) { // both not negative, 0: January
    year += month / 12;
    month %= 12;
    year -= month < 2;
    std::int64_t era = year / 400, year_of_era = year % 400;
    std::int64_t day_of_year = (153 * ((month + 10) % 12) + 2) / 5;
    std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

// Y-M-D@h:m:s[:n], with T for @, too: UTC. Fields beyond their range carry over, as the time
// library of the reference does it.
Timestamp readable_form(std::string_view text) {
    std::array<std::int64_t, 7> fields{};
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size() && count < fields.size(); ++at, ++count) {
        std::size_t end = at;
        while (end < text.size() && is_digit(text[end]))
            ++end;
        auto [stop, error] = std::from_chars(text.data() + at, text.data() + end, fields[count]);
        if (error != std::errc() || fields[count] >= kNanoseconds)
            refuse_timestamp();
        at = end;
    }
    auto [year, month, day, hour, minute, second, nanosecond] = fields;
    if (year < 1900)
        throw QueryFault(FaultKind::invalid_query,
                         "Conversion of dates before 1900 is not supported.");
    std::int64_t days = days_to_month(year - 1, month + 11) + day - 1; // month 0: the year before
    std::int64_t seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    // Both parts carry one sign: before 1970 the nanoseconds count backwards.
    return {seconds, static_cast<std::int32_t>(seconds < 0 ? -nanosecond : nanosecond)};
}

} // namespace

std::int64_t spelled_integer(std::string_view text) {
    bool is_negative = text.starts_with('-');
    text.remove_prefix(is_negative || text.starts_with('+'));
    unsigned base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    } else if (text.starts_with('0')) {
        base = 8;
    }
    std::uint64_t limit = static_cast<std::uint64_t>(INT64_MAX) + is_negative, value = 0;
    for (char c : text) {
        int digit = hex_digit(c);
        if (digit < 0 || static_cast<unsigned>(digit) >= base)
            break;
        auto next = static_cast<std::uint64_t>(digit);
        value = value > (limit - next) / base ? limit : value * base + next;
    }
    return static_cast<std::int64_t>(is_negative ? 0 - value : value);
}

double spelled_double(std::string_view text) { return real_of<double>(text); }
float spelled_float(std::string_view text) { return real_of<float>(text); }

Decimal128 spelled_decimal(std::string_view text) {
    if (std::optional<Decimal128> exact = parse_decimal(text))
        return *exact;
    std::string sign = text.starts_with('-') ? "-" : "";
    std::size_t exponent_at = std::min(text.find_first_of("eE"), text.size());
    long exponent = exponent_of(text.substr(std::min(exponent_at + 1, text.size())));
    std::string digits = rounded(text.substr(0, exponent_at), exponent);
    if (std::optional<Decimal128> held = parse_decimal(sign + digits))
        return *held;
    // Out of range: its exponent tells on which side.
    bool is_small = digits.find("e-") != digits.npos;
    return *parse_decimal(sign + (is_small ? "0" : "inf"));
}

std::optional<std::int64_t> leading_integer(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\n\v\f\r"), text.size()));
    text.remove_prefix(text.starts_with('+') && text.size() > 1 && is_digit(text[1]));
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() ? std::optional(value) : std::nullopt;
}

template <class Real> std::optional<Real> leading_real(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\n\v\f\r"), text.size()));
    bool has_plus = text.starts_with('+');
    text.remove_prefix(has_plus);
    if (has_plus && text.starts_with('-'))
        return std::nullopt;
    Real value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() ? std::optional(value) : std::nullopt;
}
template std::optional<float> leading_real<float>(std::string_view text);
template std::optional<double> leading_real<double>(std::string_view text);

Timestamp spelled_timestamp(std::string_view text) {
    return text.starts_with('T') ? seconds_form(text) : readable_form(text);
}

} // namespace realmsync::query
