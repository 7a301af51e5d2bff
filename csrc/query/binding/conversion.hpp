// What a constant becomes where it meets another kind of operand (query-language.md 5.4, section
// 6). Where it cannot become that kind it stays as it is: whether both may meet is asked later.
#pragma once

#include "model/value.hpp"
#include "query/binding/kinds.hpp"

namespace realmsync::query {

// Numbers and strings; other values stay as they are. `is_listed`: an element of an argument that
// is a list. Throws QueryFault, without a position, for an infinity or NaN that the kind has not.
model::Value converted(model::Value value, Kind hint, bool is_listed = false);

// inf and nan where they are spelled out.
model::Value infinity(bool is_negative, Kind hint); // throws as above
model::Value not_a_number(bool is_negative, Kind hint);

} // namespace realmsync::query
