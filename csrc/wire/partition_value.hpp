// Partition values: the BIND data of partition-based sync, extended JSON in several spellings
// (wire-protocol.md 8.1, server-behaviour.md 2.1). A server keys its files by the canonical text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.hpp"
#include "base/values.hpp"

namespace realmsync::wire {

using PartitionValue = std::variant<std::monostate, std::int64_t, std::string, ObjectId, Uuid>;

inline constexpr std::size_t kMaxPartitionBytes = 1024; // of the text, as the reference has it

// Accepts "text", null, 42, $numberInt, $numberLong, $oid, $binary of subtype 04 and $uuid. Errors:
// bad_message for a length outside 1 to 1024, bad_partition for anything else.
Result<PartitionValue> parse_partition_value(std::string_view text);
// The one text of a value: canonical extended JSON, integers as $numberLong, UUIDs as $binary.
std::string format_partition_value(const PartitionValue& value);
// As a primary key, which has the same types. Borrows the text of `value`.
Key as_key(const PartitionValue& value);
// Both in one: equal values in different spellings give the same text.
Result<std::string> canonical_partition(std::string_view text);

} // namespace realmsync::wire
