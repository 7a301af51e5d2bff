// The local side of a merge: the window's instructions with numbers for what they are about, in a
// list per object, so that incoming instructions find those they can meet. Grows with the history;
// who meets whom is decided in walk.cpp.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
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
void link(std::vector<Chained>& operands, Chain& chain, Number position);

// EraseTable and EraseColumn reach beyond the object or property they stand for.
bool is_destructive(const changeset::Changeset& changeset);

class WindowIndex {
  public:
    explicit WindowIndex(Profile profile) : profile_(profile) {}
    WindowIndex(const WindowIndex&) = delete;

    // Takes in later entries. Amortised O(their instructions).
    void append(std::vector<WindowEntry> later);
    // Leaves out entries up to `base`: they are past for all that follows.
    void advance(std::uint64_t base);

    // Around a walk that rewrites the changesets themselves: takes out of them what earlier walks
    // have discarded; afterwards only rebuild() makes the operands valid again.
    void drop_gone();
    void rebuild();

    Side make_side(changeset::Changeset& changeset, const Origin& origin, bool learn);
    // Entries that walks have altered since the last call, ascending.
    std::vector<std::size_t> take_altered();
    // The instructions that are left of an entry, as bytes.
    std::string encode(std::size_t entry);

    bool empty() const { return first_ == entries.size(); }
    std::size_t first() const { return first_; } // entry that is not past
    Number first_operand() const { return begins_[first_]; }
    bool destructive() const { return destructive_; }
    std::size_t memory() const; // bytes, about

    std::deque<WindowEntry> entries; // ascending, past ones included
    std::deque<Side> sides;          // of the entries
    Numbers numbers;
    std::vector<Chained> operands;
    std::vector<Object> objects; // by number

  private:
    void index(std::size_t entry);
    Number end_of(std::size_t entry) const {
        return entry + 1 == begins_.size() ? static_cast<Number>(operands.size())
                                           : begins_[entry + 1];
    }
    std::vector<changeset::Instruction> left_of(std::size_t entry) const;

    const Profile profile_;
    std::vector<Number> begins_; // first operand of each entry
    std::vector<Side*> altered_;
    std::size_t first_ = 0;
    std::size_t bytes_ = 0;
    bool destructive_ = false;
};

} // namespace realmsync::merge
