#include "merge/schema_rules.hpp"

#include <string>

#include "merge/compare.hpp"

namespace realmsync::merge {

using changeset::Op;

namespace {

std::string_view table_name(const Operand& o) { return o.name(o.instruction->table); }
std::string_view field_name(const Operand& o) { return o.name(o.instruction->field); }

[[noreturn]] void mismatch(const std::string& what) {
    raise(ErrorKind::schema, "Schema mismatch: " + what);
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
void require_same_class(const Operand& a, const Operand& b) {
    const auto &x = *a.instruction, &y = *b.instruction;
    const std::string table = quoted(table_name(a));
    const bool a_embedded = x.table_kind == TableKind::embedded;
    const bool b_embedded = y.table_kind == TableKind::embedded;
    if (a_embedded && b_embedded)
        return;
    if (b_embedded)
        mismatch(table + " has a primary key on one side, but not on the other.");
    if (a_embedded)
        mismatch(table + " is embedded on one side, but not on the other.");
    const std::string key = quoted(field_name(a));
    if (field_name(a) != field_name(b))
        mismatch(table + " has primary key " + key + " on one side, but " + quoted(field_name(b)) +
                 " on the other.");
    if (x.value_type != y.value_type)
        mismatch(table + " has primary key " + key + ", which is of type " +
                 type_name(x.value_type) + " on one side and type " + type_name(y.value_type) +
                 " on the other.");
    if (x.nullable != y.nullable)
        mismatch(table + " has primary key " + key +
                 ", which is nullable on one side, but not on the other.");
    if (x.table_kind != y.table_kind)
        mismatch(table + " is asymmetric on one side, but not on the other.");
}

// D15, checks S7 to S10.
void require_same_property(const Operand& a, const Operand& b) {
    const auto &x = *a.instruction, &y = *b.instruction;
    const std::string property =
        "property " + quoted(field_name(a)) + " in class " + quoted(table_name(a));
    if (x.value_type != y.value_type)
        mismatch(property + " is of type " + type_name(x.value_type) + " on one side and type " +
                 type_name(y.value_type) + " on the other.");
    if (x.nullable != y.nullable)
        mismatch(property + " is nullable on one side, but not on the other.");
    if (x.collection != y.collection)
        mismatch(property + " is a " + collection_name(x.collection) + " on one side, but a " +
                 collection_name(y.collection) + " on the other.");
    if (x.value_type == Type::link && a.name(x.value.target) != b.name(y.value.target))
        mismatch(property + " links to class " + quoted(a.name(x.value.target)) +
                 " on one side, but to class " + quoted(b.name(y.value.target)) + " on the other.");
}

void discard_both(Operand& a, Operand& b) {
    a.discard();
    b.discard();
}

bool same_column(const Operand& a, const Operand& b) { // of any object, where one has objects
    return same_table(a, b) && a.field == b.field;
}

} // namespace

void merge_schema(Operand& a, Operand& b) {
    switch (a.op()) {
    case Op::add_table: // D1
        if (same_table(a, b)) {
            require_same_class(a, b);
            discard_both(a, b);
        }
        break;
    case Op::erase_table:
        if (b.op() == Op::add_table && same_table(a, b)) // D2: erasing wins
            b.discard();
        else if (b.op() == Op::erase_table && same_table(a, b)) // D3
            discard_both(a, b);
        break;
    case Op::add_column: // D15
        if (b.op() == Op::add_column && same_column(a, b)) {
            require_same_property(a, b);
            discard_both(a, b);
        }
        break;
    case Op::erase_column:
        if ((b.op() == Op::add_column || b.op() == Op::update) && same_column(a, b)) // D16, D9
            b.discard();
        else if (b.op() == Op::erase_column && same_column(a, b)) // D17
            discard_both(a, b);
        break;
    default: break;
    }
}

bool links_to_erased_class(const Operand& column, const Operand& table) {
    return column.op() == Op::add_column && table.op() == Op::erase_table &&
           column.instruction->value_type == Type::link &&
           column.name(column.instruction->value.target) == table_name(table);
}

} // namespace realmsync::merge
