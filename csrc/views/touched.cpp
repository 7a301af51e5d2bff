#include "views/touched.hpp"

#include <functional>
#include <unordered_map>
#include <utility>

#include "base/sorted_unique.hpp"
#include "model/value.hpp"

namespace realmsync::views {

namespace {

struct Name { // borrowed from the changeset
    std::string_view table;
    Key key;
    bool operator==(const Name& other) const {
        return table == other.table && model::equal(key, other.key);
    }
};
struct Hash {
    std::size_t operator()(const Name& name) const {
        return std::hash<std::string_view>{}(name.table) * 31 + model::hash(name.key);
    }
};

bool has_field(changeset::Op op) {
    return op != changeset::Op::create_object && op != changeset::Op::erase_object;
}

} // namespace

Touched::Touched(const changeset::Changeset& changeset) : changeset_(changeset) {
    std::unordered_map<Name, std::uint32_t, Hash> numbers;
    std::vector<std::uint32_t> last; // instruction, by object
    object_of_.reserve(changeset.instructions.size());
    next_.assign(changeset.instructions.size(), kNone);
    for (std::uint32_t i = 0; i < changeset.instructions.size(); ++i) {
        const changeset::Instruction& instruction = changeset.instructions[i];
        if (is_schema(instruction.op)) {
            object_of_.push_back(kNone);
            continue;
        }
        const Name name{changeset.strings[instruction.table], changeset.key(instruction)};
        const auto number = static_cast<std::uint32_t>(objects_.size());
        const auto [found, is_new] = numbers.emplace(name, number);
        if (is_new) {
            objects_.push_back({name.table, name.key, i});
            last.push_back(i);
        } else {
            next_[std::exchange(last[found->second], i)] = i;
        }
        object_of_.push_back(found->second);
    }
}

std::vector<std::string_view> Touched::properties(std::uint32_t object) const {
    std::vector<std::string_view> names;
    for (std::uint32_t i = objects_[object].first; i != kNone; i = next_[i]) {
        const changeset::Instruction& instruction = changeset_.instructions[i];
        if (has_field(instruction.op))
            names.push_back(changeset_.strings[instruction.field]);
    }
    sort_unique(names);
    return names;
}

changeset::Changeset Touched::with(const std::vector<bool>& keeps) const {
    static const rules::Fields kAll = rules::Fields::all_but({});
    std::vector<const rules::Fields*> shown;
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
