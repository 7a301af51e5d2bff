#include "merge/compare.hpp"

#include <algorithm>
#include <cstring>

namespace realmsync::merge {

using changeset::KeyData;
using changeset::Op;
using changeset::PathElement;

namespace {

bool same_key(const Ref& a, Type type_a, const KeyData& key_a, const Ref& b, Type type_b,
              const KeyData& key_b) {
    if (type_a != type_b)
        return false;
    switch (type_a) {
    case Type::integer: return key_a.integer == key_b.integer;
    case Type::string: return a.name(key_a.string) == b.name(key_b.string);
    case Type::object_id: return key_a.object_id == key_b.object_id;
    case Type::uuid: return key_a.uuid == key_b.uuid;
    case Type::global_key: return key_a.global == key_b.global;
    default: return true; // null
    }
}

bool same_element(const Ref& a, const PathElement& x, const Ref& b, const PathElement& y) {
    if (x.is_string != y.is_string)
        return false;
    return x.is_string ? a.name(x.value) == b.name(y.value) : x.value == y.value;
}

bool same_elements(const Ref& a, const Ref& b, std::size_t count) {
    const auto x = a.path(), y = b.path();
    for (std::size_t i = 0; i < count; ++i)
        if (!same_element(a, x[i], b, y[i]))
            return false;
    return true;
}

std::string describe_key(const Ref& ref) {
    const auto& key = ref.instruction.key;
    const auto hex = [](const auto& bytes) {
        static constexpr char digits[] = "0123456789abcdef";
        std::string text;
        for (std::uint8_t byte : bytes) {
            text += digits[byte >> 4];
            text += digits[byte & 15];
        }
        return text;
    };
    switch (ref.instruction.key_type) {
    case Type::integer: return "Int(" + std::to_string(key.integer) + ")";
    case Type::string: return '"' + std::string(ref.name(key.string)) + '"';
    case Type::object_id: return "ObjectId{" + hex(key.object_id.bytes) + "}";
    case Type::uuid: {
        std::string text = hex(key.uuid.bytes);
        for (std::size_t dash : {8, 13, 18, 23})
            text.insert(dash, 1, '-');
        return "UUID{" + text + "}";
    }
    case Type::global_key:
        return "GlobalKey{" + std::to_string(key.global.hi) + ", " + std::to_string(key.global.lo) +
               "}";
    default: return "NULL";
    }
}

} // namespace

bool is_schema(Op op) {
    return op == Op::add_table || op == Op::erase_table || op == Op::add_column ||
           op == Op::erase_column;
}

bool is_path(Op op) { return !is_schema(op) && op != Op::create_object && op != Op::erase_object; }

std::uint32_t level(const changeset::Instruction& i) {
    if (i.op == Op::add_table || i.op == Op::erase_table)
        return 1;
    return is_path(i.op) ? 3 + i.path_size : 2;
}

bool same_table(const Ref& a, const Ref& b) { return a.table() == b.table(); }

bool same_object(const Ref& a, const Ref& b) {
    return same_key(a, a.instruction.key_type, a.instruction.key, b, b.instruction.key_type,
                    b.instruction.key) &&
           same_table(a, b);
}

bool same_field(const Ref& a, const Ref& b) { return same_object(a, b) && a.field() == b.field(); }

bool same_path(const Ref& a, const Ref& b) {
    return a.path().size() == b.path().size() && same_field(a, b) &&
           same_elements(a, b, a.path().size());
}

bool same_container(const Ref& a, const Ref& b) {
    const std::size_t size = a.path().size();
    return size == b.path().size() && same_field(a, b) && same_elements(a, b, size ? size - 1 : 0);
}

bool is_prefix(const Ref& outer, const Ref& inner) {
    const std::size_t size = outer.path().size();
    return size < inner.path().size() && same_field(outer, inner) &&
           same_elements(outer, inner, size);
}

bool is_container_prefix(const Ref& outer, const Ref& inner) {
    const std::size_t size = outer.path().size();
    return size != 0 && size < inner.path().size() && same_field(outer, inner) &&
           same_elements(outer, inner, size - 1);
}

bool same_payload(const Ref& a, const Ref& b) {
    const auto &x = a.instruction.value, &y = b.instruction.value;
    if (a.instruction.value_type != b.instruction.value_type)
        return false;
    switch (a.instruction.value_type) {
    case Type::integer: return x.integer == y.integer;
    case Type::boolean: return x.boolean == y.boolean;
    case Type::string:
    case Type::binary:
        return std::string_view(x.string.data, x.string.size) ==
               std::string_view(y.string.data, y.string.size);
    case Type::timestamp: return x.timestamp == y.timestamp;
    case Type::float32: return x.float32 == y.float32;
    case Type::float64: return x.float64 == y.float64;
    case Type::decimal: return x.decimal == y.decimal;
    case Type::object_id: return x.object_id == y.object_id;
    case Type::uuid: return x.uuid == y.uuid;
    case Type::link: {
        const auto &l = a.changeset.links[x.link], &m = b.changeset.links[y.link];
        return a.name(l.table) == b.name(m.table) &&
               same_key(a, l.key_type, l.key, b, m.key_type, m.key);
    }
    default: return true; // null and the markers
    }
}

std::string describe(const Ref& ref) {
    std::string text(ref.table());
    if (!is_schema(ref.op()))
        text += '[' + describe_key(ref) + ']';
    if (is_path(ref.op()) || ref.op() == Op::add_column || ref.op() == Op::erase_column) {
        text += '.';
        text += ref.field();
    }
    for (const PathElement& element : ref.path()) {
        if (element.is_string)
            text.append(1, '.').append(ref.name(element.value));
        else
            text += '[' + std::to_string(element.value) + ']';
    }
    return text;
}

} // namespace realmsync::merge
