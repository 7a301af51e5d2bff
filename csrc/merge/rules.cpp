#include "merge/rules.hpp"

#include <array>
#include <initializer_list>
#include <tuple>

#include "merge/compare.hpp"
#include "merge/list_rules.hpp"
#include "merge/schema_rules.hpp"
#include "merge/value_rules.hpp"

namespace realmsync::merge {

using changeset::Op;

namespace {

// N3: what is set higher up replaces what is below, unless it is the container that the path below
// leads through.
bool keeps_contents(const Operand& update, const Operand& inner) {
    const bool named = inner.path()[update.path().size()].is_string;
    switch (update.instruction->value_type) {
    case Type::object_value: return true;
    case Type::list: return !named;
    case Type::dictionary: return named;
    default: return false;
    }
}

// The index in the inner path where the outer's last one is.
std::uint32_t slot(const Operand& outer, const Operand& inner) {
    const auto& element = inner.path()[outer.path().size() - 1];
    if (element.is_string)
        fail_transform(inner,
                       "has a name where a concurrent change of the same place has an index");
    return element.value;
}

void set_slot(const Operand& outer, Operand& inner, std::uint32_t index) {
    inner.set_element(outer.path().size() - 1, index);
}

// N6. The original rewrites the move instead of the path below it (defect R1).
void merge_move_above(Operand& move, Operand& inner, Profile profile) {
    const std::uint32_t from = move.index(), to = move.instruction->value.move_to;
    const std::uint32_t index = slot(move, inner);
    if (profile == Profile::strict)
        move.set_index(follow(from, index, to));
    else
        set_slot(move, inner, follow(index, from, to));
}

// Rules N1 to N8: `outer` has the lower level. None looks at times: structure above wins.
void merge_nested(Operand& outer, Operand& inner, Profile profile) {
    if (outer.op() == Op::erase_table) {
        if (same_table(outer, inner))
            inner.discard();
        return;
    }
    if (!is_path(inner.op()))
        return;
    switch (outer.op()) {
    case Op::erase_object:
        if (same_object(outer, inner))
            inner.discard();
        break;
    case Op::update:
        if (is_prefix(outer, inner) && !keeps_contents(outer, inner))
            inner.discard();
        break;
    case Op::add_integer:
    case Op::clear:
        if (is_prefix(outer, inner))
            inner.discard();
        break;
    case Op::array_insert:
        if (is_container_prefix(outer, inner)) {
            const std::uint32_t index = slot(outer, inner);
            if (index >= outer.index())
                set_slot(outer, inner, index + 1);
        }
        break;
    case Op::array_move:
        if (is_container_prefix(outer, inner))
            merge_move_above(outer, inner, profile);
        break;
    case Op::array_erase:
        if (is_prefix(outer, inner)) {
            inner.discard();
        } else if (is_container_prefix(outer, inner)) {
            const std::uint32_t index = slot(outer, inner);
            if (outer.index() < index)
                set_slot(outer, inner, index - 1);
        }
        break;
    default: break;
    }
}

// The grid of 3.2: by code, the codes with which there is a direct rule.
constexpr std::uint16_t bits(std::initializer_list<Op> ops) {
    std::uint16_t mask = 0;
    for (const Op op : ops)
        mask |= static_cast<std::uint16_t>(1u << static_cast<unsigned>(op));
    return mask;
}
constexpr std::array<std::uint16_t, 14> kPartners = {
    bits({Op::add_table, Op::erase_table}),                                // AddTable
    bits({Op::add_table, Op::erase_table}),                                // EraseTable
    bits({Op::erase_object}),                                              // CreateObject
    bits({Op::create_object, Op::erase_object}),                           // EraseObject
    bits({Op::update, Op::add_integer, Op::erase_column, Op::array_insert, //
          Op::array_move, Op::array_erase, Op::clear}),                    // Update
    bits({Op::update, Op::clear}),                                         // AddInteger
    bits({Op::add_column, Op::erase_column}),                              // AddColumn
    bits({Op::update, Op::add_column, Op::erase_column}),                  // EraseColumn
    bits({Op::update, Op::array_insert, Op::array_move, Op::array_erase,   //
          Op::clear}),                                                     // ArrayInsert
    bits({Op::update, Op::array_insert, Op::array_move, Op::array_erase,   //
          Op::clear}),                                                     // ArrayMove
    bits({Op::update, Op::array_insert, Op::array_move, Op::array_erase,   //
          Op::clear}),                                                     // ArrayErase
    bits({Op::update, Op::add_integer, Op::array_insert, Op::array_move,   //
          Op::array_erase, Op::clear, Op::set_insert, Op::set_erase}),     // Clear
    bits({Op::clear, Op::set_insert, Op::set_erase}),                      // SetInsert
    bits({Op::clear, Op::set_insert, Op::set_erase}),                      // SetErase
};

bool has_direct_rule(Op a, Op b) {
    return kPartners[static_cast<std::size_t>(a)] >> static_cast<unsigned>(b) & 1;
}

// Rules D1 to D29: `a` has the higher code, or both have the same one.
void merge_direct(Operand& a, Operand& b, Profile profile) {
    if (is_schema(a.op()))
        merge_schema(a, b);
    else if (is_list(a.op()) || (is_list(b.op()) && a.op() == Op::clear))
        merge_list(a, b, profile);
    else
        merge_value(a, b, profile);
}

} // namespace

bool is_earlier(const Operand& a, const Operand& b) {
    const auto order = [](const Origin& o) { return std::tie(o.timestamp, o.file_ident); };
    const auto x = order(a.side->origin), y = order(b.side->origin);
    if (x == y)
        fail_transform(b, "meets a change of the same time and origin");
    return x < y;
}

std::uint32_t follow(std::uint32_t index, std::uint32_t from, std::uint32_t to) {
    if (index == from)
        return to;
    const std::uint32_t rest = index > from ? index - 1 : index;
    return rest >= to ? rest + 1 : rest;
}

void fail_transform(const Operand& blamed, const char* what) {
    raise(ErrorKind::transform,
          std::string(op_name(blamed.op())) + " of " + describe(blamed) + " " + what + ".");
}

void merge_cell(Operand& major, Operand& minor, Profile profile) {
    const std::uint32_t x = level(*major.instruction), y = level(*minor.instruction);
    if (y < x) {
        merge_nested(minor, major, profile);
        if (major.gone)
            return;
    } else if (x < y) {
        merge_nested(major, minor, profile);
        if (minor.gone)
            return;
    }
    if (!has_direct_rule(major.op(), minor.op()))
        return;
    if (major.op() >= minor.op())
        merge_direct(major, minor, profile);
    else
        merge_direct(minor, major, profile);
}

} // namespace realmsync::merge
