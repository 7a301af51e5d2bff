#include "views/touched.hpp"

#include <bit>
#include <functional>
#include <utility>

#include "base/sorted_unique.hpp"
#include "model/value.hpp"

namespace realmsync::views {

namespace {

bool has_field(changeset::Op op) {
    return op != changeset::Op::create_object && op != changeset::Op::erase_object;
}

} // namespace

Touched::Touched(const changeset::Changeset& changeset) : changeset_(changeset) {
    const std::size_t count = changeset.instructions.size();
    // A hash table of numbers + 1; a free place is 0, clashes go to the next.
    std::vector<std::uint32_t> places(std::bit_ceil(count + count / 2 + 1));
    std::vector<std::uint32_t> last; // instruction, by object
    object_of_.reserve(count);
    next_.assign(count, kNone);
    for (std::uint32_t i = 0; i < count; ++i) {
        const changeset::Instruction& instruction = changeset.instructions[i];
        if (is_schema(instruction.op)) {
            object_of_.push_back(kNone);
            continue;
        }
        const Key key = changeset.key(instruction);
        std::uint32_t number = i == 0 ? kNone : object_of_.back();
        if (number == kNone || !is_named(number, instruction.table, key)) // else as most often
            number = find_or_add(places, i, key);
        if (number == last.size())
            last.push_back(i);
        else
            next_[std::exchange(last[number], i)] = i;
        object_of_.push_back(number);
    }
}

bool Touched::is_named(std::uint32_t number, changeset::StringId table, const Key& key) const {
    const TouchedObject& object = objects_[number];
    return object.table == changeset_.strings[table] && model::equal(object.key, key);
}

std::uint32_t Touched::find_or_add(std::vector<std::uint32_t>& places, std::uint32_t instruction,
                                   const Key& key) {
    constexpr std::uint64_t kMix = 0x9E3779B97F4A7C15;
    const changeset::StringId name = changeset_.instructions[instruction].table;
    const std::string_view table = changeset_.strings[name];
    const std::uint64_t hash = std::hash<std::string_view>{}(table) * 31 + model::hash(key);
    const std::size_t mask = places.size() - 1;
    std::size_t place = static_cast<std::size_t>((hash * kMix) >> 20) & mask;
    for (; places[place] != 0; place = (place + 1) & mask)
        if (is_named(places[place] - 1, name, key))
            return places[place] - 1;
    objects_.push_back({table, key, instruction});
    places[place] = static_cast<std::uint32_t>(objects_.size());
    return places[place] - 1;
}

void Touched::properties(std::uint32_t object, std::vector<std::string_view>& names) const {
    names.clear();
    for (std::uint32_t i = objects_[object].first; i != kNone; i = next_[i]) {
        const changeset::Instruction& instruction = changeset_.instructions[i];
        if (has_field(instruction.op))
            names.push_back(changeset_.strings[instruction.field]);
    }
    sort_unique(names);
}

changeset::Changeset Touched::with(const std::vector<bool>& keeps) const {
    static const rules::Fields kAll = rules::Fields::all_but({});
    std::vector<const rules::Fields*> shown;
    shown.reserve(keeps.size());
    for (const bool is_kept : keeps)
        shown.push_back(is_kept ? &kAll : nullptr);
    return with(shown);
}

changeset::Changeset Touched::with(const std::vector<const rules::Fields*>& shown) const {
    changeset::Changeset kept{changeset_.strings, {}, changeset_.paths, changeset_.links,
                              changeset_.buffers, 0};
    const auto is_shown = [&](std::uint32_t object, const changeset::Instruction& instruction) {
        return shown[object] != nullptr &&
               (!has_field(instruction.op) ||
                shown[object]->contains(changeset_.strings[instruction.field]));
    };
    for (std::size_t i = 0; i < object_of_.size(); ++i)
        if (const auto& instruction = changeset_.instructions[i];
            object_of_[i] == kNone || is_shown(object_of_[i], instruction))
            kept.instructions.push_back(instruction);
    return kept;
}

} // namespace realmsync::views
