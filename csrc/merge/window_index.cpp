#include "merge/window_index.hpp"

#include <algorithm>

#include "changeset/codec.hpp"
#include "merge/compare.hpp"

namespace realmsync::merge {

using changeset::Changeset;
using changeset::Instruction;
using changeset::Op;

void append(std::vector<Chained>& operands, Chain& chain, Number position) {
    if (chain.head == kNone)
        chain.head = position;
    else
        operands[chain.tail].next = position;
    chain.tail = position;
}

bool is_destructive(const Changeset& changeset) {
    return std::any_of(
        changeset.instructions.begin(), changeset.instructions.end(),
        [](const Instruction& i) { return i.op == Op::erase_table || i.op == Op::erase_column; });
}

WindowIndex::WindowIndex(std::vector<WindowEntry> window, Profile profile)
    : entries(std::move(window)), profile_(profile) {
    sides_.reserve(entries.size());
    for (WindowEntry& entry : entries)
        sides_.push_back(make_side(entry.changeset, entry.origin, true));
    index_all();
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
    left.reserve(begins_[entry + 1] - begins_[entry]);
    for (Number n = begins_[entry]; n != begins_[entry + 1]; ++n)
        if (!operands[n].gone)
            left.push_back(*operands[n].instruction);
    return left;
}

void WindowIndex::drop_gone() {
    for (std::size_t entry = 0; entry < entries.size(); ++entry)
        if (sides_[entry].dirty)
            entries[entry].changeset.instructions = left_of(entry);
}

void WindowIndex::rebuild() {
    numbers = {}; // without the names of incoming changesets, which may go
    for (Side& side : sides_) {
        side.names.clear();
        numbers.number_strings(side, true);
    }
    index_all();
}

void WindowIndex::index_all() {
    destructive_ = false;
    operands.clear();
    begins_.clear();
    std::size_t size = 0;
    for (const WindowEntry& entry : entries)
        size += entry.changeset.instructions.size();
    operands.reserve(size);
    begins_.reserve(entries.size() + 1);
    objects.assign(numbers.objects(), {});
    for (std::size_t entry = 0; entry < entries.size(); ++entry)
        index(entry);
    begins_.push_back(static_cast<Number>(operands.size()));
}

void WindowIndex::index(std::size_t entry) {
    Side& side = sides_[entry];
    begins_.push_back(static_cast<Number>(operands.size()));
    for (Instruction& i : side.changeset->instructions) {
        destructive_ |= i.op == Op::erase_table || i.op == Op::erase_column;
        const auto position = static_cast<Number>(operands.size());
        Chained& operand = operands.emplace_back();
        operand.side = &side;
        operand.instruction = &i;
        numbers.number(operand, true);
        if (operand.object == objects.size())
            objects.emplace_back();
        append(operands, objects[operand.object].local, position);
    }
}

void WindowIndex::advance(std::uint64_t base) {
    while (first_side_ < entries.size() && entries[first_side_].version <= base)
        ++first_side_;
}

std::string WindowIndex::encode(std::size_t entry) {
    Changeset& changeset = entries[entry].changeset;
    std::vector<Instruction> left = left_of(entry);
    left.swap(changeset.instructions);
    std::string bytes = changeset::encode(changeset);
    left.swap(changeset.instructions); // the operands point to these
    return bytes;
}

} // namespace realmsync::merge
