#include "model/place.hpp"

namespace realmsync::model {

const Value& initial_value(const Property& property) {
    static const Value null, integer{std::int64_t{0}}, boolean{false}, string{std::string()},
        binary{Binary{}}, timestamp{Timestamp{}}, float32{0.0f}, float64{0.0},
        decimal{Decimal128{0, 0x3040'0000'0000'0000}}, object_id{ObjectId{}}, uuid{Uuid{}},
        list = Value::empty(Type::list), set = Value::empty(Type::set),
        dictionary = Value::empty(Type::dictionary);
    switch (property.collection) {
    case Collection::list: return list;
    case Collection::set: return set;
    case Collection::dictionary: return dictionary;
    case Collection::single: break;
    }
    if (property.nullable)
        return null;
    switch (property.type) {
    case Type::integer: return integer;
    case Type::boolean: return boolean;
    case Type::string: return string;
    case Type::binary: return binary;
    case Type::timestamp: return timestamp;
    case Type::float32: return float32;
    case Type::float64: return float64;
    case Type::decimal: return decimal;
    case Type::object_id: return object_id;
    case Type::uuid: return uuid;
    default: return null;
    }
}

namespace {

bool step_into(const Schema& schema, Place& place, const changeset::Step& step) {
    if (!place.value)
        return false;
    if (const List* list = place.value->list()) {
        if (step.is_string || step.index >= list->items.size())
            return false;
        place.value = &list->items[step.index];
    } else if (const Dictionary* dictionary = place.value->dictionary()) {
        if (!step.is_string)
            return false;
        auto found = dictionary->items.find(step.name);
        place.value = found == dictionary->items.end() ? nullptr : &found->second;
    } else if (const Embedded* embedded = place.value->embedded()) {
        const Class* cls = place.property ? schema.find(place.property->target) : nullptr;
        const std::size_t index = cls && step.is_string ? cls->find(step.name) : Class::npos;
        if (index == Class::npos)
            return false;
        place.property = &cls->properties[index];
        place.value = index < embedded->properties.size() ? &embedded->properties[index]
                                                          : &initial_value(*place.property);
        place.element = false;
        return true;
    } else {
        return false;
    }
    // Below a Mixed anything may lie; below a declared collection, its elements.
    if (place.collection() == Collection::single)
        place.property = nullptr;
    place.element = true;
    return true;
}

} // namespace

std::optional<Place> walk(const Schema& schema, const Property& property, const Value& value,
                          std::span<const changeset::Step> path) {
    Place place{&value, &property, false};
    for (const auto& step : path)
        if (!step_into(schema, place, step))
            return std::nullopt;
    return place;
}

} // namespace realmsync::model
