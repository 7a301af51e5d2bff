#include "merge/numbers.hpp"

#include <cstring>

namespace realmsync::merge {

using changeset::Instruction;
using changeset::Op;

namespace {

constexpr std::uint32_t kSchema = 256; // no type of a key

std::uint64_t mix(std::uint64_t x) {
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

} // namespace

std::size_t Numbers::Hash::operator()(const ObjectKey& key) const {
    return mix(key.low ^ mix(key.high ^ mix(key.kind ^ std::uint64_t{key.table} << 8)));
}

Number Numbers::number_of(std::string_view name, bool learn) {
    if (learn)
        return names_.try_emplace(name, static_cast<Number>(names_.size())).first->second;
    auto known = names_.find(name);
    return known == names_.end() ? kNone : known->second;
}

Number Numbers::number_of(const ObjectKey& key, bool learn) {
    if (learn)
        return objects_.try_emplace(key, static_cast<Number>(objects_.size())).first->second;
    auto known = objects_.find(key);
    return known == objects_.end() ? kNone : known->second;
}

void Numbers::number_strings(Side& side, bool learn) {
    const auto& strings = side.changeset->strings;
    for (std::size_t id = side.names.size(); id < strings.size(); ++id)
        side.names.push_back(number_of(strings[id], learn));
}

void Numbers::number(Operand& operand, bool learn) {
    const Instruction& i = *operand.instruction;
    const auto& names = operand.side->names;
    operand.table = names[i.table];
    if (operand.table == kNone)
        return;
    ObjectKey key{operand.table, static_cast<std::uint8_t>(i.key_type), 0, 0};
    if (is_schema(i.op)) {
        key.kind = kSchema;
        if (i.op == Op::add_column || i.op == Op::erase_column)
            operand.field = names[i.field];
    } else {
        if (is_path(i.op))
            operand.field = names[i.field];
        switch (i.key_type) {
        case Type::integer: key.low = static_cast<std::uint64_t>(i.key.integer); break;
        case Type::string:
            if (names[i.key.string] == kNone)
                return;
            key.low = names[i.key.string];
            break;
        case Type::object_id:
            std::memcpy(&key.low, i.key.object_id.bytes.data(), 8);
            std::memcpy(&key.high, i.key.object_id.bytes.data() + 8, 4);
            break;
        case Type::uuid:
            std::memcpy(&key.low, i.key.uuid.bytes.data(), 8);
            std::memcpy(&key.high, i.key.uuid.bytes.data() + 8, 8);
            break;
        case Type::global_key:
            key.low = i.key.global.lo;
            key.high = i.key.global.hi;
            break;
        default: break; // null
        }
    }
    operand.object = number_of(key, learn);
}

} // namespace realmsync::merge
