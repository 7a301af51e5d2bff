#include "merge/rules.hpp"

#include <tuple>

#include "merge/compare.hpp"

namespace realmsync::merge {

using changeset::Op;

namespace {

Ref ref(const Operand& o) { return {o.changeset, o.instruction}; }

bool is_earlier(const Operand& a, const Operand& b) {
    return std::tie(a.origin.timestamp, a.origin.file_ident) <
           std::tie(b.origin.timestamp, b.origin.file_ident);
}

Error mismatch(std::string what) {
    return {ErrorKind::schema, "Schema mismatch: " + std::move(what)};
}

std::string quoted(std::string_view name) {
    return std::string(1, '\'').append(name).append(1, '\'');
}

const char* type_name(Type type) {
    switch (type) {
    case Type::integer: return "Int";
    case Type::boolean: return "Bool";
    case Type::string: return "String";
    case Type::binary: return "Binary";
    case Type::timestamp: return "Timestamp";
    case Type::float32: return "Float";
    case Type::float64: return "Double";
    case Type::decimal: return "Decimal";
    case Type::link: return "Link";
    case Type::object_id: return "ObjectId";
    case Type::uuid: return "UUID";
    case Type::global_key: return "GlobalKey";
    case Type::object_value: return "embedded object";
    case Type::erased: return "Erased";
    case Type::list: return "List";
    case Type::dictionary: return "Dictionary";
    case Type::set: return "Set";
    case Type::null: return "Null";
    }
    return "?";
}

const char* collection_name(Collection collection) {
    switch (collection) {
    case Collection::single: return "single value";
    case Collection::list: return "list";
    case Collection::dictionary: return "dictionary";
    case Collection::set: return "set";
    }
    return "?";
}

// D1, checks S1 to S6.
std::optional<Error> same_class(const Ref& a, const Ref& b) {
    const auto &x = a.instruction, &y = b.instruction;
    const std::string table = quoted(a.table());
    const bool a_embedded = x.table_kind == TableKind::embedded;
    const bool b_embedded = y.table_kind == TableKind::embedded;
    if (a_embedded && b_embedded)
        return std::nullopt;
    if (b_embedded)
        return mismatch(table + " has a primary key on one side, but not on the other.");
    if (a_embedded)
        return mismatch(table + " is embedded on one side, but not on the other.");
    const std::string key = quoted(a.field());
    if (a.field() != b.field())
        return mismatch(table + " has primary key " + key + " on one side, but " +
                        quoted(b.field()) + " on the other.");
    if (x.value_type != y.value_type)
        return mismatch(table + " has primary key " + key + ", which is of type " +
                        type_name(x.value_type) + " on one side and type " +
                        type_name(y.value_type) + " on the other.");
    if (x.nullable != y.nullable)
        return mismatch(table + " has primary key " + key +
                        ", which is nullable on one side, but not on the other.");
    if (x.table_kind != y.table_kind)
        return mismatch(table + " is asymmetric on one side, but not on the other.");
    return std::nullopt;
}

// D15, checks S7 to S10.
std::optional<Error> same_property(const Ref& a, const Ref& b) {
    const auto &x = a.instruction, &y = b.instruction;
    const std::string property = "property " + quoted(a.field()) + " in class " + quoted(a.table());
    if (x.value_type != y.value_type)
        return mismatch(property + " is of type " + type_name(x.value_type) +
                        " on one side and type " + type_name(y.value_type) + " on the other.");
    if (x.nullable != y.nullable)
        return mismatch(property + " is nullable on one side, but not on the other.");
    if (x.collection != y.collection)
        return mismatch(property + " is a " + collection_name(x.collection) +
                        " on one side, but a " + collection_name(y.collection) + " on the other.");
    if (x.value_type == Type::link && a.name(x.value.target) != b.name(y.value.target))
        return mismatch(property + " links to class " + quoted(a.name(x.value.target)) +
                        " on one side, but to class " + quoted(b.name(y.value.target)) +
                        " on the other.");
    return std::nullopt;
}

// Decimals that differ in their bits may be equal as numbers.
bool may_be_same_payload(const Ref& a, const Ref& b) {
    return same_payload(a, b) ||
           (a.instruction.value_type == Type::decimal && b.instruction.value_type == Type::decimal);
}

bool both(const Ref& a, const Ref& b, Type type) {
    return a.instruction.value_type == type && b.instruction.value_type == type;
}

// D7: two collections of one kind set at one path keep both, and merge their contents.
bool updates_conflict(const Ref& a, const Ref& b) {
    if (!same_path(a, b))
        return false;
    if (a.instruction.prior_size != b.instruction.prior_size)
        return true;
    return !both(a, b, Type::list) && !both(a, b, Type::dictionary);
}

// D8: an addition before a null has no effect on it.
bool addition_conflicts(const Operand& addition, const Operand& update) {
    if (!same_path(ref(addition), ref(update)))
        return false;
    const bool before = update.instruction.is_default || is_earlier(update, addition);
    return !(before && update.instruction.value_type == Type::null);
}

// D13
bool clear_conflicts_with_update(const Ref& clear, const Ref& update) {
    if (!same_path(clear, update))
        return false;
    const auto kind = clear.instruction.collection;
    const auto type = update.instruction.value_type;
    return !(kind == Collection::list && type == Type::list) &&
           !(kind == Collection::dictionary && type == Type::dictionary);
}

// Whether a direct rule other than D1 and D15 would change one of the two; a has the higher code.
bool direct_conflict(const Operand& operand_a, const Operand& operand_b) {
    const Ref a = ref(operand_a), b = ref(operand_b);
    switch (a.op()) {
    case Op::add_table:
    case Op::create_object: return false;
    case Op::erase_table:
        return (b.op() == Op::add_table || b.op() == Op::erase_table) && same_table(a, b);
    case Op::erase_object:
        return (b.op() == Op::create_object || b.op() == Op::erase_object) && same_object(a, b);
    case Op::update: return b.op() == Op::update && updates_conflict(a, b);
    case Op::add_integer: return b.op() == Op::update && addition_conflicts(operand_a, operand_b);
    case Op::add_column:
        return b.op() == Op::erase_table && a.instruction.value_type == Type::link &&
               a.name(a.instruction.value.target) == b.table();
    case Op::erase_column:
        return (b.op() == Op::add_column || b.op() == Op::erase_column || b.op() == Op::update) &&
               same_table(a, b) && a.field() == b.field();
    case Op::array_insert:
    case Op::array_move:
    case Op::array_erase:
        return (b.op() == Op::update || b.op() == Op::array_insert || b.op() == Op::array_move ||
                b.op() == Op::array_erase) &&
               same_container(a, b);
    case Op::clear:
        if (b.op() == Op::update)
            return clear_conflicts_with_update(a, b);
        return (b.op() == Op::add_integer || b.op() == Op::clear) && same_path(a, b);
    case Op::set_insert:
        if (b.op() == Op::clear)
            return same_path(a, b);
        return b.op() == Op::set_insert && same_path(a, b) && may_be_same_payload(a, b);
    case Op::set_erase:
        if (b.op() == Op::clear)
            return same_path(a, b);
        return (b.op() == Op::set_insert || b.op() == Op::set_erase) && same_path(a, b) &&
               may_be_same_payload(a, b);
    }
    return false;
}

// Whether a nested rule N1 to N8 would change one of the two; outer has the lower level.
bool nested_conflict(const Ref& outer, const Ref& inner) {
    if (outer.op() == Op::erase_table)
        return same_table(outer, inner);
    if (!is_path(inner.op()))
        return false;
    switch (outer.op()) {
    case Op::erase_object: return same_object(outer, inner);
    case Op::update: {
        const Type type = outer.instruction.value_type;
        if (type == Type::object_value || !is_prefix(outer, inner))
            return false;
        const bool named = inner.path()[outer.path().size()].is_string;
        return !(type == Type::list && !named) && !(type == Type::dictionary && named);
    }
    case Op::add_integer:
    case Op::clear: return is_prefix(outer, inner);
    case Op::array_insert:
    case Op::array_erase: {
        if (!is_container_prefix(outer, inner))
            return false;
        // Indices in front of the change stay as they are.
        const auto& slot = inner.path()[outer.path().size() - 1];
        return slot.is_string || slot.value >= outer.path().back().value;
    }
    case Op::array_move: return is_container_prefix(outer, inner);
    default: return false;
    }
}

Error conflict(const Ref& major, const Ref& minor) {
    return {ErrorKind::merge_conflict, std::string("Cannot merge ") + op_name(minor.op()) + " of " +
                                           describe(minor) + " with a concurrent " +
                                           op_name(major.op()) + " of " + describe(major) + "."};
}

} // namespace

std::optional<Error> merge_cell(Operand& major, Operand& minor) {
    const Ref x = ref(major), y = ref(minor);
    if (x.op() == y.op() && (x.op() == Op::add_table || x.op() == Op::add_column)) {
        const bool table = x.op() == Op::add_table;
        if (!same_table(x, y) || (!table && x.field() != y.field()))
            return std::nullopt;
        if (auto error = table ? same_class(x, y) : same_property(x, y))
            return error;
        major.discarded = minor.discarded = true;
        return std::nullopt;
    }
    const auto level_x = level(x.instruction), level_y = level(y.instruction);
    if ((level_y < level_x && nested_conflict(y, x)) ||
        (level_x < level_y && nested_conflict(x, y)) ||
        (x.op() >= y.op() ? direct_conflict(major, minor) : direct_conflict(minor, major)))
        return conflict(x, y);
    return std::nullopt;
}

} // namespace realmsync::merge
