#include "wire/partition_value.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/base64.hpp"
#include "wire/json.hpp"

namespace realmsync::wire {

namespace {

Error invalid(std::string message) {
    return {ErrorKind::bad_partition, "Partition value: " + std::move(message)};
}

Error not_allowed() { return invalid("neither string, integer, ObjectId, UUID nor null"); }

Result<PartitionValue> read_integer(const Json& text, std::int64_t low, std::int64_t high) {
    std::int64_t value = 0;
    if (!text.is_string())
        return invalid("the integer must stand in a string");
    const auto& digits = text.get_ref<const std::string&>();
    const char* const end = digits.data() + digits.size();
    const auto [stop, code] = std::from_chars(digits.data(), end, value);
    if (code != std::errc{} || stop != end || value < low || value > high)
        return invalid("no integer of its type");
    return PartitionValue(value);
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

template <class Id> Result<PartitionValue> read_hex(std::string_view text) {
    Id id;
    if (text.size() != 2 * id.bytes.size())
        return invalid("hexadecimal digits of another number than its type has");
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return invalid("no hexadecimal digit");
        id.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return PartitionValue(id);
}

Result<PartitionValue> read_uuid_text(const std::string& text) {
    constexpr std::size_t kHyphens[] = {8, 13, 18, 23};
    if (text.size() != 36)
        return invalid("a UUID has 36 characters");
    for (const std::size_t at : kHyphens)
        if (text[at] != '-')
            return invalid("a UUID has the form 8-4-4-4-12");
    std::string digits = text;
    std::erase(digits, '-');
    return read_hex<Uuid>(digits);
}

Result<PartitionValue> read_binary(const Json& json) {
    if (!json.is_object() || json.size() != 2 || !json.contains("base64") ||
        !json.contains("subType") || !json["base64"].is_string() || json["subType"] != "04")
        return invalid("only binary of subtype 04 is allowed");
    const auto bytes = base64_decode(json["base64"].get_ref<const std::string&>());
    Uuid uuid;
    if (!bytes || bytes->size() != uuid.bytes.size())
        return invalid("a UUID has 16 bytes in base64");
    std::ranges::copy(*bytes, uuid.bytes.begin());
    return PartitionValue(uuid);
}

Result<PartitionValue> read_object(const Json& json) {
    if (json.size() != 1)
        return not_allowed();
    const std::string& key = json.begin().key();
    const Json& value = json.begin().value();
    if (key == "$numberInt")
        return read_integer(value, std::numeric_limits<std::int32_t>::min(),
                            std::numeric_limits<std::int32_t>::max());
    if (key == "$numberLong")
        return read_integer(value, std::numeric_limits<std::int64_t>::min(),
                            std::numeric_limits<std::int64_t>::max());
    if (key == "$binary")
        return read_binary(value);
    if (key == "$oid" && value.is_string())
        return read_hex<ObjectId>(value.get_ref<const std::string&>());
    if (key == "$uuid" && value.is_string())
        return read_uuid_text(value.get_ref<const std::string&>());
    return not_allowed();
}

struct ToJson {
    Json operator()(std::monostate) const { return nullptr; }
    Json operator()(std::int64_t value) const { return {{"$numberLong", std::to_string(value)}}; }
    Json operator()(const std::string& value) const { return value; }
    Json operator()(const ObjectId& value) const {
        constexpr char kDigits[] = "0123456789abcdef";
        std::string text;
        for (const std::uint8_t byte : value.bytes) {
            text += kDigits[byte >> 4];
            text += kDigits[byte & 15];
        }
        return {{"$oid", text}};
    }
    Json operator()(const Uuid& value) const {
        const std::string bytes(value.bytes.begin(), value.bytes.end());
        return {{"$binary", {{"base64", base64_encode(bytes)}, {"subType", "04"}}}};
    }
};

} // namespace

Result<PartitionValue> parse_partition_value(std::string_view text) {
    if (text.empty() || text.size() > kMaxPartitionBytes)
        return Error{ErrorKind::bad_message, "A partition value has 1 to 1024 bytes"};
    const std::optional<Json> json = parse_json(text);
    if (!json)
        return invalid("malformed JSON");
    if (json->is_null())
        return PartitionValue();
    if (json->is_string())
        return PartitionValue(json->get<std::string>());
    if (json->is_object())
        return read_object(*json);
    if (json->is_number_unsigned() &&
        json->get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
        return invalid("integer out of range");
    if (json->is_number_integer())
        return PartitionValue(json->get<std::int64_t>());
    return not_allowed();
}

std::string format_partition_value(const PartitionValue& value) {
    return dump_json(std::visit(ToJson(), value));
}

Key as_key(const PartitionValue& value) {
    Key key;
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
        key.type = Type::integer;
        key.integer = *number;
    } else if (const auto* text = std::get_if<std::string>(&value)) {
        key.type = Type::string;
        key.string = *text;
    } else if (const auto* object_id = std::get_if<ObjectId>(&value)) {
        key.type = Type::object_id;
        key.object_id = *object_id;
    } else if (const auto* uuid = std::get_if<Uuid>(&value)) {
        key.type = Type::uuid;
        key.uuid = *uuid;
    }
    return key;
}

Result<std::string> canonical_partition(std::string_view text) {
    Result<PartitionValue> value = parse_partition_value(text);
    if (!value)
        return std::move(value.error());
    return format_partition_value(*value);
}

} // namespace realmsync::wire
