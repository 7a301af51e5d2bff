// What happens when one local and one incoming instruction meet (merge-rules.md 2.5 and section 3).
// Here: the choice of the rule, nested rules and the order in time; the direct rules are in
// schema_rules, value_rules and list_rules. Who meets whom is decided in walk.cpp.
#pragma once

#include "merge/operand.hpp"

namespace realmsync::merge {

// Edits both in place or discards them. `major` is local, `minor` incoming. Throws ErrorException
// (transform, schema) where they contradict each other; neither may be used after that.
void merge_cell(Operand& major, Operand& minor, Profile profile);

// Section 4. Throws where the origins are equal: two changesets of one author are never unrelated.
bool is_earlier(const Operand& a, const Operand& b);
inline void discard_earlier(Operand& a, Operand& b) { (is_earlier(a, b) ? a : b).discard(); }

[[noreturn]] void fail_transform(const Operand& blamed, const char* what);

// Where an index goes when another element moves (`follow` of the specification).
std::uint32_t follow(std::uint32_t index, std::uint32_t from, std::uint32_t to);

} // namespace realmsync::merge
