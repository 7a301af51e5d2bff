// Checked reading of the text fields of messages and body entries (wire-protocol.md 5.1, 5.2).
// The first fault sticks and everything after it reads as zero, so that callers check once at the
// end.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.hpp"

namespace realmsync::wire {

class Reader {
  public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    bool failed() const { return error_.has_value(); }
    Error& error() { return *error_; }
    bool at_end() const { return position_ == bytes_.size(); }
    std::size_t position() const { return position_; }
    std::size_t remaining() const { return bytes_.size() - position_; }

    void fail(ErrorKind kind, std::string message) {
        if (!error_)
            error_ = Error{kind, std::move(message), static_cast<std::int64_t>(position_)};
    }

    // The run of lower-case letters and underscores in front.
    std::string_view word() {
        const std::size_t start = position_;
        while (position_ < bytes_.size() && is_word(bytes_[position_]))
            ++position_;
        return bytes_.substr(start, position_ - start);
    }

    bool skip(char c) {
        if (position_ == bytes_.size() || bytes_[position_] != c)
            return false;
        ++position_;
        return true;
    }

    // Decimal digits, with `-` for signed types, from `low` to `high`; no `+`, no space.
    template <std::integral T> T integer(std::string_view name, ErrorKind kind, T low, T high) {
        T value{};
        const char* begin = bytes_.data() + position_;
        const auto [end, code] = std::from_chars(begin, bytes_.data() + bytes_.size(), value);
        if (code == std::errc::result_out_of_range ||
            (code == std::errc{} && (value < low || value > high)))
            fail(kind, std::string(name) + " is out of range");
        else if (code != std::errc{})
            fail(kind, std::string(name) + " is no integer");
        if (failed())
            return 0;
        position_ += static_cast<std::size_t>(end - begin);
        return value;
    }

    // C syntax without hexadecimal digits, in any locale.
    double number(std::string_view name, double low, double high) {
        double value = 0;
        const char* begin = bytes_.data() + position_;
        const auto [end, code] = std::from_chars(begin, bytes_.data() + bytes_.size(), value);
        if (code == std::errc::invalid_argument)
            fail(ErrorKind::bad_message, std::string(name) + " is no number");
        else if (code != std::errc{} || !(value >= low && value <= high)) // false for nan too
            fail(ErrorKind::bad_message, std::string(name) + " is out of range");
        if (failed())
            return 0;
        position_ += static_cast<std::size_t>(end - begin);
        return value;
    }

    std::string_view take(std::uint64_t size) { // at most remaining()
        const std::string_view taken = bytes_.substr(position_, size);
        position_ += taken.size();
        return taken;
    }

  private:
    static bool is_word(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }

    std::string_view bytes_;
    std::size_t position_ = 0;
    std::optional<Error> error_;
};

// Unsigned fields end at 2^63 - 1: the limit of every number of section 6.1, and of the stores.
inline constexpr std::uint64_t kMaxUnsigned = std::numeric_limits<std::int64_t>::max();

} // namespace realmsync::wire
