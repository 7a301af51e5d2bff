#include "merge/value_rules.hpp"

#include "merge/compare.hpp"
#include "merge/rules.hpp"

namespace realmsync::merge {

using changeset::Op;

namespace {

Type type_of(const Operand& o) { return o.instruction->value_type; }

bool is_element(const Operand& update) {
    return update.side->changeset->addresses_element(*update.instruction);
}

// D7
void merge_updates(Operand& a, Operand& b) {
    if (is_element(a) && a.instruction->prior_size != b.instruction->prior_size)
        fail_transform(a, "meets a change of the same list at another size");
    if (type_of(a) != type_of(b)) {
        if (type_of(a) == Type::object_value)
            return a.discard();
        if (type_of(b) == Type::object_value)
            return b.discard();
    } else if (type_of(a) == Type::list || type_of(a) == Type::dictionary) {
        return; // one collection, the contents of both
    }
    if (a.instruction->is_default == b.instruction->is_default)
        discard_earlier(a, b);
    else
        (a.instruction->is_default ? a : b).discard();
}

// D8: a value that is set before an addition, or counts as if it were, takes the addition in, so
// that the sum is right whichever of the two is applied last.
void merge_addition(Operand& addition, Operand& update) {
    const bool before = update.instruction->is_default || is_earlier(update, addition);
    if (before && type_of(update) == Type::null)
        return;
    if (!before || type_of(update) != Type::integer)
        return addition.discard();
    update.set_integer(
        static_cast<std::int64_t>(static_cast<std::uint64_t>(update.instruction->value.integer) +
                                  static_cast<std::uint64_t>(addition.instruction->value.integer)));
}

// D13
void merge_clear_and_update(Operand& clear, Operand& update) {
    const Collection kind = clear.instruction->collection;
    const bool same_kind = (kind == Collection::list && type_of(update) == Type::list) ||
                           (kind == Collection::dictionary && type_of(update) == Type::dictionary);
    if (!same_kind)
        discard_earlier(clear, update);
}

// D24 to D26
void merge_clear_and_other(Operand& a, Operand& b) {
    if (a.op() != Op::clear) // a set's element
        a.discard();
    else if (b.op() == Op::clear)
        discard_earlier(a, b);
    else if (b.op() == Op::update)
        merge_clear_and_update(a, b);
    else if (b.op() == Op::add_integer) // D14
        b.discard();
}

bool is_object(Op op) { return op == Op::create_object || op == Op::erase_object; }

} // namespace

void merge_value(Operand& a, Operand& b, Profile profile) {
    if (is_object(a.op())) {
        if (a.op() == Op::create_object || !is_object(b.op()) || !same_object(a, b))
            return;
        if (b.op() == Op::create_object)
            b.discard(); // D5: erasing wins
        else
            discard_earlier(a, b); // D6: what follows the later one stays
        return;
    }
    if (!is_path(b.op()) || !same_path(a, b))
        return;
    switch (a.op()) {
    case Op::update: merge_updates(a, b); break;
    case Op::add_integer:
        if (b.op() == Op::update)
            merge_addition(a, b);
        break;
    case Op::clear: merge_clear_and_other(a, b); break;
    case Op::set_insert:
    case Op::set_erase: {
        if (b.op() == Op::clear)
            return merge_clear_and_other(a, b);
        if (b.op() != Op::set_insert && b.op() != Op::set_erase)
            return;
        const bool by_handle = profile == Profile::strict && a.op() == Op::set_erase &&
                               b.op() == Op::set_erase; // D29 and its defect R5
        if (by_handle ? same_handle(a, b) : same_payload(a, b))
            discard_earlier(a, b); // D27 to D29
        break;
    }
    default: break;
    }
}

} // namespace realmsync::merge
