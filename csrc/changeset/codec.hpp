// Bytes to instructions and back (changeset-format.md sections 2 to 10).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "changeset/instruction.hpp"

namespace realmsync::changeset {

// Longest string of the format in bytes (section 3.1), names included.
inline constexpr std::size_t kMaxStringSize = 16'777'199;

// What AddTable may declare (section 4.2); global_key: a class without primary key.
constexpr bool is_primary_key_type(Type type) {
    return type == Type::integer || type == Type::string || type == Type::object_id ||
           type == Type::uuid || type == Type::global_key;
}

inline constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

// Parses one changeset, strictly: every MUST and SHOULD of the format is checked, and the first
// fault in reading order is reported with its byte position. Views of the result point into
// `bytes`, which it keeps alive. O(n) time; memory at most 64 times the input plus a constant, and
// not much more than `memory` bytes: what needs more is refused with limit_exceeded.
Result<Changeset> parse(std::shared_ptr<const std::string> bytes, std::size_t memory = kNoLimit);
// The same for memory that the caller keeps alive longer than the result.
Result<Changeset> parse_borrowed(std::string_view bytes, std::size_t memory = kNoLimit);

// Definitions first, the whole string table in index order, unused ones included; zero bytes when
// no instruction is left (section 10 rules 6 and 7). What servers store and send.
std::string encode(const Changeset& changeset);
// Definitions just before the instruction that needs them first, as local writes are recorded.
std::string encode_interleaved(const Changeset& changeset);

} // namespace realmsync::changeset
