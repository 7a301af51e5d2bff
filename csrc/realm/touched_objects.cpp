#include "realm/touched_objects.hpp"

#include <algorithm>

namespace realmsync::realm {

using changeset::Changeset;
using changeset::Instruction;
using changeset::Op;

TouchedObjects::OfClass& TouchedObjects::class_of(std::string_view cls) {
    const auto found = classes_.find(cls);
    return found != classes_.end() ? found->second : classes_[std::string(cls)];
}

TouchedObjects::Touch& TouchedObjects::OfClass::at(const Key& key) {
    const auto found = touches_.find(key);
    return found != touches_.end() ? found->second
                                   : touches_.emplace(model::ObjectKey(key), Touch()).first->second;
}

// Classes have few properties, and one object few that are written.
void TouchedObjects::OfClass::write(Touch& touch, std::string_view property, std::size_t depth) {
    const auto named = std::find(names_.begin(), names_.end(), property);
    const auto number = static_cast<std::uint32_t>(named - names_.begin());
    if (named == names_.end())
        names_.emplace_back(property);
    const auto steps = static_cast<std::uint8_t>(std::min<std::size_t>(depth, 2));
    for (Written& known : touch.written)
        if (known.property == number) {
            known.depth = std::min(known.depth, steps);
            return;
        }
    touch.written.push_back({number, steps});
}

void TouchedObjects::OfClass::add(const OfClass& other) {
    has_erased_ |= other.has_erased_;
    for (const auto& [key, more] : other.touches_) {
        Touch& touch = at(key.view());
        touch.is_erased |= more.is_erased;
        touch.is_whole |= more.is_whole;
        for (const Written& written : more.written)
            write(touch, other.name(written), written.depth);
    }
}

void TouchedObjects::add(std::string_view cls, const Key& key) {
    class_of(cls).at(key).is_whole = true;
}

void TouchedObjects::add(const Changeset& changeset) {
    for (const Instruction& instruction : changeset.instructions)
        if (!changeset::is_schema(instruction.op))
            add(changeset, instruction);
        else if (changeset::is_destructive(instruction.op))
            add_unknown();
}

void TouchedObjects::add(const Changeset& changeset, const Instruction& instruction) {
    OfClass& cls = class_of(changeset.strings[instruction.table]);
    Touch& touch = cls.at(changeset.key(instruction));
    switch (instruction.op) {
    case Op::create_object: touch.is_whole = true; return;
    case Op::erase_object:
        touch.is_erased = cls.has_erased_ = true;
        touch.written.clear();
        return;
    default: break;
    }
    if (detail_ == Detail::objects)
        touch.is_whole = true;
    else if (!touch.is_whole)
        cls.write(touch, changeset.strings[instruction.field], instruction.path_size);
}

void TouchedObjects::add(const TouchedObjects& other) {
    is_unknown_ |= other.is_unknown_;
    for (const auto& [name, cls] : other.classes_)
        class_of(name).add(cls);
}

bool TouchedObjects::has(std::string_view cls, const Key& key) const {
    if (is_unknown_)
        return true;
    const OfClass* found = of(cls);
    return found != nullptr && found->objects().contains(key);
}

const TouchedObjects::OfClass* TouchedObjects::of(std::string_view cls) const {
    const auto found = classes_.find(cls);
    return found != classes_.end() ? &found->second : nullptr;
}

bool TouchedObjects::has_erased(std::string_view cls) const {
    const OfClass* found = of(cls);
    return is_unknown_ || (found != nullptr && found->has_erased());
}

bool TouchedObjects::has_erased() const {
    return is_unknown_ || std::any_of(classes_.begin(), classes_.end(),
                                      [](const auto& cls) { return cls.second.has_erased(); });
}

} // namespace realmsync::realm
