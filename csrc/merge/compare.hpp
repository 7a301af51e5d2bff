// When two instructions of different changesets speak of the same thing (merge-rules.md 1.5, 1.6).
// Names are compared by content: each changeset has its own string table.
#pragma once

#include <cstdint>
#include <string>

#include "changeset/instruction.hpp"

namespace realmsync::merge {

// An instruction with the changeset that its names, paths and links belong to.
struct Ref {
    const changeset::Changeset& changeset;
    const changeset::Instruction& instruction;

    changeset::Op op() const { return instruction.op; }
    std::string_view name(changeset::StringId id) const { return changeset.strings[id]; }
    std::string_view table() const { return name(instruction.table); }
    std::string_view field() const { return name(instruction.field); }
    std::span<const changeset::PathElement> path() const { return changeset.path(instruction); }
};

bool is_schema(changeset::Op op); // AddTable, EraseTable, AddColumn, EraseColumn
bool is_path(changeset::Op op);   // those that address a property
std::uint32_t level(const changeset::Instruction& i);

bool same_table(const Ref& a, const Ref& b);
bool same_object(const Ref& a, const Ref& b);
bool same_field(const Ref& a, const Ref& b); // of the same object
bool same_path(const Ref& a, const Ref& b);
bool same_container(const Ref& a, const Ref& b);
// The outer's path leads to the inner's, or to the container that the outer's last index is in.
bool is_prefix(const Ref& outer, const Ref& inner);
bool is_container_prefix(const Ref& outer, const Ref& inner);
bool same_payload(const Ref& a, const Ref& b);

// Class, [key], .field and path: `Dog[Int(5)].tags[3]`.
std::string describe(const Ref& ref);

} // namespace realmsync::merge
