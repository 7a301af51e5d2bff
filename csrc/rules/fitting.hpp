// A value as the one of a property's type that it is equal to (app-configuration.md 6.3): numbers
// change their type where nothing of them is lost, all else stays what it is.
#pragma once

#include <optional>
#include <vector>

#include "model/schema.hpp"
#include "model/value.hpp"

namespace realmsync::rules {

// Of a number for a numeric type, itself where that type has no such number; nothing where no
// value of the type is comparable with it. Null, collections and NaN are not asked about.
std::optional<model::Value> fitted(const model::Value& value, Type type);

// The link that a key stands for in a property; nothing if it is no key of its target's class.
std::optional<model::Value> link_to(const model::Value& key, const model::Property& property);

// Values in the order of sets, none twice.
void make_set(std::vector<model::Value>& members);

// A value of a document, in extended JSON as a database would hold it, as an object holds it:
// absent and ill-typed ones are null or empty, links are their target's keys.
model::Value stored(const model::Value& value, const model::Property& property);

} // namespace realmsync::rules
