#include "realm/recovery.hpp"

#include <algorithm>
#include <utility>

#include "model/place.hpp"
#include "realm/value_writer.hpp"

namespace realmsync::realm {

using changeset::Changeset;
using changeset::Instruction;
using changeset::Op;
using changeset::Step;

namespace {

[[noreturn]] void fail(const std::string& what) {
    raise(ErrorKind::bad_changeset,
          "Unable to automatically recover local changes during client reset: '" + what + "'");
}

} // namespace

std::string Recovery::replay(const Changeset& changeset) {
    try {
        for (const Instruction& i : changeset.instructions)
            replay(changeset, i);
        copy_lists();
    } catch (const ErrorException& e) {
        if (e.error().message.starts_with("Unable to automatically"))
            throw;
        fail(e.error().message);
    }
    return fresh_.take_changeset();
}

void Recovery::replay(const Changeset& changeset, const Instruction& i) {
    if (is_schema(i.op))
        return change_schema(changeset, i);
    tables::Target target{
        &find_class(changeset.strings[i.table]), changeset.key(i), model::Class::npos, {}};
    if (i.op == Op::create_object)
        return fresh_.create(*target.cls, target.key);
    if (!fresh_.exists(*target.cls, target.key)) {
        has_loss_ = has_loss_ || i.op != Op::erase_object;
        return;
    }
    if (i.op == Op::erase_object)
        return fresh_.erase(*target.cls, target.key);
    target.property = target.cls->find(changeset.strings[i.field]);
    if (target.property == model::Class::npos)
        fail("No such field: '" + std::string(changeset.strings[i.field]) + "' in class '" +
             target.cls->name + "'");
    change_object(changeset, i, target);
}

void Recovery::change_schema(const Changeset& changeset, const Instruction& i) {
    const std::string_view cls = changeset.strings[i.table];
    switch (i.op) {
    case Op::erase_table: fail("Types cannot be erased during client reset recovery");
    case Op::erase_column: fail("Properties cannot be erased during client reset recovery");
    case Op::add_table:
        return fresh_.declare_class(
            cls, i.table_kind,
            i.table_kind == TableKind::embedded ? std::string_view() : changeset.strings[i.field],
            i.value_type, i.nullable);
    default: {
        const bool has_target = i.value_type == Type::link;
        return fresh_.declare_property(
            cls, changeset.strings[i.field], i.value_type, i.nullable, i.collection,
            has_target ? changeset.strings[i.value.target] : std::string_view());
    }
    }
}

void Recovery::change_object(const Changeset& changeset, const Instruction& i,
                             tables::Target target) {
    LinkTarget link;
    const bool has_value = i.op == Op::update || i.op == Op::array_insert ||
                           i.op == Op::set_insert || i.op == Op::set_erase;
    const Scalar value = has_value ? changeset.value(i, link) : Scalar{};
    const bool is_element = changeset.addresses_element(i);
    auto place = walk(changeset, i, target, i.path_size - (is_element ? 1u : 0u));
    if (!place)
        return;
    if (is_element)
        return change_list(i, *place, changeset.path(i).back().value, value);
    switch (i.op) {
    case Op::update: return update(i, *place, value);
    case Op::clear: return clear(i, *place);
    case Op::set_insert:
    case Op::set_erase: return change_set(i, *place, value);
    case Op::add_integer: {
        const model::Value* present = look(*place);
        if (present && std::holds_alternative<std::int64_t>(present->data))
            fresh_.add_integer(place->target, i.value.integer);
        else
            has_loss_ = true;
        return;
    }
    default: fail(std::string(op_name(i.op)) + " without an index");
    }
}

// A property, or the value of a dictionary.
void Recovery::update(const Instruction& i, Place& place, Scalar value) {
    if (value.type == Type::erased)
        return fresh_.erase_key(place.target);
    if (is_dead(value)) {
        has_loss_ = true;
        const model::Place there = fresh_.peek(place.target);
        if (!there.nullable() && !there.in_mixed() && there.type() != Type::link)
            return;
        value = Scalar{};
    }
    fresh_.set(place.target, value, i.is_default);
}

// Also makes a collection of a Mixed.
void Recovery::clear(const Instruction& i, Place& place) {
    if (i.collection == Collection::list && !place.is_ours)
        tracker(place).clear();
    fresh_.clear(place.target, i.collection);
}

void Recovery::change_set(const Instruction& i, Place& place, const Scalar& value) {
    const bool is_wanted = i.op == Op::set_erase || !is_dead(value);
    const model::Value* set = look(place); // until the next look at anything
    if (!set || !set->set() || !is_wanted) {
        has_loss_ = true;
        return;
    }
    if (i.op == Op::set_insert)
        fresh_.set_insert(place.target, value);
    else
        fresh_.set_erase(place.target, value);
}

// `list` holds the element that the instruction's last step names.
void Recovery::change_list(const Instruction& i, Place& list, std::uint32_t index,
                           const Scalar& value) {
    const model::Value* present = look(list);
    if (!present || !present->list()) { // of another type by now
        has_loss_ = true;
        return;
    }
    const std::size_t size = present->list()->items.size();
    const bool is_dead = this->is_dead(value);
    has_loss_ = has_loss_ || is_dead;
    const auto known = [&](auto&& rule) -> std::optional<std::size_t> {
        return list.is_ours ? std::optional<std::size_t>(index) : rule(tracker(list));
    };
    switch (i.op) {
    case Op::array_insert:
        if (is_dead && !list.is_ours)
            return tracker(list).insert_nothing(index);
        if (auto at = known([&](ListTracker& t) { return t.insert(index, size); }); at && !is_dead)
            fresh_.list_insert(list.target, std::min(*at, size), value);
        return;
    case Op::array_erase:
        if (auto at = known([&](ListTracker& t) { return t.remove(index); }))
            fresh_.list_erase(list.target, *at);
        return;
    case Op::array_move: {
        const std::size_t to = i.value.move_to;
        if (list.is_ours)
            return fresh_.list_move(list.target, index, to);
        if (auto at = tracker(list).move(index, to))
            fresh_.list_move(list.target, at->first, at->second);
        return;
    }
    case Op::update:
        if (auto at = known([&](ListTracker& t) { return t.update(index); })) {
            const bool takes_null = fresh_.peek(list.target).in_mixed();
            if (!is_dead || takes_null)
                fresh_.list_set(list.target, *at, is_dead ? Scalar{} : value);
        }
        return;
    case Op::clear:
        if (auto at = known([&](ListTracker& t) { return t.update(index); })) {
            list.path.push_back({false, static_cast<std::uint32_t>(*at), {}});
            list.target.path = list.path;
            fresh_.clear(list.target, i.collection);
        }
        return;
    default: fail(std::string(op_name(i.op)) + " of an element of a list");
    }
}

// Places

const model::Class& Recovery::find_class(std::string_view name) {
    const model::Class* cls = fresh_.schema()->find(name);
    if (!cls)
        fail("Table '" + std::string(name) + "' does not exist");
    return *cls;
}

std::optional<Recovery::Place> Recovery::walk(const Changeset& changeset, const Instruction& i,
                                              tables::Target target, std::size_t steps) {
    Place place{target, {}};
    place.path.reserve(i.path_size + 1);
    const auto path = changeset.path(i);
    for (std::size_t n = 0; n < steps; ++n) {
        const bool is_last = n + 1 == path.size();
        const Step next = to_step(changeset, path[n]);
        if (!step(place, next))
            return std::nullopt;
        place.target.path = place.path;
        // What is missing cannot be gone through, only be written.
        if (!is_last && !look(place)) {
            has_loss_ = true;
            return std::nullopt;
        }
    }
    place.target.path = place.path;
    return place;
}

// False when the change is to be discarded: the place is gone, or its list will be copied.
bool Recovery::step(Place& place, const Step& step) {
    const model::Place there = fresh_.peek(place.target);
    const model::Value* value = there.value;
    const bool leads_on = value && (step.is_string ? value->dictionary() || value->embedded()
                                                   : value->list() != nullptr);
    if (!leads_on) {
        has_loss_ = true;
        if (!value || value->is_null() || there.in_mixed())
            return false; // null, or of another type by now
        fail("A path leads through '" + place.target.cls->properties[place.target.property].name +
             "', which has no such place");
    }
    if (step.is_string) {
        place.path.push_back(step);
        return true;
    }
    std::size_t index = step.index;
    if (!place.is_ours) {
        const auto known = tracker(place).update(index);
        if (!known)
            return false;
        index = *known;
        place.is_ours = true;
    }
    place.path.push_back({false, static_cast<std::uint32_t>(index), {}});
    return true;
}

const model::Value* Recovery::look(const Place& place) { return fresh_.peek(place.target).value; }

ListTracker& Recovery::tracker(const Place& list) {
    const model::Class& cls = *list.target.cls;
    std::string name = cls.name + '\0' + model::to_text(list.target.key) + '\0' +
                       cls.properties[list.target.property].name;
    for (const Step& step : list.path)
        name.append(1, '\0').append(step.name);
    auto [at, is_new] = lists_.try_emplace(std::move(name));
    if (is_new) {
        at->second.cls = cls.name;
        at->second.property = cls.properties[list.target.property].name;
        at->second.key = model::ObjectKey(list.target.key);
        for (const Step& step : list.path)
            at->second.path.emplace_back(step.name);
    }
    return at->second.tracker;
}

bool Recovery::is_dead(const Scalar& value) {
    if (value.type != Type::link)
        return false;
    const model::Class* cls = fresh_.schema()->find(value.link->table);
    return !cls || !fresh_.exists(*cls, value.link->key);
}

// Copies

void Recovery::copy_lists() {
    for (auto& [name, list] : lists_)
        if (list.tracker.is_copy() && !std::exchange(list.is_copied, true))
            copy(list);
}

// Its content in the end, whichever changeset has made it so: later ones leave it alone then. One
// that is not there any more, on either side, is left out.
void Recovery::copy(TrackedList& list) {
    Path path;
    for (const std::string& name : list.path)
        path.push_back({true, 0, name});
    const model::SchemaPtr schema = local_.tables.schema();
    const model::Class* cls = schema->find(list.cls);
    const std::size_t property = cls ? cls->find(list.property) : model::Class::npos;
    if (property == model::Class::npos)
        return;
    const auto value = local_.tables.read(tables::kOnlyPartition, *schema, *cls, list.key.view(),
                                          property, tables::Links::stored);
    if (!value)
        return;
    const auto source = model::find_place(*schema, cls->properties[property], *value, path);
    if (!source || !source->value || !source->value->list())
        return;
    const model::Class& target = find_class(list.cls);
    if (!fresh_.exists(target, list.key.view()))
        return;
    ValueWriter(fresh_, *schema)
        .assign_list({&target, list.key.view(), target.find(list.property), path},
                     *source->value->list());
}

} // namespace realmsync::realm
