// The rules are named by merge-rules.md 3.3. Their arithmetic follows from two pictures: an insert
// or erase shifts every index behind it by one, and a move is an erase followed by an insert, its
// target counted in the list without the element. tests/merge/test_small_histories.py compares
// every pair of operations on small lists with the specification's tables and lets both orders
// come to the same list.
#include "merge/list_rules.hpp"

#include <utility>

#include "merge/compare.hpp"
#include "merge/rules.hpp"

namespace realmsync::merge {

using changeset::Op;

namespace {

using Index = std::uint32_t;

Index size_of(const Operand& o) { return o.instruction->prior_size; }
Index target_of(const Operand& move) { return move.instruction->value.move_to; }

void require_same_size(const Operand& a, const Operand& b) {
    if (size_of(a) != size_of(b))
        fail_transform(a, "meets a change of the same list at another size");
}

void require_inside(const Operand& o, bool inside, const char* what = "has an index out of range") {
    if (!inside)
        fail_transform(o, what);
}

// D10
void insert_and_update(const Operand& insert, Operand& update) {
    require_same_size(insert, update);
    require_inside(insert, insert.index() <= size_of(insert));
    require_inside(update, update.index() < size_of(update));
    update.set_prior_size(size_of(update) + 1);
    if (update.index() >= insert.index())
        update.set_index(update.index() + 1);
}

// D11
void move_and_update(const Operand& move, Operand& update) {
    require_inside(move, move.index() < size_of(move));
    require_inside(update, update.index() < size_of(update));
    update.set_index(follow(update.index(), move.index(), target_of(move)));
}

// D12
void erase_and_update(const Operand& erase, Operand& update) {
    require_same_size(erase, update);
    require_inside(erase, erase.index() < size_of(erase));
    require_inside(update, update.index() < size_of(update));
    update.set_prior_size(size_of(update) - 1);
    if (update.index() == erase.index())
        update.discard();
    else if (update.index() > erase.index())
        update.set_index(update.index() - 1);
}

// D18: at the same place the earlier one's element comes first.
void insert_and_insert(Operand& a, Operand& b) {
    require_same_size(a, b);
    const bool a_first = a.index() != b.index() ? a.index() < b.index() : is_earlier(a, b);
    Operand& behind = a_first ? b : a;
    behind.set_index(behind.index() + 1);
    a.set_prior_size(size_of(a) + 1);
    b.set_prior_size(size_of(b) + 1);
}

// D19. First the insert meets the taking-out of the moved element, in the list with it, then its
// putting-in, in the list without: `at` is counted in that list between the two steps. At the same
// place the earlier one's element comes last, unlike in all other rules (R10).
void move_and_insert(Operand& move, Operand& insert) {
    Index from = move.index(), to = target_of(move), at = insert.index();
    if (at > from)
        --at;
    else
        ++from;
    if (at < to)
        ++to;
    else if (at > to)
        ++at;
    else if (is_earlier(move, insert))
        ++to;
    else
        ++at;
    move.set_prior_size(size_of(move) + 1);
    move.set_index(from);
    move.set_move_to(to);
    insert.set_index(at);
}

// D20
void erase_and_insert(Operand& erase, Operand& insert) {
    require_same_size(erase, insert);
    require_inside(erase, erase.index() < size_of(erase));
    require_inside(insert, insert.index() <= size_of(insert));
    erase.set_prior_size(size_of(erase) + 1);
    insert.set_prior_size(size_of(insert) - 1);
    if (insert.index() <= erase.index())
        erase.set_index(erase.index() + 1);
    else
        insert.set_index(insert.index() - 1);
}

// D21. Both moves are an erase followed by an insert, and each of the four indices is read anew
// after the other move's two steps. The erases meet first, in the common list. Then each insert
// meets the other's erase: `from_b` is counted in the list without a's element by now, and `to_a`
// always was; `from_a` and `to_b` likewise. At last the inserts meet, in the list without both
// elements. A move that leads to its own place is dropped.
void move_and_move(Operand& a, Operand& b) {
    require_same_size(a, b);
    for (const Operand* move : {&a, &b}) {
        require_inside(*move, move->index() < size_of(*move));
        require_inside(*move, target_of(*move) < size_of(*move), "has a target out of range");
    }
    Index from_a = a.index(), from_b = b.index(), to_a = target_of(a), to_b = target_of(b);
    if (from_a == from_b) { // one element: the later move takes it from where the earlier put it
        const bool a_survives = !is_earlier(a, b);
        Operand &later = a_survives ? a : b, &earlier = a_survives ? b : a;
        later.set_index(target_of(earlier));
        earlier.discard();
        if (later.index() == target_of(later))
            later.discard();
        return;
    }
    if (from_a > from_b)
        --from_a;
    else
        --from_b;
    if (to_a > from_b)
        --to_a;
    else
        ++from_b;
    if (from_a < to_b)
        --to_b;
    else
        ++from_a;
    if (to_a < to_b)
        ++to_b;
    else if (to_a > to_b)
        ++to_a;
    else if (is_earlier(a, b))
        ++to_b;
    else
        ++to_a;
    a.set_index(from_a);
    a.set_move_to(to_a);
    b.set_index(from_b);
    b.set_move_to(to_b);
    if (from_a == to_a)
        a.discard();
    if (from_b == to_b)
        b.discard();
}

// D22. The erase meets the two steps of the move: first its erase, in the common list, then its
// insert, in the list without the moved element.
void erase_and_move(Operand& erase, Operand& move) {
    require_same_size(erase, move);
    require_inside(erase, erase.index() < size_of(erase));
    require_inside(move, move.index() < size_of(move));
    Index at = erase.index(), from = move.index(), to = target_of(move);
    if (at == from) { // the moved element is erased where it went
        erase.set_index(to);
        move.discard();
        return;
    }
    if (at > from)
        --at;
    else
        --from;
    if (at >= to)
        ++at;
    else
        --to;
    erase.set_index(at);
    move.set_prior_size(size_of(move) - 1);
    move.set_index(from);
    move.set_move_to(to);
    if (from == to)
        move.discard();
}

// D23
void erase_and_erase(Operand& a, Operand& b) {
    require_same_size(a, b);
    require_inside(a, a.index() < size_of(a));
    require_inside(b, b.index() < size_of(b));
    if (a.index() == b.index()) {
        a.discard();
        b.discard();
        return;
    }
    Operand& behind = a.index() > b.index() ? a : b;
    behind.set_index(behind.index() - 1);
    a.set_prior_size(size_of(a) - 1);
    b.set_prior_size(size_of(b) - 1);
}

// R2: a Clear of a collection that is itself an element of the list. It has no prior size.
void clear_and_list(Operand& clear, const Operand& b) {
    if (clear.path().empty() || clear.path().back().is_string)
        return;
    const Index at = clear.index(), other = b.index();
    if (b.op() == Op::array_insert) {
        if (at >= other)
            clear.set_index(at + 1);
    } else if (b.op() == Op::array_move) {
        clear.set_index(follow(at, other, target_of(b)));
    } else if (at == other) {
        clear.discard();
    } else if (at > other) {
        clear.set_index(at - 1);
    }
}

void merge_with_update(Operand& a, Operand& update) {
    if (!update.side->changeset->addresses_element(*update.instruction))
        fail_transform(a, "meets a named element of the same collection");
    switch (a.op()) {
    case Op::array_insert: insert_and_update(a, update); break;
    case Op::array_move: move_and_update(a, update); break;
    default: erase_and_update(a, update); break;
    }
}

} // namespace

void merge_list(Operand& a, Operand& b, Profile profile) {
    if (!is_path(b.op()) || !same_container(a, b))
        return;
    if (a.op() == Op::clear) {
        if (profile == Profile::full)
            clear_and_list(a, b);
        return;
    }
    if (b.op() == Op::update)
        return merge_with_update(a, b);
    if (!is_list(b.op()))
        return;
    switch (a.op()) {
    case Op::array_insert: insert_and_insert(a, b); break;
    case Op::array_move:
        if (b.op() == Op::array_insert)
            move_and_insert(a, b);
        else
            move_and_move(a, b);
        break;
    default: // ArrayErase
        if (b.op() == Op::array_insert)
            erase_and_insert(a, b);
        else if (b.op() == Op::array_move)
            erase_and_move(a, b);
        else
            erase_and_erase(a, b);
    }
}

} // namespace realmsync::merge
