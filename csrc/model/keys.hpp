// Keys of objects: their order, and which one a value is. What a key is: base/values.hpp.
#pragma once

#include <optional>

#include "model/value.hpp"

namespace realmsync::model {

// Below 0, 0 or above 0: null first, then as values of the type are ordered. Keys of one class have
// one type, but for null; others are told apart by it.
int compare(const Key& a, const Key& b);

// Borrowed from the value; nothing for what no primary key is.
std::optional<Key> key_of(const Value& value);

} // namespace realmsync::model
