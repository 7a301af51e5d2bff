#include "tables/json_form.hpp"

#include <bit>
#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/hex.hpp"
#include "model/text_forms.hpp"

namespace realmsync::tables {

namespace {

using Json = nlohmann::json;

[[noreturn]] void damaged(const std::string& what) { corrupt("stored JSON is damaged: " + what); }

void append_string(std::string& out, std::string_view text) {
    out += '"';
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += "0123456789abcdef"[byte >> 4];
            out += "0123456789abcdef"[byte & 15];
        } else {
            out += c;
        }
    }
    out += '"';
}

void append_wrapped(std::string& out, std::string_view tag, std::string_view text) {
    out += "{\"$";
    out += tag;
    out += "\":";
    append_string(out, text);
    out += '}';
}

template <class Bits> std::string bits_text(Bits bits) {
    std::string text;
    for (int shift = sizeof(Bits) * 8 - 4; shift >= 0; shift -= 4)
        text += "0123456789abcdef"[(bits >> shift) & 15];
    return text;
}

// A finite number so that it reads as floating point: 1.0, 1e+30.
template <class T> std::string real_text(T value) {
    char buffer[64];
    auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
    std::string text(buffer, end);
    if (text.find_first_of(".e") == text.npos)
        text += ".0";
    return text;
}

template <class T, class Bits>
void append_real(std::string& out, T value, std::string_view tag, std::string_view bits_tag,
                 bool plain) {
    if (std::isfinite(value)) {
        if (plain)
            out += real_text(value);
        else
            append_wrapped(out, tag, real_text(value));
    } else if (std::isinf(value)) {
        append_wrapped(out, tag, value < 0 ? "-Infinity" : "Infinity");
    } else if (std::bit_cast<Bits>(value) ==
               std::bit_cast<Bits>(std::numeric_limits<T>::quiet_NaN())) {
        append_wrapped(out, tag, "NaN");
    } else {
        append_wrapped(out, bits_tag, bits_text(std::bit_cast<Bits>(value)));
    }
}

void append_key(std::string& out, const Key& key, bool typed) {
    auto text = [&](std::string_view tag, const std::string& id) {
        if (typed)
            append_string(out, id);
        else
            append_wrapped(out, tag, id);
    };
    switch (key.type) {
    case Type::integer: out += std::to_string(key.integer); break;
    case Type::string: append_string(out, key.string); break;
    case Type::object_id: text("oid", format_object_id(key.object_id)); break;
    case Type::uuid: text("uuid", format_uuid(key.uuid)); break;
    case Type::global_key: text("globalKey", model::global_key_text(key.global)); break;
    default: out += typed ? "{\"$nullKey\":true}" : "null";
    }
}

// A scalar or link; `typed`: the declared type says what it is.
void append_scalar(std::string& out, const model::Value& value, bool typed) {
    auto text = [&](std::string_view tag, std::string_view content) {
        if (typed)
            append_string(out, content);
        else
            append_wrapped(out, tag, content);
    };
    switch (value.type()) {
    case Type::integer: out += std::to_string(std::get<std::int64_t>(value.data)); break;
    case Type::boolean: out += std::get<bool>(value.data) ? "true" : "false"; break;
    case Type::string: append_string(out, std::get<std::string>(value.data)); break;
    case Type::binary:
        text("binary", base64_encode(std::get<model::Binary>(value.data).bytes));
        break;
    case Type::timestamp: {
        const auto& time = std::get<Timestamp>(value.data);
        if (auto date = model::date_text(time))
            text("date", *date);
        else
            out += "{\"$date\":[" + std::to_string(time.seconds) + "," +
                   std::to_string(time.nanoseconds) + "]}";
        break;
    }
    case Type::float32:
        append_real<float, std::uint32_t>(out, std::get<float>(value.data), "numberFloat",
                                          "floatBits", typed);
        break;
    case Type::float64:
        append_real<double, std::uint64_t>(out, std::get<double>(value.data), "numberDouble",
                                           "doubleBits", true);
        break;
    case Type::decimal: {
        const auto& decimal = std::get<Decimal128>(value.data);
        if (auto digits = model::decimal_text(decimal))
            text("numberDecimal", *digits);
        else
            append_wrapped(out, "decimalBits", bits_text(decimal.high) + bits_text(decimal.low));
        break;
    }
    case Type::object_id: text("oid", format_object_id(std::get<ObjectId>(value.data))); break;
    case Type::uuid: text("uuid", format_uuid(std::get<Uuid>(value.data))); break;
    case Type::link:
        if (typed) {
            append_key(out, value.link()->key.view(), true);
        } else {
            out += "{\"$link\":{\"table\":";
            append_string(out, value.link()->table);
            out += ",\"key\":";
            append_key(out, value.link()->key.view(), false);
            out += "}}";
        }
        break;
    default: out += "null";
    }
}

void append_embedded(std::string& out, const model::Embedded& object, const model::Class& cls,
                     const model::Schema& schema) {
    out += '{';
    for (std::size_t i = 0; i < object.properties.size() && i < cls.properties.size(); i++) {
        if (i != 0)
            out += ',';
        append_string(out, cls.properties[i].name);
        out += ':';
        append_json(out, object.properties[i], cls.properties[i], schema);
    }
    out += '}';
}

template <class Items, class Append>
void append_items(std::string& out, const Items& items, const Append& append) {
    out += '[';
    bool is_first = true;
    for (const auto& item : items) {
        if (!std::exchange(is_first, false))
            out += ',';
        append(item);
    }
    out += ']';
}

template <class Append>
void append_dictionary(std::string& out, const model::Dictionary& dictionary,
                       const Append& append) {
    out += '{';
    bool first = true;
    for (const auto& [key, item] : dictionary.items) {
        if (!first)
            out += ',';
        first = false;
        append_string(out, key);
        out += ':';
        append(item);
    }
    out += '}';
}

std::string_view text_of(const Json& json) {
    if (!json.is_string())
        damaged("a text is missing");
    return json.get_ref<const std::string&>();
}

template <class T> T need(std::optional<T> value, const char* what) {
    if (!value)
        damaged(std::string("no ") + what);
    return std::move(*value);
}

template <class Bits> Bits bits_from(std::string_view text) {
    Bits bits = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits, 16);
    if (error != std::errc() || end != text.data() + text.size())
        damaged("no bit pattern");
    return bits;
}

template <class T> T real_from(std::string_view text) {
    if (text == "NaN")
        return std::numeric_limits<T>::quiet_NaN();
    if (text == "Infinity" || text == "-Infinity")
        return text[0] == '-' ? -std::numeric_limits<T>::infinity()
                              : std::numeric_limits<T>::infinity();
    T value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        damaged("no number");
    return value;
}

Key key_from_text(std::string_view text, Type type) {
    Key key;
    key.type = type;
    switch (type) {
    case Type::string: key.string = text; break;
    case Type::object_id: key.object_id = need(parse_object_id(text), "ObjectId"); break;
    case Type::uuid: key.uuid = need(parse_uuid(text), "UUID"); break;
    case Type::global_key: key.global = need(model::global_key_from_text(text), "GlobalKey"); break;
    default: damaged("no key");
    }
    return key;
}

Key key_from(const Json& json, Type type) { // of a known type, or of its own where type is null
    Key key;
    if (json.is_number_integer()) {
        key.type = Type::integer;
        key.integer = json.get<std::int64_t>();
    } else if (json.is_string()) {
        return key_from_text(text_of(json), type == Type::null ? Type::string : type);
    } else if (json.is_object() && json.size() == 1) {
        const std::string& tag = json.begin().key();
        if (tag == "$nullKey")
            return key;
        return key_from_text(text_of(json.begin().value()), tag == "$oid"    ? Type::object_id
                                                            : tag == "$uuid" ? Type::uuid
                                                                             : Type::global_key);
    } else if (!json.is_null()) {
        damaged("no key");
    }
    return key;
}

model::Value wrapped_from(const Json& json) { // {"$tag": …}
    const std::string& tag = json.begin().key();
    const Json& content = json.begin().value();
    if (tag == "$date" && content.is_array() && content.size() == 2)
        return model::Value(
            Timestamp{content[0].get<std::int64_t>(), content[1].get<std::int32_t>()});
    if (tag == "$link")
        return model::Value(std::make_unique<model::Link>(
            model::Link{std::string(text_of(content.at("table"))),
                        model::ObjectKey(key_from(content.at("key"), Type::null))}));
    std::string_view text = text_of(content);
    if (tag == "$date")
        return model::Value(need(model::date_from_text(text), "date"));
    if (tag == "$binary")
        return model::Value(model::Binary{need(base64_decode(text), "binary")});
    if (tag == "$numberFloat")
        return model::Value(real_from<float>(text));
    if (tag == "$numberDouble")
        return model::Value(real_from<double>(text));
    if (tag == "$floatBits")
        return model::Value(std::bit_cast<float>(bits_from<std::uint32_t>(text)));
    if (tag == "$doubleBits")
        return model::Value(std::bit_cast<double>(bits_from<std::uint64_t>(text)));
    if (tag == "$numberDecimal")
        return model::Value(need(parse_decimal(text), "decimal"));
    if (tag == "$decimalBits" && text.size() == 32)
        return model::Value(Decimal128{bits_from<std::uint64_t>(text.substr(16)),
                                       bits_from<std::uint64_t>(text.substr(0, 16))});
    if (tag == "$oid")
        return model::Value(need(parse_object_id(text), "ObjectId"));
    if (tag == "$uuid")
        return model::Value(need(parse_uuid(text), "UUID"));
    damaged("unknown tag " + tag);
}

model::Value mixed_from(const Json& json) {
    switch (json.type()) {
    case Json::value_t::null: return {};
    case Json::value_t::boolean: return model::Value(json.get<bool>());
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned: return model::Value(json.get<std::int64_t>());
    case Json::value_t::number_float: return model::Value(json.get<double>());
    case Json::value_t::string: return model::Value(json.get<std::string>());
    case Json::value_t::array: {
        model::Value list = model::Value::empty(Type::list);
        for (const Json& item : json)
            list.list()->items.push_back(mixed_from(item));
        return list;
    }
    default: break;
    }
    if (json.size() == 1 && json.begin().key().starts_with('$'))
        return wrapped_from(json);
    model::Value dictionary = model::Value::empty(Type::dictionary);
    for (auto item = json.begin(); item != json.end(); ++item)
        dictionary.dictionary()->items.emplace(item.key(), mixed_from(item.value()));
    return dictionary;
}

model::Value value_from(const Json& json, const model::Property& property,
                        const model::Schema& schema);

model::Value embedded_from(const Json& json, const model::Property& property,
                           const model::Schema& schema) {
    const model::Class* cls = schema.find(property.target);
    if (cls == nullptr || !json.is_object())
        damaged("no embedded object of " + property.target);
    model::Value value = model::Value::empty(Type::object_value);
    for (const model::Property& member : cls->properties) {
        auto found = json.find(member.name);
        value.embedded()->properties.push_back(
            found == json.end() ? model::zero_value(member) : value_from(*found, member, schema));
    }
    return value;
}

model::Value element_from(const Json& json, const model::Property& property,
                          const model::Schema& schema) {
    if (property.type == kMixed)
        return mixed_from(json);
    if (json.is_null())
        return {};
    if (property.is_embedded())
        return embedded_from(json, property, schema);
    if (property.is_link())
        return model::Value(std::make_unique<model::Link>(model::Link{
            property.target, model::ObjectKey(key_from(json, property.target_key_type))}));
    if (json.is_object() && json.size() == 1)
        return wrapped_from(json);
    switch (property.type) {
    case Type::integer: return model::Value(json.get<std::int64_t>());
    case Type::boolean: return model::Value(json.get<bool>());
    case Type::string: return model::Value(json.get<std::string>());
    case Type::binary:
        return model::Value(model::Binary{need(base64_decode(text_of(json)), "binary")});
    case Type::timestamp: return model::Value(need(model::date_from_text(text_of(json)), "date"));
    case Type::float32: return model::Value(static_cast<float>(json.get<double>()));
    case Type::float64: return model::Value(json.get<double>());
    case Type::decimal: return model::Value(need(parse_decimal(text_of(json)), "decimal"));
    case Type::object_id: return model::Value(need(parse_object_id(text_of(json)), "ObjectId"));
    case Type::uuid: return model::Value(need(parse_uuid(text_of(json)), "UUID"));
    default: damaged("unknown type");
    }
}

model::Value value_from(const Json& json, const model::Property& property,
                        const model::Schema& schema) {
    switch (property.collection) {
    case Collection::single: return element_from(json, property, schema);
    case Collection::dictionary: {
        model::Value value = model::Value::empty(Type::dictionary);
        if (!json.is_object())
            damaged("no dictionary");
        for (auto item = json.begin(); item != json.end(); ++item)
            value.dictionary()->items.emplace(item.key(),
                                              element_from(item.value(), property, schema));
        return value;
    }
    default: {
        bool set = property.collection == Collection::set;
        model::Value value = model::Value::empty(set ? Type::set : Type::list);
        auto& items = set ? value.set()->items : value.list()->items;
        if (!json.is_array())
            damaged("no list");
        items.reserve(json.size());
        for (const Json& item : json)
            items.push_back(element_from(item, property, schema));
        return value;
    }
    }
}

template <class Read> model::Value parse(std::string_view text, const Read& read) {
    try {
        return read(Json::parse(text));
    } catch (const Json::exception& error) {
        damaged(error.what());
    }
}

} // namespace

void append_json(std::string& out, const model::Value& value, const model::Property& property,
                 const model::Schema& schema) {
    auto element = [&](const model::Value& item) {
        if (property.type == kMixed)
            append_mixed_json(out, item);
        else if (const model::Embedded* object = item.embedded())
            append_embedded(out, *object, *schema.find(property.target), schema);
        else
            append_scalar(out, item, true);
    };
    switch (property.collection) {
    case Collection::single: element(value); break;
    case Collection::list: append_items(out, value.list()->items, element); break;
    case Collection::set: append_items(out, value.set()->items, element); break;
    case Collection::dictionary: append_dictionary(out, *value.dictionary(), element); break;
    }
}

void append_mixed_json(std::string& out, const model::Value& value) {
    auto element = [&](const model::Value& item) { append_mixed_json(out, item); };
    if (const model::List* list = value.list())
        append_items(out, list->items, element);
    else if (const model::Dictionary* dictionary = value.dictionary())
        append_dictionary(out, *dictionary, element);
    else
        append_scalar(out, value, false);
}

model::Value value_from_json(std::string_view text, const model::Property& property,
                             const model::Schema& schema) {
    return parse(text, [&](const Json& json) { return value_from(json, property, schema); });
}

model::Value mixed_from_json(std::string_view text) {
    return parse(text, [](const Json& json) { return mixed_from(json); });
}

} // namespace realmsync::tables
