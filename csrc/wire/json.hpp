// JSON with the rules of the protocol: one object, types checked exactly, size and depth bounded.
// Internal to this folder; only its .cpp files that read JSON include it.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace realmsync::wire {

using Json = nlohmann::json;

// The parsed text, nothing if it is malformed (UTF-8 included), larger than 4 MiB or nested deeper
// than 32 levels. Parsed JSON takes up to 40 times its text.
inline std::optional<Json> parse_json(std::string_view text) {
    constexpr std::size_t kMaxBytes = 4u << 20;
    constexpr int kMaxDepth = 32;
    if (text.size() > kMaxBytes)
        return std::nullopt;
    bool too_deep = false;
    Json json = Json::parse(
        text,
        [&too_deep](int depth, Json::parse_event_t, Json&) {
            too_deep |= depth > kMaxDepth;
            return !too_deep;
        },
        false);
    if (json.is_discarded() || too_deep)
        return std::nullopt;
    return json;
}

// Typed keys of one object. Throws ErrorException, which as_result() turns into a Result.
class Keys {
  public:
    explicit Keys(const Json& object) : object_(object) {
        if (!object.is_object())
            raise(ErrorKind::bad_message, "The body is no JSON object");
    }

    bool has(const char* key) const { return object_.contains(key); }

    const Json& get(const char* key) const {
        const auto found = object_.find(key);
        if (found == object_.end())
            raise(ErrorKind::bad_message, std::string("Key '") + key + "' is missing");
        return *found;
    }
    const std::string& string(const char* key) const {
        const Json& value = get(key);
        expect(value.is_string(), key, "string");
        return value.get_ref<const std::string&>();
    }
    bool boolean(const char* key) const {
        const Json& value = get(key);
        expect(value.is_boolean(), key, "boolean");
        return value.get<bool>();
    }
    std::int64_t integer(const char* key) const {
        const Json& value = get(key);
        expect(value.is_number_integer() &&
                   !(value.is_number_unsigned() && value.get<std::uint64_t>() > kMaxInteger),
               key, "64-bit integer");
        return value.get<std::int64_t>();
    }
    std::uint64_t natural(const char* key) const {
        const std::int64_t value = integer(key);
        expect(value >= 0, key, "unsigned integer");
        return static_cast<std::uint64_t>(value);
    }
    const Json& array(const char* key) const {
        const Json& value = get(key);
        expect(value.is_array(), key, "array");
        return value;
    }

    static void expect(bool ok, const char* key, const char* type) {
        if (!ok)
            raise(ErrorKind::bad_message, std::string("Key '") + key + "' is no " + type);
    }

  private:
    static constexpr std::uint64_t kMaxInteger = std::numeric_limits<std::int64_t>::max();

    const Json& object_;
};

inline Json parse_or_raise(std::string_view text) {
    std::optional<Json> json = parse_json(text);
    if (!json)
        raise(ErrorKind::bad_message, "The body is malformed JSON, or too large or too deep");
    return std::move(*json);
}

template <class Read> auto as_result(Read read) -> Result<decltype(read())> {
    try {
        return read();
    } catch (const ErrorException& e) {
        return e.error();
    }
}

// Compact text; bytes that are no UTF-8 become U+FFFD.
inline std::string dump_json(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace realmsync::wire
