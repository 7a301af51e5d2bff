#include "views/value_bytes.hpp"

#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/varint.hpp"
#include "model/schema.hpp"

namespace realmsync::views {

namespace {

constexpr int kMaxDepth = 2 * static_cast<int>(model::kMaxDepth); // embedded objects count, too

template <class T> void put_plain(std::string& bytes, const T& value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_type(std::string& bytes, Type type) {
    bytes += static_cast<char>(static_cast<std::int8_t>(type));
}

void put_scalar(std::string& bytes, const Scalar& scalar) {
    switch (scalar.type) {
    case Type::integer: return put_plain(bytes, scalar.integer);
    case Type::boolean: return put_plain(bytes, scalar.boolean);
    case Type::string:
    case Type::binary: return put_text(bytes, scalar.bytes);
    case Type::timestamp:
        put_plain(bytes, scalar.timestamp.seconds);
        return put_plain(bytes, scalar.timestamp.nanoseconds);
    case Type::float32: return put_plain(bytes, scalar.float32);
    case Type::float64: return put_plain(bytes, scalar.float64);
    case Type::decimal: return put_plain(bytes, scalar.decimal);
    case Type::object_id: return put_plain(bytes, scalar.object_id);
    case Type::uuid: return put_plain(bytes, scalar.uuid);
    case Type::link: put_text(bytes, scalar.link->table); return put_key(bytes, scalar.link->key);
    default: break; // null
    }
}

} // namespace

void put_number(std::string& bytes, std::uint64_t number) {
    char out[kMaxVarintSize];
    bytes.append(out, static_cast<std::size_t>(put_unsigned(out, number) - out));
}

void put_text(std::string& bytes, std::string_view text) {
    put_number(bytes, text.size());
    bytes += text;
}

void put_key(std::string& bytes, const Key& key) {
    put_type(bytes, key.type);
    switch (key.type) {
    case Type::integer: return put_plain(bytes, key.integer);
    case Type::string: return put_text(bytes, key.string);
    case Type::object_id: return put_plain(bytes, key.object_id);
    case Type::uuid: return put_plain(bytes, key.uuid);
    case Type::global_key: return put_plain(bytes, key.global);
    default: break; // null
    }
}

void put_value(std::string& bytes, const model::Value& value) {
    put_type(bytes, value.type());
    const auto put_items = [&](const auto& items) {
        put_number(bytes, items.size());
        for (const model::Value& item : items)
            put_value(bytes, item);
    };
    if (const model::List* list = value.list()) {
        put_items(list->items);
    } else if (const model::Set* set = value.set()) {
        put_items(set->items);
    } else if (const model::Embedded* object = value.embedded()) {
        put_items(object->properties);
    } else if (const model::Dictionary* dictionary = value.dictionary()) {
        put_number(bytes, dictionary->items.size());
        for (const auto& [name, item] : dictionary->items) {
            put_text(bytes, name);
            put_value(bytes, item);
        }
    } else {
        LinkTarget link;
        put_scalar(bytes, value.view(link));
    }
}

std::string_view ValueReader::take(std::uint64_t size) {
    if (size > rest_.size())
        corrupt("The image of an object is damaged.");
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(taken.size());
    return taken;
}

template <class T> T ValueReader::plain() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
}

std::uint64_t ValueReader::number() {
    const auto* at = reinterpret_cast<const std::uint8_t*>(rest_.data());
    const VarintRead read = read_varint<64>(at, at + rest_.size());
    if (read.after == nullptr || read.negative)
        corrupt("The image of an object is damaged.");
    rest_.remove_prefix(static_cast<std::size_t>(read.after - at));
    return read.magnitude;
}

std::string_view ValueReader::text() { return take(number()); }

Key ValueReader::key() {
    Key key;
    key.type = static_cast<Type>(plain<std::int8_t>());
    switch (key.type) {
    case Type::null: break;
    case Type::integer: key.integer = plain<std::int64_t>(); break;
    case Type::string: key.string = text(); break;
    case Type::object_id: key.object_id = plain<ObjectId>(); break;
    case Type::uuid: key.uuid = plain<Uuid>(); break;
    case Type::global_key: key.global = plain<GlobalKey>(); break;
    default: corrupt("The image of an object is damaged.");
    }
    return key;
}

model::Value ValueReader::value() {
    const auto type = static_cast<Type>(plain<std::int8_t>());
    switch (type) {
    case Type::null: return {};
    case Type::integer: return model::Value(plain<std::int64_t>());
    case Type::boolean: return model::Value(plain<bool>());
    case Type::string: return model::Value(std::string(text()));
    case Type::binary: return model::Value(model::Binary{std::string(text())});
    case Type::timestamp: {
        const auto seconds = plain<std::int64_t>();
        return model::Value(Timestamp{seconds, plain<std::int32_t>()});
    }
    case Type::float32: return model::Value(plain<float>());
    case Type::float64: return model::Value(plain<double>());
    case Type::decimal: return model::Value(plain<Decimal128>());
    case Type::object_id: return model::Value(plain<ObjectId>());
    case Type::uuid: return model::Value(plain<Uuid>());
    case Type::link: {
        const std::string_view table = text();
        return model::Value(std::make_unique<model::Link>(
            model::Link{std::string(table), model::ObjectKey(key())}));
    }
    case Type::list:
    case Type::set:
    case Type::dictionary:
    case Type::object_value: return container(type);
    default: corrupt("The image of an object is damaged.");
    }
}

model::Value ValueReader::container(Type type) {
    if (++depth_ > kMaxDepth)
        corrupt("The image of an object is damaged.");
    model::Value made = model::Value::empty(type);
    for (std::uint64_t left = number(); left != 0; --left) {
        if (model::Dictionary* dictionary = made.dictionary()) {
            std::string name(text());
            dictionary->items.emplace(std::move(name), value());
        } else if (model::List* list = made.list()) {
            list->items.push_back(value());
        } else if (model::Set* set = made.set()) {
            set->items.push_back(value());
        } else {
            made.embedded()->properties.push_back(value());
        }
    }
    --depth_;
    return made;
}

} // namespace realmsync::views
