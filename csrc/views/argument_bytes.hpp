// Arguments of queries as bytes, without loss: constants of views that have no text, values and
// regions of the globe. How values are written is value_bytes.hpp's.
#pragma once

#include <string>
#include <vector>

#include "query/tree/argument.hpp"
#include "views/value_bytes.hpp"

namespace realmsync::views {

// Values, folded ones, and regions: nothing else stands in a predicate.
void put_arguments(std::string& bytes, const std::vector<query::Argument>& arguments);

// The inverse. Throws StoreError (corrupt).
std::vector<query::Argument> read_arguments(ValueReader& reader);

} // namespace realmsync::views
