#include "changeset/instruction.hpp"

namespace realmsync::changeset {

namespace {

Key make_key(const std::vector<std::string_view>& strings, Type type, const KeyData& data) {
    Key key;
    key.type = type;
    switch (type) {
    case Type::integer: key.integer = data.integer; break;
    case Type::string: key.string = strings[data.string]; break;
    case Type::object_id: key.object_id = data.object_id; break;
    case Type::uuid: key.uuid = data.uuid; break;
    case Type::global_key: key.global = data.global; break;
    default: break;
    }
    return key;
}

} // namespace

const char* op_name(Op op) {
    static constexpr const char* kNames[] = {
        "AddTable",   "EraseTable", "CreateObject", "EraseObject", "Update",
        "AddInteger", "AddColumn",  "EraseColumn",  "ArrayInsert", "ArrayMove",
        "ArrayErase", "Clear",      "SetInsert",    "SetErase"};
    static_assert(std::size(kNames) == static_cast<std::size_t>(Op::set_erase) + 1);
    return kNames[static_cast<std::size_t>(op)];
}

Key Changeset::key(const Instruction& i) const { return make_key(strings, i.key_type, i.key); }

Key Changeset::key(const Link& link) const { return make_key(strings, link.key_type, link.key); }

Scalar Changeset::value(const Instruction& i, LinkTarget& link) const {
    Scalar scalar;
    scalar.type = i.value_type;
    const ValueData& value = i.value;
    switch (i.value_type) {
    case Type::integer: scalar.integer = value.integer; break;
    case Type::boolean: scalar.boolean = value.boolean; break;
    case Type::string:
    case Type::binary: scalar.bytes = {value.string.data, value.string.size}; break;
    case Type::timestamp: scalar.timestamp = value.timestamp; break;
    case Type::float32: scalar.float32 = value.float32; break;
    case Type::float64: scalar.float64 = value.float64; break;
    case Type::decimal: scalar.decimal = value.decimal; break;
    case Type::object_id: scalar.object_id = value.object_id; break;
    case Type::uuid: scalar.uuid = value.uuid; break;
    case Type::link: {
        const Link& source = links[value.link];
        link = {strings[source.table], key(source)};
        scalar.link = &link;
        break;
    }
    default: break;
    }
    return scalar;
}

} // namespace realmsync::changeset
