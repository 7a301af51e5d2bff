#include "changeset/output.hpp"

#include <algorithm>
#include <utility>

#include "base/decimal.hpp"
#include "base/varint.hpp"

namespace realmsync::changeset {

namespace {

constexpr std::size_t kMaxName = 5;                     // an id
constexpr std::size_t kMaxKey = 1 + 2 * kMaxVarintSize; // GlobalKey
constexpr std::size_t kMaxLink = kMaxName + kMaxKey;    // longer than any other payload
constexpr std::size_t kMaxValue = 1 + kMaxLink;         // content of strings not included
constexpr std::size_t kMaxStep = 1 + kMaxName;          // of a path
constexpr std::size_t kMaxTail = 2 * 5;                 // prior_size and the like
constexpr std::size_t kMaxInstruction =                 // without the path's steps
    1 + kMaxName + kMaxKey + kMaxName + 5 + kMaxValue + kMaxTail;
static_assert(kMaxLink >= kMaxCoefficientSize + 3 + 1 && kMaxLink >= 2 * kMaxVarintSize);

template <class T> char* put_fixed(char* out, const T& value) {
    std::memcpy(out, &value, sizeof value);
    return out + sizeof value;
}

char* put_type(char* out, Type type) { return put_signed(out, static_cast<std::int8_t>(type)); }

inline char* put_key(char* out, Type type, const KeyData& key) {
    out = put_type(out, type);
    switch (type) {
    case Type::integer: return put_signed(out, key.integer);
    case Type::string: return put_unsigned(out, key.string);
    case Type::object_id: return put_fixed(out, key.object_id);
    case Type::uuid: return put_fixed(out, key.uuid);
    case Type::global_key: return put_unsigned(put_unsigned(out, key.global.hi), key.global.lo);
    default: return out;
    }
}

char* put_decimal(char* out, const Decimal128& decimal) {
    DecimalParts parts = split_decimal(decimal);
    out = put_coefficient(out, parts.coefficient);
    out = put_signed(out, parts.exponent);
    *out++ = parts.negative;
    return out;
}

[[gnu::noinline]] char* put_rare_value(char* out, const Instruction& i, const Link* link) {
    const ValueData& value = i.value;
    switch (i.value_type) {
    case Type::timestamp:
        return put_signed(put_signed(out, value.timestamp.seconds), value.timestamp.nanoseconds);
    case Type::decimal: return put_decimal(out, value.decimal);
    case Type::link: return put_key(put_unsigned(out, link->table), link->key_type, link->key);
    default: return out;
    }
}

// All but the content of strings, for which the caller has made room.
inline char* put_value(char* out, const Instruction& i, const Link* link) {
    out = put_type(out, i.value_type);
    const ValueData& value = i.value;
    switch (i.value_type) {
    case Type::float64: return put_fixed(out, value.float64);
    case Type::string:
    case Type::binary:
        out = put_unsigned(out, value.string.size);
        if (value.string.size != 0)
            std::memcpy(out, value.string.data, value.string.size);
        return out + value.string.size;
    case Type::integer: return put_signed(out, value.integer);
    case Type::boolean: *out = value.boolean; return out + 1;
    case Type::object_id: return put_fixed(out, value.object_id);
    case Type::uuid: return put_fixed(out, value.uuid);
    case Type::float32: return put_fixed(out, value.float32);
    default: return put_rare_value(out, i, link);
    }
}

// Bytes of a String or Binary payload; the types of schema instructions are no payloads.
std::size_t content_size(const Instruction& i) {
    bool has_content = (i.value_type == Type::string || i.value_type == Type::binary) &&
                       i.op != Op::add_table && i.op != Op::add_column;
    return has_content ? i.value.string.size : 0;
}

char* put_path(char* out, std::span<const PathElement> path) {
    out = put_unsigned(out, path.size());
    for (const PathElement& step : path) {
        if (step.is_string)
            *out++ = 0x40; // -1: a name follows
        out = put_unsigned(out, step.value);
    }
    return out;
}

// Class, object, field, path.
inline char* put_address(char* out, const Instruction& i, std::span<const PathElement> path) {
    out = put_unsigned(out, i.table);
    out = put_key(out, i.key_type, i.key);
    out = put_unsigned(out, i.field);
    return put_path(out, path);
}

char* put_add_table(char* out, const Instruction& i) {
    out = put_unsigned(out, i.table);
    *out++ = static_cast<char>(i.table_kind);
    if (i.table_kind == TableKind::embedded)
        return out;
    out = put_unsigned(out, i.field);
    out = put_type(out, i.value_type);
    *out++ = i.nullable;
    return out;
}

char* put_add_column(char* out, const Instruction& i) {
    out = put_unsigned(put_unsigned(out, i.table), i.field);
    out = put_type(out, i.value_type);
    *out++ = i.nullable;
    *out++ = static_cast<char>(i.collection);
    if (i.value_type == Type::link)
        out = put_unsigned(out, i.value.target);
    if (i.collection == Collection::dictionary)
        out = put_type(out, i.key_type);
    return out;
}

} // namespace

void Output::grow(std::size_t size) { bytes_.resize(std::max(used_ + size, 2 * bytes_.size())); }

std::string Output::take() {
    bytes_.resize(std::exchange(used_, 0));
    return std::exchange(bytes_, {});
}

void put_definition(Output& out, StringId id, std::string_view name) {
    out.reserve(1 + kMaxName + kMaxVarintSize + name.size());
    char* at = out.at();
    *at++ = 0x3f;
    at = put_unsigned(put_unsigned(at, id), name.size());
    out.advance_to(std::copy(name.begin(), name.end(), at));
}

void put_instruction(Output& out, const Instruction& i, std::span<const PathElement> path,
                     const Link* link) {
    out.reserve(kMaxInstruction + path.size() * kMaxStep + content_size(i));
    char* at = out.at();
    *at++ = static_cast<char>(i.op);
    switch (i.op) {
    case Op::update:
        at = put_value(put_address(at, i, path), i, link);
        if (!path.empty() && !path.back().is_string)
            at = put_unsigned(at, i.prior_size);
        else
            *at++ = i.is_default;
        break;
    case Op::create_object:
    case Op::erase_object: at = put_key(put_unsigned(at, i.table), i.key_type, i.key); break;
    case Op::add_table: at = put_add_table(at, i); break;
    case Op::erase_table: at = put_unsigned(at, i.table); break;
    case Op::add_column: at = put_add_column(at, i); break;
    case Op::erase_column: at = put_unsigned(put_unsigned(at, i.table), i.field); break;
    case Op::add_integer: at = put_signed(put_address(at, i, path), i.value.integer); break;
    case Op::array_insert:
        at = put_unsigned(put_value(put_address(at, i, path), i, link), i.prior_size);
        break;
    case Op::array_move:
        at = put_unsigned(put_unsigned(put_address(at, i, path), i.value.move_to), i.prior_size);
        break;
    case Op::array_erase: at = put_unsigned(put_address(at, i, path), i.prior_size); break;
    case Op::clear:
        at = put_address(at, i, path);
        *at++ = static_cast<char>(i.collection);
        break;
    case Op::set_insert:
    case Op::set_erase: at = put_value(put_address(at, i, path), i, link); break;
    }
    out.advance_to(at);
}

} // namespace realmsync::changeset
