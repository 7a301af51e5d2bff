#include "query/printing/literals.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/base64.hpp"
#include "base/decimal.hpp"
#include "base/hex.hpp"
#include "base/utf8.hpp"
#include "model/text_forms.hpp"

namespace realmsync::query {

namespace {

// As C++ streams write it with this precision.
template <class Float> std::string float_literal(Float value, Digits digits) {
    if (std::isnan(value))
        return std::signbit(value) ? "-nan" : "nan";
    if (std::isinf(value))
        return value < 0 ? "-inf" : "inf";
    int precision = digits == Digits::six ? 6 : std::numeric_limits<Float>::max_digits10;
    std::array<char, 40> buffer;
    auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                             std::chars_format::general, precision);
    return {buffer.data(), end.ptr};
}

bool is_plain(char c) {
    constexpr std::string_view kSigns = " {|}~:;<=>?@!#$%&()*+,-./[]^_`";
    auto byte = static_cast<unsigned char>(c);
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || byte >= 0x80 || kSigns.find(c) != kSigns.npos;
}

// Of an object without a primary key nothing but the local key of the reference's file could be
// said, which is not known here: its GlobalKey stands there. No text gives it back.
std::string link_literal(const model::Link& link) {
    Key key = link.key.view();
    if (key.type == Type::global_key)
        return 'L' + std::to_string(key.global.hi) + ':' + std::to_string(key.global.lo);
    return "obj(\"class_" + link.table + "\"," + key_literal(key) + ')';
}

} // namespace

std::string literal(const model::Value& value, Digits digits) {
    switch (value.type()) {
    case Type::integer: return std::to_string(std::get<std::int64_t>(value.data));
    case Type::boolean: return std::get<bool>(value.data) ? "true" : "false";
    case Type::string: return string_literal(std::get<std::string>(value.data));
    case Type::binary:
        return "binary(" + string_literal(std::get<model::Binary>(value.data).bytes) + ')';
    case Type::timestamp: {
        const auto& time = std::get<Timestamp>(value.data);
        return 'T' + std::to_string(time.seconds) + ':' + std::to_string(time.nanoseconds);
    }
    case Type::float32: return float_literal(std::get<float>(value.data), digits);
    case Type::float64: return float_literal(std::get<double>(value.data), digits);
    case Type::decimal: return to_reference_text(std::get<Decimal128>(value.data));
    case Type::link: return link_literal(*value.link());
    case Type::object_id: return "oid(" + format_object_id(std::get<ObjectId>(value.data)) + ')';
    case Type::uuid: return "uuid(" + format_uuid(std::get<Uuid>(value.data)) + ')';
    default: return "NULL";
    }
}

std::string string_literal(std::string_view bytes) {
    if (std::all_of(bytes.begin(), bytes.end(), is_plain) &&
        utf8_valid_prefix(bytes) == bytes.size())
        return '"' + std::string(bytes) + '"';
    return "B64\"" + base64_encode(bytes) + '"';
}

std::string key_literal(const Key& key) {
    return key.type == Type::null ? "null" : literal(model::Value(model::key_scalar(key)));
}

std::string escaped_name(std::string_view name) {
    std::string out;
    for (char c : name) {
        switch (c) {
        case ' ': out += "\\ "; break;
        case '\t': out += "\\t"; break;
        case '\r': out += "\\r"; break;
        case '\n': out += "\\n"; break;
        default: out += c;
        }
    }
    return out;
}

} // namespace realmsync::query
