#include "realm/touched_objects.hpp"

namespace realmsync::realm {

TouchedObjects::Keys& TouchedObjects::keys_of(std::string_view cls) {
    const auto found = classes_.find(cls);
    return found != classes_.end() ? found->second : classes_[std::string(cls)];
}

void TouchedObjects::add(std::string_view cls, const Key& key) {
    Keys& keys = keys_of(cls);
    if (!keys.contains(key))
        keys.emplace(key);
}

void TouchedObjects::add(const changeset::Changeset& changeset) {
    for (const changeset::Instruction& instruction : changeset.instructions)
        if (!changeset::is_schema(instruction.op))
            add(changeset.strings[instruction.table], changeset.key(instruction));
        else if (changeset::is_destructive(instruction.op))
            add_unknown();
}

void TouchedObjects::add(const TouchedObjects& other) {
    is_unknown_ |= other.is_unknown_;
    for (const auto& [cls, keys] : other.classes_)
        keys_of(cls).insert(keys.begin(), keys.end());
}

bool TouchedObjects::has(std::string_view cls, const Key& key) const {
    if (is_unknown_)
        return true;
    const auto found = classes_.find(cls);
    return found != classes_.end() && found->second.contains(key);
}

} // namespace realmsync::realm
