#include "changeset/writer.hpp"

#include "base/assert.hpp"

namespace realmsync::changeset {

StringId Writer::find_or_define(std::string_view name) {
    if (auto known = ids_.find(name); known != ids_.end())
        return known->second;
    auto id = static_cast<StringId>(names_.size());
    auto added = ids_.emplace(std::string{name}, id).first;
    names_.push_back(&added->first);
    put_definition(out_, id, name);
    return id;
}

void Writer::intern_key(const Key& key, Type& type, KeyData& data) {
    type = key.type;
    switch (key.type) {
    case Type::integer: data.integer = key.integer; break;
    case Type::string: data.string = intern(key.string); break;
    case Type::object_id: data.object_id = key.object_id; break;
    case Type::uuid: data.uuid = key.uuid; break;
    case Type::global_key: data.global = key.global; break;
    default: break;
    }
}

void Writer::intern_path(std::span<const Step> path) {
    path_.clear();
    for (const Step& step : path)
        path_.push_back({step.is_string, step.is_string ? intern(step.name) : step.index});
}

// Names first, in the order of section 10 rule 2: class, key, field, path; set_value() adds those
// of a link.
Instruction Writer::begin(Op op, const Address& address) {
    Instruction i{};
    i.op = op;
    i.table = intern(address.table);
    intern_key(address.key, i.key_type, i.key);
    i.field = intern(address.field);
    intern_path(address.path);
    return i;
}

void Writer::set_value(Instruction& i, const Scalar& value) {
    i.value_type = value.type;
    switch (value.type) {
    case Type::integer: i.value.integer = value.integer; break;
    case Type::boolean: i.value.boolean = value.boolean; break;
    case Type::string:
    case Type::binary: i.value.string = {value.bytes.data(), value.bytes.size()}; break;
    case Type::timestamp: i.value.timestamp = value.timestamp; break;
    case Type::float32: i.value.float32 = value.float32; break;
    case Type::float64: i.value.float64 = value.float64; break;
    case Type::decimal: i.value.decimal = value.decimal; break;
    case Type::object_id: i.value.object_id = value.object_id; break;
    case Type::uuid: i.value.uuid = value.uuid; break;
    case Type::link:
        link_.table = intern(value.link->table);
        intern_key(value.link->key, link_.key_type, link_.key);
        break;
    default: break;
    }
}

void Writer::put(const Instruction& i) { put_instruction(out_, i, path_, &link_); }

void Writer::add_table(std::string_view table, TableKind kind, std::string_view pk_field,
                       Type pk_type, bool pk_nullable) {
    Instruction i{};
    i.op = Op::add_table;
    i.table = intern(table);
    i.table_kind = kind;
    if (kind != TableKind::embedded) {
        i.field = intern(pk_field);
        i.value_type = pk_type;
        i.nullable = pk_nullable;
    }
    put(i);
}

void Writer::erase_table(std::string_view table) {
    Instruction i{};
    i.op = Op::erase_table;
    i.table = intern(table);
    put(i);
}

void Writer::add_column(std::string_view table, std::string_view field, Type type, bool nullable,
                        Collection collection, std::string_view target) {
    Instruction i{};
    i.op = Op::add_column;
    i.table = intern(table);
    i.field = intern(field);
    i.value_type = type;
    i.nullable = nullable;
    i.collection = collection;
    if (type == Type::link)
        i.value.target = intern(target);
    if (collection == Collection::dictionary)
        i.key_type = Type::string;
    put(i);
}

void Writer::erase_column(std::string_view table, std::string_view field) {
    Instruction i{};
    i.op = Op::erase_column;
    i.table = intern(table);
    i.field = intern(field);
    put(i);
}

void Writer::create_object(std::string_view table, const Key& key) {
    create_object(intern(table), key);
}

void Writer::create_object(StringId table, const Key& key) {
    Instruction i{};
    i.op = Op::create_object;
    i.table = table;
    intern_key(key, i.key_type, i.key);
    put(i);
}

void Writer::erase_object(std::string_view table, const Key& key) {
    Instruction i{};
    i.op = Op::erase_object;
    i.table = intern(table);
    intern_key(key, i.key_type, i.key);
    put(i);
}

void Writer::update(const Address& address, const Scalar& value, std::uint32_t extra) {
    Instruction i = begin(Op::update, address);
    set_value(i, value);
    if (!path_.empty() && !path_.back().is_string)
        i.prior_size = extra;
    else
        i.is_default = extra != 0;
    put(i);
}

void Writer::update(StringId table, const Key& key, StringId field, const Scalar& value,
                    bool is_default) {
    Instruction i{};
    i.op = Op::update;
    i.table = table;
    intern_key(key, i.key_type, i.key);
    i.field = field;
    i.is_default = is_default;
    path_.clear();
    set_value(i, value);
    put(i);
}

void Writer::add_integer(const Address& address, std::int64_t amount) {
    Instruction i = begin(Op::add_integer, address);
    i.value.integer = amount;
    put(i);
}

void Writer::array_insert(const Address& address, const Scalar& value, std::uint32_t prior_size) {
    Instruction i = begin(Op::array_insert, address);
    set_value(i, value);
    i.prior_size = prior_size;
    put(i);
}

void Writer::array_move(const Address& address, std::uint32_t to, std::uint32_t prior_size) {
    Instruction i = begin(Op::array_move, address);
    i.value.move_to = to;
    i.prior_size = prior_size;
    put(i);
}

void Writer::array_erase(const Address& address, std::uint32_t prior_size) {
    Instruction i = begin(Op::array_erase, address);
    i.prior_size = prior_size;
    put(i);
}

void Writer::clear(const Address& address, Collection collection) {
    Instruction i = begin(Op::clear, address);
    i.collection = collection;
    put(i);
}

void Writer::set_insert(const Address& address, const Scalar& value) {
    Instruction i = begin(Op::set_insert, address);
    set_value(i, value);
    put(i);
}

void Writer::set_erase(const Address& address, const Scalar& value) {
    Instruction i = begin(Op::set_erase, address);
    set_value(i, value);
    put(i);
}

void Writer::rewind(const Mark& mark) {
    // Marks are taken back in reverse order.
    REALMSYNC_ASSERT(mark.strings <= names_.size() && mark.bytes <= out_.size());
    out_.truncate(mark.bytes);
    while (names_.size() > mark.strings) {
        ids_.erase(ids_.find(*names_.back()));
        names_.pop_back();
    }
}

std::string Writer::take() {
    ids_.clear();
    names_.clear();
    return out_.take();
}

} // namespace realmsync::changeset
