#include "partitions/partition_property.hpp"

#include <algorithm>
#include <utility>

namespace realmsync::partitions {

using changeset::Instruction;
using changeset::Op;
using model::Class;
using model::Property;

bool PartitionProperty::fits(const Class& cls, std::size_t at) const {
    if (at == Class::npos || (at == 0 && cls.has_key_property) || cls.embedded())
        return false;
    const Property& property = cls.properties[at];
    if (property.collection != Collection::single || property.type == Type::link)
        return false;
    return value_.type == Type::null ? property.takes_null()
                                     : property.type == value_.type || property.type == kMixed;
}

PartitionProperty::Role PartitionProperty::role_of(std::string_view name) const {
    Role role;
    role.is_known = true;
    const Class* cls = schema_.find(name);
    if (!cls)
        return role;
    const Class* holder = cls;
    std::size_t at = cls->find(name_);
    if (at == Class::npos && declared_) {
        holder = declared_->find(name);
        at = holder ? holder->find(name_) : Class::npos;
        role.is_added = true;
    }
    if (!holder || cls->embedded() || !fits(*holder, at))
        return role;
    role.cls = cls;
    role.is_right_at_first = is_right(model::zero_scalar(holder->properties[at]));
    return role;
}

bool PartitionProperty::is_right(const Scalar& value) const {
    if (value.type != value_.type)
        return false;
    switch (value_.type) {
    case Type::null: return true;
    case Type::integer: return value.integer == value_.integer;
    case Type::string: return value.bytes == value_.string;
    case Type::object_id: return value.object_id == value_.object_id;
    case Type::uuid: return value.uuid == value_.uuid;
    default: return false;
    }
}

// Instructions about one object mostly stand together, and say the right value: those need no
// table.
void PartitionProperty::note(const Place& place, bool is_wrong) {
    if (!last_ || !(*last_ == place)) {
        settle();
        last_ = place;
    }
    is_last_wrong_ = is_wrong;
}

void PartitionProperty::settle() {
    if (!last_)
        return;
    const Place place = *std::exchange(last_, std::nullopt);
    if (is_last_wrong_) {
        if (wrong_.insert_or_assign(place, true).second)
            met_.push_back(place);
    } else if (const auto found = wrong_.find(place); found != wrong_.end()) {
        found->second = false;
    }
}

void PartitionProperty::look_at(const changeset::Changeset& changeset) {
    std::vector<Role> roles(changeset.strings.size()); // by the class's name
    for (const Instruction& i : changeset.instructions) {
        if (is_schema(i.op))
            continue;
        Role& role = roles[i.table];
        if (!role.is_known)
            role = role_of(changeset.strings[i.table]);
        if (!role.cls)
            continue;
        if (i.op == Op::create_object) {
            note({role.cls, changeset.key(i)}, !role.is_right_at_first);
            if (role.is_added && std::ranges::find(added_, role.cls) == added_.end())
                added_.push_back(role.cls);
        } else if (i.op == Op::erase_object) {
            note({role.cls, changeset.key(i)}, false);
        } else if (changeset.strings[i.field] == name_) {
            LinkTarget link;
            const bool is_other =
                i.op != Op::update || i.path_size != 0 || !is_right(changeset.value(i, link));
            note({role.cls, changeset.key(i)}, is_other && !takes_others_);
        }
    }
    settle();
}

void PartitionProperty::write_additions(changeset::Writer& writer) const {
    for (const Class* cls : added_) {
        const Class* declared = declared_->find(cls->name);
        const Property& property = declared->properties[declared->find(name_)];
        writer.add_column(cls->name, name_, property.type, property.nullable, property.collection,
                          {});
    }
}

std::string PartitionProperty::additions() const {
    changeset::Writer writer;
    write_additions(writer);
    return writer.take();
}

std::string PartitionProperty::correction() const {
    changeset::Writer writer;
    write_additions(writer);
    for (const Place& place : met_)
        if (wrong_.at(place))
            writer.update({place.cls->name, place.key, name_, {}}, model::key_scalar(value_), 0);
    return writer.take();
}

} // namespace realmsync::partitions
