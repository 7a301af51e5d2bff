// JSON with the rules of the protocol: one object, types checked exactly, size and depth bounded.
// Internal to this folder; only its .cpp files that read JSON include it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

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

// Compact text; bytes that are no UTF-8 become U+FFFD.
inline std::string dump_json(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace realmsync::wire
