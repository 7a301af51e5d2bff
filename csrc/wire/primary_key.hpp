// Primary keys as they stand in the `pk` of rejectedUpdates: type byte and value in the payload
// encoding, there in base64 (wire-protocol.md 10.2).
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/values.hpp"

namespace realmsync::wire {

std::string encode_primary_key(const Key& key); // null, integer, string, object_id or uuid
// The string of the key points into `bytes`.
Result<Key> decode_primary_key(std::string_view bytes);

} // namespace realmsync::wire
