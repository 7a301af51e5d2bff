#include "model/keys.hpp"

namespace realmsync::model {

namespace {

template <class T> int order(const T& a, const T& b) { return a < b ? -1 : b < a ? 1 : 0; }

} // namespace

int compare(const Key& a, const Key& b) {
    if (a.type != b.type)
        return order(a.type, b.type);
    switch (a.type) {
    case Type::integer: return order(a.integer, b.integer);
    case Type::string: return order(a.string.compare(b.string), 0);
    case Type::object_id: return order(a.object_id, b.object_id);
    case Type::uuid: return order(a.uuid, b.uuid);
    case Type::global_key: return order(a.global, b.global);
    default: return 0;
    }
}

std::optional<Key> key_of(const Value& value) {
    Key key;
    key.type = value.type();
    switch (key.type) {
    case Type::null: break;
    case Type::integer: key.integer = std::get<std::int64_t>(value.data); break;
    case Type::string: key.string = std::get<std::string>(value.data); break;
    case Type::object_id: key.object_id = std::get<ObjectId>(value.data); break;
    case Type::uuid: key.uuid = std::get<Uuid>(value.data); break;
    default: return std::nullopt;
    }
    return key;
}

} // namespace realmsync::model
