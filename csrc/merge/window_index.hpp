// The local side of a merge: the window's instructions with numbers for what they are about, in a
// list per object, so that incoming instructions find those they can meet. Built once per merge;
// who meets whom is decided in walk.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "merge/numbers.hpp"
#include "merge/operand.hpp"
#include "merge/transform.hpp"

namespace realmsync::merge {

struct Chained : Operand {
    Number next = kNone; // the next instruction about the same object
};

struct Chain {
    Number head = kNone, tail = kNone;
};
struct Object {
    Chain local;    // the head may be past already
    Chain incoming; // empty between walks
};
void append(std::vector<Chained>& operands, Chain& chain, Number position);

// EraseTable and EraseColumn reach beyond the object or property they stand for.
bool is_destructive(const changeset::Changeset& changeset);

class WindowIndex {
  public:
    WindowIndex(std::vector<WindowEntry> entries, Profile profile);

    // Around a walk that rewrites the changesets themselves: takes out of them what earlier walks
    // have discarded; afterwards only rebuild() makes the operands valid again.
    void drop_gone();
    void rebuild();
    // Leaves out entries up to `base`: it is past for all that follows.
    void advance(std::uint64_t base);

    bool empty() const { return first_side_ == sides_.size(); }
    bool destructive() const { return destructive_; }
    Side make_side(changeset::Changeset& changeset, const Origin& origin, bool learn);

    std::vector<WindowEntry> entries;
    Numbers numbers;
    std::vector<Chained> operands;
    std::vector<Object> objects; // by number

    std::size_t first_side() const { return first_side_; }
    Number first_operand() const { return begins_[first_side_]; }
    std::vector<Side>& sides() { return sides_; } // one per entry
    // The entry's instructions that are left, as bytes.
    std::string encode(std::size_t entry);

  private:
    void index_all();
    void index(std::size_t entry);
    std::vector<changeset::Instruction> left_of(std::size_t entry) const;

    const Profile profile_;
    std::vector<Side> sides_;
    std::vector<Number> begins_; // first operand of each entry, and the end
    std::size_t first_side_ = 0;
    bool destructive_ = false;
};

} // namespace realmsync::merge
