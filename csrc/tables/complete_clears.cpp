#include "tables/complete_clears.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_set>

namespace realmsync::tables {

namespace {

using changeset::Changeset;
using changeset::Instruction;
using changeset::Op;
using changeset::PathElement;

Type type_of(Collection collection) {
    return collection == Collection::list ? Type::list : Type::dictionary;
}

// Whether a path leads to a value under a key of a dictionary that holds Mixed values.
bool is_dictionary_value(const Changeset& changeset, const Instruction& i,
                         const model::Schema& schema) {
    const model::Class* cls = schema.find(changeset.strings[i.table]);
    const std::size_t index = cls ? cls->find(changeset.strings[i.field]) : model::Class::npos;
    if (index == model::Class::npos)
        return false;
    const model::Property* property = &cls->properties[index];
    bool in_mixed = false;   // the container of the next step lies inside a Mixed
    bool in_element = false; // we are at an element of the property's collection
    bool named = false;      // the last step was a key of a dictionary of Mixed
    for (const PathElement& step : changeset.path(i)) {
        named = step.is_string;
        if (in_mixed)
            continue;
        if (property->collection != Collection::single && !in_element) {
            in_element = true;
            in_mixed = property->type == kMixed;
        } else if (property->type == kMixed) {
            in_mixed = true;
        } else { // an embedded object's property
            const model::Class* embedded = schema.find(property->target);
            const std::size_t member = embedded && step.is_string
                                           ? embedded->find(changeset.strings[step.value])
                                           : model::Class::npos;
            if (member == model::Class::npos)
                return false;
            property = &embedded->properties[member];
            in_element = named = false;
        }
    }
    return named && in_mixed;
}

// Equal for instructions of one changeset that address the same place with the same kind.
std::string place_of(const Changeset& changeset, const Instruction& i, Type kind) {
    std::string place;
    const auto put = [&](const auto& value) {
        place.append(reinterpret_cast<const char*>(&value), sizeof value);
    };
    put(kind);
    put(i.table);
    put(i.field);
    put(i.key_type);
    put(i.key); // zero where the kind of key does not fill it
    for (const PathElement& step : changeset.path(i)) {
        put(step.is_string);
        put(step.value);
    }
    return place;
}

Instruction make_update(Changeset& changeset, const Instruction& clear) {
    Instruction update = clear;
    update.op = Op::update;
    update.collection = Collection::single;
    update.value_type = type_of(clear.collection);
    update.path_begin = static_cast<std::uint32_t>(changeset.paths.size());
    changeset.paths.reserve(changeset.paths.size() + clear.path_size); // keeps `path` valid
    const auto path = changeset.path(clear);
    changeset.paths.insert(changeset.paths.end(), path.begin(), path.end());
    return update;
}

} // namespace

void complete_clears(Changeset& changeset, const model::Schema& schema) {
    const auto is_candidate = [&](const Instruction& i) {
        return i.op == Op::clear && i.path_size != 0 && !changeset.addresses_element(i) &&
               (i.collection == Collection::list || i.collection == Collection::dictionary) &&
               is_dictionary_value(changeset, i, schema);
    };
    if (std::none_of(changeset.instructions.begin(), changeset.instructions.end(), is_candidate))
        return;
    std::unordered_set<std::string> created;
    std::vector<Instruction> completed;
    completed.reserve(changeset.instructions.size() + 1);
    for (const Instruction& i : changeset.instructions) {
        const bool creates = i.op == Op::update && !i.is_default &&
                             (i.value_type == Type::list || i.value_type == Type::dictionary);
        if (creates)
            created.insert(place_of(changeset, i, i.value_type));
        else if (is_candidate(i) &&
                 created.insert(place_of(changeset, i, type_of(i.collection))).second)
            completed.push_back(make_update(changeset, i));
        completed.push_back(i);
    }
    changeset.instructions = std::move(completed);
}

} // namespace realmsync::tables
