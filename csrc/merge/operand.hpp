// An instruction on its way through a merge: which changeset it belongs to, and what it is about as
// small numbers that are equal exactly when the names and keys are (merge-rules.md 9.3 C6). The
// numbers are given in numbers.hpp; who meets whom is decided in walk.cpp.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/assert.hpp"
#include "changeset/instruction.hpp"
#include "merge/transform.hpp"

namespace realmsync::merge {

using Number = std::uint32_t;
inline constexpr Number kNone = std::numeric_limits<Number>::max();

// A changeset of either side.
struct Side {
    changeset::Changeset* changeset = nullptr;
    Origin origin;
    std::size_t entry = 0;     // of the window, where it is of the local side
    std::vector<Number> names; // numbers of changeset->strings; kNone: not in the window
    // Where each text of the changeset lies in the original engine's string buffer, by address;
    // only where defect R5 asks for it.
    struct Text {
        const char* data;
        std::uint64_t offset;
    };
    std::vector<Text> texts;
    // Altered by the merge, and where to note that.
    bool dirty = false;
    std::vector<Side*>* altered = nullptr;

    void mark_dirty() {
        if (!dirty && altered != nullptr)
            altered->push_back(this);
        dirty = true;
    }
};

struct Operand {
    Side* side = nullptr;
    changeset::Instruction* instruction = nullptr;
    Number table = kNone;
    Number object = kNone; // object, or all schema instructions of a class
    Number field = kNone;  // of instructions about one property
    bool gone = false;     // discarded

    changeset::Op op() const { return instruction->op; }
    std::string_view name(changeset::StringId id) const { return side->changeset->strings[id]; }
    std::span<const changeset::PathElement> path() const {
        return side->changeset->path(*instruction);
    }
    // Last index of an array instruction or of an Update of an element.
    std::uint32_t index() const {
        REALMSYNC_ASSERT(instruction->path_size != 0);
        return path().back().value;
    }

    void set_element(std::size_t position, std::uint32_t index) {
        REALMSYNC_ASSERT(position < instruction->path_size && !path()[position].is_string);
        assign(side->changeset->paths[instruction->path_begin + position].value, index);
    }
    void set_index(std::uint32_t index) { set_element(instruction->path_size - 1, index); }
    void set_prior_size(std::uint32_t size) { assign(instruction->prior_size, size); }
    void set_move_to(std::uint32_t index) { assign(instruction->value.move_to, index); }
    void set_integer(std::int64_t value) { assign(instruction->value.integer, value); }
    void discard() {
        gone = true;
        side->mark_dirty();
    }

  private:
    template <class T> void assign(T& member, T value) {
        if (member != value)
            side->mark_dirty();
        member = value;
    }
};

constexpr bool is_path(changeset::Op op) { // those that address a property
    return !is_schema(op) && op != changeset::Op::create_object &&
           op != changeset::Op::erase_object;
}
inline std::uint32_t level(const changeset::Instruction& i) { // 1.5
    if (i.op == changeset::Op::add_table || i.op == changeset::Op::erase_table)
        return 1;
    return is_path(i.op) ? 3 + i.path_size : 2;
}

} // namespace realmsync::merge
