// When two instructions of opposite sides speak of the same thing (merge-rules.md 1.6). Classes,
// objects and names are compared by number, values by content.
#pragma once

#include <string>

#include "merge/operand.hpp"

namespace realmsync::merge {

inline bool same_table(const Operand& a, const Operand& b) { return a.table == b.table; }
inline bool same_object(const Operand& a, const Operand& b) { return a.object == b.object; }
inline bool same_field(const Operand& a, const Operand& b) {
    return a.field == b.field && a.object == b.object;
}
bool same_path(const Operand& a, const Operand& b);
bool same_container(const Operand& a, const Operand& b); // same path but for the last element
// The outer's path leads to the inner's, or to the container that the outer's last index is in.
bool is_prefix(const Operand& outer, const Operand& inner);
bool is_container_prefix(const Operand& outer, const Operand& inner);

bool same_payload(const Operand& a, const Operand& b);
// What the original compares in place of the payloads of two SetErase: where texts lie in the
// changesets' string buffers and how class names are numbered there (defect R5).
bool same_handle(const Operand& a, const Operand& b);

// The table that same_handle reads, for a changeset as it was parsed and for one that is to be read
// as encode() writes it. O(n log n) for n instructions and names.
std::vector<Side::Text> locate_texts(const changeset::Changeset& changeset);
std::vector<Side::Text> locate_encoded_texts(const changeset::Changeset& changeset);

// Class, [key], .field and path: `Dog[Int(5)].tags[3]`.
std::string describe(const Operand& operand);

} // namespace realmsync::merge
