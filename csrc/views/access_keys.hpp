// Values by which predicates are found from an object: of every object that matches, the image has
// one of a predicate's keys (flexible-sync.md 17.4). A key is a property and a value of its type,
// as bytes. Ranges, texts within texts and the like have none.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "query/tree/tree.hpp"
#include "query/values/image.hpp"

namespace realmsync::views {

// How many keys one predicate may be found by.
inline constexpr std::size_t kMaxAccessKeys = 1000;

struct AccessKeys {
    std::vector<std::string> keys;       // ascending, none twice; none: no object matches
    std::vector<std::size_t> properties; // of these keys, likewise
};

// Nothing when any object might match for all that keys can tell. The predicate is in normal form.
// O(n log n) in its size.
std::optional<AccessKeys> access_keys(const query::Predicate& predicate);

// Calls `visit` with each key that the object has in one property; its bytes live for the call.
// O(1), for a list or set O(its length).
template <class F>
void visit_keys(const query::Image& object, std::size_t property, const F& visit);

// The key of one value; false when values of its type have none. Appends to `bytes`.
bool append_key(std::string& bytes, std::size_t property, const model::Value& value);

template <class F>
void visit_keys(const query::Image& object, std::size_t property, const F& visit) {
    const model::Value* value = object.find(property);
    const model::Value zero =
        value == nullptr ? model::zero_value(object.cls->properties[property]) : model::Value();
    if (value == nullptr)
        value = &zero;
    std::string bytes;
    const auto visit_one = [&](const model::Value& one) {
        bytes.clear();
        if (append_key(bytes, property, one))
            visit(bytes);
    };
    if (const model::List* list = value->list()) {
        for (const model::Value& item : list->items)
            visit_one(item);
    } else if (const model::Set* set = value->set()) {
        for (const model::Value& item : set->items)
            visit_one(item);
    } else {
        visit_one(*value);
    }
}

} // namespace realmsync::views
