// What a query is bound with beside its text (query-language.md section 6). Which argument a
// placeholder takes, and what it becomes there, is decided in binding/.
#pragma once

#include <variant>
#include <vector>

#include "model/value.hpp"
#include "query/geometry/geometry.hpp"

namespace realmsync::query {

// One of `$0`, `$1`, …: a value, a list of values, or a region.
struct ArgumentList {
    std::vector<model::Value> items;
};
// What arithmetic of constants came to, as exact texts give it back: taken as it is, as Mixed.
struct Folded {
    model::Value value;
};
using Argument = std::variant<model::Value, ArgumentList, Region, GeoPoint, Folded>;

} // namespace realmsync::query
