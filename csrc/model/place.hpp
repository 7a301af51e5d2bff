// Finds a place inside a property's value: what lies there and which declaration governs it. Shared
// by reads and by local writes, which must know list sizes and kinds before they write.
#pragma once

#include <optional>
#include <span>

#include "changeset/writer.hpp"
#include "model/schema.hpp"
#include "model/value.hpp"

namespace realmsync::model {

struct Place {
    const Value* value;       // null pointer: an absent dictionary value
    const Property* property; // null pointer: inside a Mixed, where anything may lie
    bool element;             // an element of the property's collection, not the property itself

    bool in_mixed() const { return !property || property->type == kMixed; }
    // What a plain value here may be: kMixed, or the declared type.
    Type type() const { return property ? property->type : kMixed; }
    bool nullable() const { return !property || property->nullable; }
    // The declared collection that lies here; single for a value.
    Collection collection() const {
        return property && !element ? property->collection : Collection::single;
    }
};

// Nothing when the path does not lead anywhere (any more). The last step may name an absent
// dictionary key. O(path).
std::optional<Place> find_place(const Schema& schema, const Property& property, const Value& value,
                                std::span<const changeset::Step> path);

} // namespace realmsync::model
