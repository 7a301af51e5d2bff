#include "merge/compare.hpp"

#include <algorithm>
#include <functional>

#include "base/decimal.hpp"
#include "base/hex.hpp"

namespace realmsync::merge {

using changeset::Changeset;
using changeset::Instruction;
using changeset::KeyData;
using changeset::Link;
using changeset::Op;
using changeset::PathElement;
using changeset::StringData;
using changeset::StringId;

namespace {

bool same_elements(const Operand& a, const Operand& b, std::size_t count) {
    const PathElement *x = a.path().data(), *y = b.path().data();
    for (std::size_t i = 0; i < count; ++i) {
        if (x[i].is_string != y[i].is_string)
            return false;
        if (x[i].is_string ? a.side->names[x[i].value] != b.side->names[y[i].value]
                           : x[i].value != y[i].value)
            return false;
    }
    return true;
}

template <class SameString>
bool same_key(Type type, const KeyData& a, const KeyData& b, SameString same_string) {
    switch (type) {
    case Type::integer: return a.integer == b.integer;
    case Type::string: return same_string(a.string, b.string);
    case Type::object_id: return a.object_id == b.object_id;
    case Type::uuid: return a.uuid == b.uuid;
    case Type::global_key: return a.global == b.global;
    default: return true; // null
    }
}

template <class SameString>
bool same_link(const Operand& a, const Operand& b, SameString same_string) {
    const Link& x = a.side->changeset->links[a.instruction->value.link];
    const Link& y = b.side->changeset->links[b.instruction->value.link];
    return same_string(x.table, y.table) && x.key_type == y.key_type &&
           same_key(x.key_type, x.key, y.key, same_string);
}

bool is_text(Type type) { return type == Type::string || type == Type::binary; }

bool has_payload(Op op) {
    return op == Op::update || op == Op::array_insert || op == Op::set_insert ||
           op == Op::set_erase;
}

bool by_address(std::string_view x, std::string_view y) {
    return std::less<>()(x.data(), y.data());
}

// All definitions, then all payloads.
std::vector<std::string_view> texts_of(const Changeset& changeset) {
    std::vector<std::string_view> texts(changeset.strings);
    for (const Instruction& i : changeset.instructions)
        if (has_payload(i.op) && is_text(i.value_type))
            texts.emplace_back(i.value.string.data, i.value.string.size);
    return texts;
}

std::vector<Side::Text> add_up(const std::vector<std::string_view>& in_order) {
    std::vector<Side::Text> texts;
    texts.reserve(in_order.size());
    std::uint64_t offset = 0;
    for (const std::string_view text : in_order) {
        texts.push_back({text.data(), offset});
        offset += text.size();
    }
    return texts;
}

std::uint64_t text_offset(const Side& side, const char* data) {
    const auto found =
        std::lower_bound(side.texts.begin(), side.texts.end(), data,
                         [](const Side::Text& text, const char* at) { return text.data < at; });
    return found->offset;
}

std::string describe_key(const Operand& operand) {
    const auto& key = operand.instruction->key;
    switch (operand.instruction->key_type) {
    case Type::integer: return "Int(" + std::to_string(key.integer) + ")";
    case Type::string: return '"' + std::string(operand.name(key.string)) + '"';
    case Type::object_id: return "ObjectId{" + format_object_id(key.object_id) + "}";
    case Type::uuid: return "UUID{" + format_uuid(key.uuid) + "}";
    case Type::global_key:
        return "GlobalKey{" + std::to_string(key.global.hi) + ", " + std::to_string(key.global.lo) +
               "}";
    default: return "NULL";
    }
}

} // namespace

bool same_path(const Operand& a, const Operand& b) {
    const std::size_t size = a.path().size();
    return same_field(a, b) && size == b.path().size() && same_elements(a, b, size);
}

bool same_container(const Operand& a, const Operand& b) {
    const std::size_t size = a.path().size();
    return same_field(a, b) && size == b.path().size() && same_elements(a, b, size ? size - 1 : 0);
}

bool is_prefix(const Operand& outer, const Operand& inner) {
    const std::size_t size = outer.path().size();
    return same_field(outer, inner) && size < inner.path().size() &&
           same_elements(outer, inner, size);
}

bool is_container_prefix(const Operand& outer, const Operand& inner) {
    const std::size_t size = outer.path().size();
    return size != 0 && same_field(outer, inner) && size < inner.path().size() &&
           same_elements(outer, inner, size - 1);
}

bool same_payload(const Operand& a, const Operand& b) {
    const auto &x = a.instruction->value, &y = b.instruction->value;
    if (a.instruction->value_type != b.instruction->value_type)
        return false;
    switch (a.instruction->value_type) {
    case Type::integer: return x.integer == y.integer;
    case Type::boolean: return x.boolean == y.boolean;
    case Type::string:
    case Type::binary:
        return std::string_view(x.string.data, x.string.size) ==
               std::string_view(y.string.data, y.string.size);
    case Type::timestamp: return x.timestamp == y.timestamp;
    case Type::float32: return x.float32 == y.float32;
    case Type::float64: return x.float64 == y.float64;
    case Type::decimal: return is_same_number(x.decimal, y.decimal);
    case Type::object_id: return x.object_id == y.object_id;
    case Type::uuid: return x.uuid == y.uuid;
    case Type::link:
        return same_link(a, b, [&](StringId s, StringId t) { return a.name(s) == b.name(t); });
    default: return true; // null and the markers
    }
}

bool same_handle(const Operand& a, const Operand& b) {
    const Type type = a.instruction->value_type;
    if (type != b.instruction->value_type)
        return false;
    if (is_text(type)) {
        const StringData &x = a.instruction->value.string, &y = b.instruction->value.string;
        return x.size == y.size && text_offset(*a.side, x.data) == text_offset(*b.side, y.data);
    }
    if (type == Type::link)
        return same_link(a, b, [](StringId s, StringId t) { return s == t; });
    return same_payload(a, b);
}

std::vector<Side::Text> locate_texts(const Changeset& changeset) {
    std::vector<std::string_view> found = texts_of(changeset);
    std::sort(found.begin(), found.end(), by_address); // the order of parsing
    return add_up(found);
}

std::vector<Side::Text> locate_encoded_texts(const Changeset& changeset) {
    std::vector<Side::Text> texts = add_up(texts_of(changeset));
    std::sort(texts.begin(), texts.end(), [](const Side::Text& x, const Side::Text& y) {
        return std::less<>()(x.data, y.data);
    });
    return texts;
}

std::string describe(const Operand& operand) {
    const Instruction& i = *operand.instruction;
    std::string text(operand.name(i.table));
    if (!is_schema(i.op))
        text += '[' + describe_key(operand) + ']';
    if (is_path(i.op) || i.op == Op::add_column || i.op == Op::erase_column)
        text.append(1, '.').append(operand.name(i.field));
    for (const PathElement& element : operand.path()) {
        if (element.is_string)
            text.append(1, '.').append(operand.name(element.value));
        else
            text += '[' + std::to_string(element.value) + ']';
    }
    return text;
}

} // namespace realmsync::merge
