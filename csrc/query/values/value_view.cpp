#include "query/values/value_view.hpp"

#include "query/values/image.hpp"

namespace realmsync::query {

ValueView::ValueView(const model::Value& value) : type_(value.type()), integer_(0) {
    switch (type_) {
    case Type::null: break;
    case Type::integer: integer_ = std::get<std::int64_t>(value.data); break;
    case Type::boolean: boolean_ = std::get<bool>(value.data); break;
    case Type::string: bytes_ = std::get<std::string>(value.data); break;
    case Type::binary: bytes_ = std::get<model::Binary>(value.data).bytes; break;
    case Type::timestamp: timestamp_ = std::get<Timestamp>(value.data); break;
    case Type::float32: float32_ = std::get<float>(value.data); break;
    case Type::float64: float64_ = std::get<double>(value.data); break;
    case Type::decimal: decimal_ = std::get<Decimal128>(value.data); break;
    case Type::link: link_ = {value.link(), nullptr}; break;
    case Type::object_id: object_id_ = std::get<ObjectId>(value.data); break;
    case Type::uuid: uuid_ = std::get<Uuid>(value.data); break;
    default: container_ = &value; break;
    }
}

std::string_view ValueView::link_class() const {
    return link_.stored != nullptr ? std::string_view(link_.stored->table)
                                   : std::string_view(link_.object->cls->name);
}

Key ValueView::link_key() const {
    return link_.stored != nullptr ? link_.stored->key.view() : link_.object->key;
}

model::Value ValueView::to_value() const {
    switch (type_) {
    case Type::null: return {};
    case Type::integer: return model::Value(integer_);
    case Type::boolean: return model::Value(boolean_);
    case Type::string: return model::Value(std::string(bytes_));
    case Type::binary: return model::Value(model::Binary{std::string(bytes_)});
    case Type::timestamp: return model::Value(timestamp_);
    case Type::float32: return model::Value(float32_);
    case Type::float64: return model::Value(float64_);
    case Type::decimal: return model::Value(decimal_);
    case Type::object_id: return model::Value(object_id_);
    case Type::uuid: return model::Value(uuid_);
    case Type::link:
        return model::Value(std::make_unique<model::Link>(
            model::Link{std::string(link_class()), model::ObjectKey(link_key())}));
    default: return container_->clone();
    }
}

} // namespace realmsync::query
