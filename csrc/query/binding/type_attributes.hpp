// The names that @type is compared with (query-language.md 11.6), as masks: a value's type is one
// bit, a name may stand for several.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/values.hpp"
#include "query/tree/tree.hpp"

namespace realmsync::query {

// The mask of a name in any case, and how the name is printed; nothing if there is no such name.
std::optional<Constant> type_attribute(std::string_view name);
// Of a property of this fixed type.
Constant type_attribute(Type property);
// All names, for the message about one that is not among them.
std::string type_attribute_names();

} // namespace realmsync::query
