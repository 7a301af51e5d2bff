// The query that a partition becomes when its app goes over to flexible sync (flexible-sync.md 15).
#pragma once

#include <string>
#include <string_view>

#include "wire/partition_value.hpp"

namespace realmsync::views {

// `property`: that told partitions apart.
std::string partition_query(std::string_view property, const wire::PartitionValue& value);

} // namespace realmsync::views
