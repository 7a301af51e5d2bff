#include "model/place.hpp"

#include <array>

namespace realmsync::model {

namespace {

// What a property reads as that an embedded object is too short to hold: a place points to it, so
// it lives as long as the process. There are few: the zeros of all kinds of properties.
const Value& lasting_zero(const Property& property) {
    constexpr std::size_t kTypes = static_cast<std::size_t>(Type::uuid) + 1, kCollections = 4;
    static const auto zeros = [] {
        std::array<std::array<std::array<Value, kTypes>, kCollections>, 2> all;
        for (std::size_t nullable = 0; nullable < all.size(); ++nullable)
            for (std::size_t collection = 0; collection < kCollections; ++collection)
                for (std::size_t type = 0; type < kTypes; ++type)
                    all[nullable][collection][type] =
                        zero_value({.type = static_cast<Type>(type),
                                    .collection = static_cast<Collection>(collection),
                                    .nullable = nullable != 0});
        return all;
    }();
    return zeros[property.nullable ? 1 : 0][static_cast<std::size_t>(property.collection)]
                [static_cast<std::size_t>(property.type)];
}

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
                                                          : &lasting_zero(*place.property);
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

std::optional<Place> find_place(const Schema& schema, const Property& property, const Value& value,
                                std::span<const changeset::Step> path) {
    Place place{&value, &property, false};
    for (const auto& step : path)
        if (!step_into(schema, place, step))
            return std::nullopt;
    return place;
}

} // namespace realmsync::model
