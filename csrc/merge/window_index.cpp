#include "merge/window_index.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "changeset/codec.hpp"
#include "merge/compare.hpp"

namespace realmsync::merge {

using changeset::Changeset;
using changeset::Instruction;
using changeset::Op;

void link(std::vector<Chained>& operands, Chain& chain, Number position) {
    if (chain.head == kNone)
        chain.head = position;
    else
        operands[chain.tail].next = position;
    REALMSYNC_ASSERT(chain.tail == kNone || chain.tail < position); // a chain keeps the order
    chain.tail = position;
}

bool is_destructive(const Changeset& changeset) {
    return std::any_of(changeset.instructions.begin(), changeset.instructions.end(),
                       [](const Instruction& i) { return is_destructive(i.op); });
}

void WindowIndex::append(std::vector<WindowEntry> later) {
    for (WindowEntry& entry : later) {
        entries.push_back(std::move(entry));
        Changeset& changeset = entries.back().changeset;
        for (const auto& buffer : changeset.buffers)
            bytes_ += buffer->capacity();
        bytes_ += changeset.instructions.capacity() * sizeof(Instruction);
        sides.push_back(make_side(changeset, entries.back().origin, true));
        sides.back().entry = entries.size() - 1;
        sides.back().altered = &altered_;
        index(entries.size() - 1);
    }
}

void WindowIndex::advance(std::uint64_t base) {
    while (first_ < entries.size() && entries[first_].version <= base)
        ++first_;
}

std::vector<std::size_t> WindowIndex::take_altered() {
    std::vector<std::size_t> altered;
    for (Side* side : altered_) {
        altered.push_back(side->entry);
        side->dirty = false;
    }
    altered_.clear();
    std::sort(altered.begin(), altered.end());
    return altered;
}

std::size_t WindowIndex::memory() const {
    return bytes_ + operands.capacity() * sizeof(Chained) + objects.capacity() * sizeof(Object) +
           numbers.memory() + entries.size() * (sizeof(WindowEntry) + sizeof(Side) + 256);
}

Side WindowIndex::make_side(Changeset& changeset, const Origin& origin, bool learn) {
    Side side;
    side.changeset = &changeset;
    side.origin = origin;
    side.names.reserve(changeset.strings.size());
    numbers.number_strings(side, learn);
    if (profile_ == Profile::strict &&
        std::any_of(changeset.instructions.begin(), changeset.instructions.end(),
                    [](const Instruction& i) { return i.op == Op::set_erase; }))
        side.texts = locate_texts(changeset);
    return side;
}

std::vector<Instruction> WindowIndex::left_of(std::size_t entry) const {
    std::vector<Instruction> left;
    left.reserve(end_of(entry) - begins_[entry]);
    for (Number n = begins_[entry]; n != end_of(entry); ++n)
        if (!operands[n].gone)
            left.push_back(*operands[n].instruction);
    return left;
}

void WindowIndex::drop_gone() {
    for (std::size_t entry = 0; entry < entries.size(); ++entry)
        entries[entry].changeset.instructions = left_of(entry);
}

void WindowIndex::rebuild() {
    numbers = {}; // without the names of incoming changesets, which may go
    operands.clear();
    begins_.clear();
    objects.clear();
    destructive_ = false;
    for (std::size_t entry = 0; entry < entries.size(); ++entry) {
        sides[entry].names.clear();
        numbers.number_strings(sides[entry], true);
        index(entry);
    }
}

void WindowIndex::index(std::size_t entry) {
    Side& side = sides[entry];
    begins_.push_back(static_cast<Number>(operands.size()));
    for (Instruction& i : side.changeset->instructions) {
        destructive_ |= is_destructive(i.op);
        const auto position = static_cast<Number>(operands.size());
        Chained& operand = operands.emplace_back();
        operand.side = &side;
        operand.instruction = &i;
        numbers.number(operand, true);
        if (operand.object == objects.size())
            objects.emplace_back();
        REALMSYNC_ASSERT(operand.object < objects.size());
        link(operands, objects[operand.object].local, position);
    }
}

std::string WindowIndex::encode(std::size_t entry) {
    Changeset& changeset = entries[entry].changeset;
    std::vector<Instruction> left = left_of(entry);
    left.swap(changeset.instructions);
    std::string bytes = changeset::encode(changeset);
    if (!sides[entry].texts.empty()) // the original reads them anew from there
        sides[entry].texts = locate_encoded_texts(changeset);
    left.swap(changeset.instructions); // the operands point to these
    return bytes;
}

} // namespace realmsync::merge
