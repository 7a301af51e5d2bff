// Values and places: what every instruction does to an object. Changesets are decoded to these
// calls in apply_changeset.cpp.
#include "tables/apply.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace realmsync::tables {

using Presence = CachedObject::Presence;

namespace {

// ns: an element that makes room for another, and a chunk of them that is passed.
constexpr std::uint64_t kMove = 4;
constexpr std::uint64_t kPass = 2;

} // namespace

void Applier::flush() {
    flush_objects();
    finish_schema();
}

void Applier::flush_objects() {
    if (const CachedObject* missing = cache_.flush_all(*schema_))
        raise(ErrorKind::bad_changeset,
              "No such object: " + missing->cls->name + "[" + model::to_text(missing->key) + "]");
    last_object_ = nullptr;
}

void Applier::fail(const Target& target, const std::string& what) {
    std::string where = " (" + target.cls->name + "[" + model::to_text(target.key) + "]";
    if (target.property != model::Class::npos)
        where += "." + target.cls->properties[target.property].name;
    for (const changeset::Step& step :
         target.path.first(std::min<std::size_t>(target.path.size(), 20)))
        where += step.is_string ? "." + std::string(step.name.substr(0, 100))
                                : "[" + std::to_string(step.index) + "]";
    raise(ErrorKind::bad_changeset, std::string(target.operation) + ": " + what + where + ")");
}

void Applier::check_key(const Target& target, const model::Class& cls, const Key& key) {
    if (cls.embedded())
        fail(target, "'" + cls.name + "' is an embedded class");
    if (key.type == Type::null ? !(cls.has_key_property && cls.key_nullable)
                               : key.type != cls.key_type)
        fail(target, "the key " + model::to_text(key) + " does not fit the primary key of '" +
                         cls.name + "'");
}

CachedObject& Applier::object(const Target& target) {
    if (last_object_ != nullptr && last_object_->cls == target.cls &&
        model::equal(last_object_->key, target.key))
        return *last_object_;
    check_key(target, *target.cls, target.key);
    if (cache_.full())
        flush();
    return *(last_object_ = &cache_.find(*target.cls, target.key));
}

void Applier::create_object(const model::Class& cls, const Key& key) {
    const Target target{&cls, key, model::Class::npos, {}, "CreateObject"};
    CachedObject& object = this->object(target);
    if (object.presence == Presence::unknown && !object.dirty.empty() &&
        !cache_.flush(object, *schema_))
        fail(target, "an earlier instruction changes the object before it exists");
    if (object.presence == Presence::unknown)
        object.presence = Presence::created;
    else if (object.presence == Presence::missing)
        object.presence = Presence::fresh;
}

void Applier::erase_object(const model::Class& cls, const Key& key) {
    const Target target{&cls, key, model::Class::npos, {}, "EraseObject"};
    CachedObject& object = this->object(target);
    if (object.presence == Presence::unknown && !object.dirty.empty() &&
        !cache_.flush(object, *schema_))
        fail(target, "an earlier instruction changes the object, which does not exist");
    cache_.erase(object);
}

// Is `value` one that may be stored where `property` declares it (section 12.2)?
void Applier::check_value(const Target& target, const model::Property& property,
                          const Scalar& value) const {
    switch (value.type) {
    case Type::null:
        if (!property.nullable && property.type != kMixed)
            fail(target, "null where a value is required");
        return;
    case Type::object_value:
        if (!property.is_embedded())
            fail(target, "an embedded object where none is declared");
        return;
    case Type::list:
    case Type::dictionary:
        if (property.type != kMixed || property.collection == Collection::set)
            fail(target, "a collection where none can be stored");
        return;
    case Type::set: fail(target, "sets cannot be values");
    case Type::erased: fail(target, "Erased where no dictionary element is addressed");
    case Type::global_key: fail(target, "GlobalKey is no value");
    case Type::link: {
        const model::Class* linked = schema_->find(value.link->table);
        if (property.type != kMixed && property.type != Type::link)
            fail(target, "a link where a value of another type is declared");
        if (linked == nullptr)
            fail(target, "Link with invalid target table '" + std::string(value.link->table) + "'");
        if (linked->embedded())
            fail(target, "Link to embedded table '" + linked->name + "'");
        if (property.type == Type::link && property.target != linked->name)
            fail(target,
                 "Link to '" + linked->name + "' where '" + property.target + "' is declared");
        check_key(target, *linked, value.link->key);
        return;
    }
    case Type::string:
    case Type::binary:
        if (value.bytes.size() >
            (value.type == Type::string ? model::kMaxString : model::kMaxBinary))
            fail(target, "a value of " + std::to_string(value.bytes.size()) + " bytes is too long");
        break;
    default: break;
    }
    if (property.type != value.type && property.type != kMixed)
        fail(target, "Type mismatch: a value of type " +
                         std::to_string(static_cast<int>(value.type)) + " where type " +
                         std::to_string(static_cast<int>(property.type)) + " is declared");
}

model::Value Applier::new_embedded(const model::Property& property) const {
    model::Value value = model::Value::empty(Type::object_value);
    for (const model::Property& member : schema_->find(property.target)->properties)
        value.embedded()->properties.push_back(model::zero_value(member));
    return value;
}

void Applier::check_depth(const Target& target) {
    if (target.path.size() >= model::kMaxDepth)
        fail(target,
             "more than " + std::to_string(model::kMaxDepth) + " containers within each other");
}

// Assigns to a place that holds one value. Containers are made only where none of their kind is.
void Applier::assign(const Target& target, model::Value& place, const model::Property& property,
                     const Scalar& value) const {
    check_value(target, property, value);
    if (value.type == Type::object_value) {
        check_depth(target);
        if (place.is_null())
            place = new_embedded(property);
    } else if (value.type == Type::list || value.type == Type::dictionary) {
        check_depth(target);
        if (place.type() != value.type)
            place = model::Value::empty(value.type);
    } else {
        place = model::Value(value);
    }
}

Cell& Applier::load(const Target& target, CachedObject& object) {
    Cell* cell = cache_.load(object, target.property, *schema_);
    if (cell == nullptr)
        fail(target, "No such object");
    return *cell;
}

// One step down (section 12.1, table of the path walk).
Applier::Node Applier::descend(const Target& target, const Node& place,
                               const changeset::Step& step) const {
    auto in_list = [&](model::List& list) -> Node {
        if (step.is_string)
            fail(target, "Not a dictionary: '" + std::string(step.name) + "'");
        if (step.index >= list.items.size())
            fail(target, "Index out of bounds (" + std::to_string(step.index) +
                             " >= " + std::to_string(list.items.size()) + ")");
        return {&list.items[step.index], place.property, false};
    };
    auto in_dictionary = [&](model::Dictionary& dictionary) -> Node {
        if (!step.is_string)
            fail(target, "Not a list");
        auto found = dictionary.items.find(step.name);
        if (found == dictionary.items.end())
            fail(target, "Key '" + std::string(step.name) + "' not found");
        return {&found->second, place.property, false};
    };
    if (model::List* list = place.value->list())
        return in_list(*list);
    if (model::Dictionary* dictionary = place.value->dictionary())
        return in_dictionary(*dictionary);
    if (place.value->set() != nullptr)
        fail(target, "Invalid path: sets have no addressable elements");
    if (place.property->is_link())
        fail(target, "Reference through non-embedded link");
    if (place.property->is_embedded()) {
        model::Embedded* embedded = place.value->embedded();
        if (embedded == nullptr)
            fail(target, "Reference through NULL embedded link");
        if (!step.is_string)
            fail(target, "Invalid path: an index into an embedded object");
        const model::Class& cls = *schema_->find(place.property->target);
        std::size_t member = cls.find(step.name);
        if (member == model::Class::npos)
            fail(target,
                 "No such field: '" + std::string(step.name) + "' in class '" + cls.name + "'");
        return {&embedded->properties[member], &cls.properties[member], true};
    }
    if (place.property->type == kMixed)
        fail(target, "Not a list or dictionary");
    fail(target, "Resolving path through unstructured value");
}

// Where all steps but the last `keep` lead to, inside the loaded property, which is to be changed.
Applier::Node Applier::descend_to(const Target& target, std::size_t keep) {
    REALMSYNC_ASSERT(target.property < target.cls->properties.size());
    REALMSYNC_ASSERT(keep <= target.path.size());
    CachedObject& object = this->object(target);
    Cell& cell = load(target, object);
    const model::Property& property = target.cls->properties[target.property];
    if (cell.state != Cell::State::tree) {
        if (property.is_link())
            fail(target, "Reference through non-embedded link");
        if (property.is_embedded())
            fail(target, "Reference through NULL embedded link");
        fail(target, property.type == kMixed ? "Not a list or dictionary"
                                             : "Resolving path through unstructured value");
    }
    cache_.mark_dirty(object, target.property);
    Node place{cell.tree.get(), &property, true};
    for (const changeset::Step& step : target.path.first(target.path.size() - keep))
        place = descend(target, place, step);
    return place;
}

void Applier::check_property(const Target& target) {
    if (target.property == 0 && target.cls->has_key_property)
        fail(target, "the primary key cannot be changed");
}

void Applier::update(Target target, const Scalar& value, std::int64_t prior_size) {
    target.operation = "Update";
    check_property(target);
    const model::Property& property = target.cls->properties[target.property];
    if (target.path.empty()) {
        if (property.collection != Collection::single)
            fail(target, "Invalid path: a whole collection cannot be assigned");
        check_value(target, property, value);
        CachedObject& object = this->object(target);
        if (object.presence == Presence::missing)
            fail(target, "No such object");
        if (value.type != Type::object_value && value.type != Type::list &&
            value.type != Type::dictionary) {
            cache_.set_scalar(object, target.property, value);
            return;
        }
        Cell& cell = load(target, object);
        model::Value place =
            cell.state == Cell::State::tree ? std::move(*cell.tree) : model::Value(cell.scalar);
        assign(target, place, property, value);
        cache_.set_tree(object, target.property, std::move(place));
        return;
    }
    Node container = descend_to(target, 1);
    const changeset::Step& last = target.path.back();
    if (model::List* list = container.value->list()) {
        if (last.is_string)
            fail(target, "Not a dictionary: '" + std::string(last.name) + "'");
        check_prior_size(target, *list, prior_size);
        Node element = descend(target, container, last);
        if (value.type == Type::object_value)
            check_value(target, *element.property, value); // no-op: the object is there
        else
            assign(target, *element.value, *element.property, value);
    } else if (model::Dictionary* dictionary = container.value->dictionary()) {
        update_key(target, *dictionary, *container.property, value);
    } else {
        Node member = descend(target, container, last);
        if (member.whole && member.property->collection != Collection::single)
            fail(target, "Invalid path: a whole collection cannot be assigned");
        assign(target, *member.value, *member.property, value);
    }
}

void Applier::update_key(const Target& target, model::Dictionary& dictionary,
                         const model::Property& property, const Scalar& value) const {
    const changeset::Step& step = target.path.back();
    if (!step.is_string)
        fail(target, "Not a list");
    if (step.name.starts_with('$') || step.name.find('.') != step.name.npos)
        fail(target, "Invalid dictionary key '" + std::string(step.name.substr(0, 100)) + "'");
    auto found = dictionary.items.find(step.name);
    if (value.type == Type::erased) {
        if (found != dictionary.items.end())
            dictionary.items.erase(found);
        return;
    }
    model::Value fresh; // an embedded object is always a new one
    bool replace = found == dictionary.items.end() || value.type == Type::object_value;
    model::Value& place = replace ? fresh : found->second;
    assign(target, place, property, value);
    if (found == dictionary.items.end())
        dictionary.items.emplace(std::string(step.name), std::move(fresh));
    else if (replace)
        found->second = std::move(fresh);
}

void Applier::check_prior_size(const Target& target, const model::List& list,
                               std::int64_t prior_size) {
    if (prior_size >= 0 && static_cast<std::size_t>(prior_size) != list.items.size())
        fail(target, "Invalid prior_size (list size = " + std::to_string(list.items.size()) +
                         ", prior_size = " + std::to_string(prior_size) + ")");
}

void Applier::add_integer(Target target, std::int64_t amount) {
    target.operation = "AddInteger";
    check_property(target);
    auto add = [&](std::int64_t value) {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(value) +
                                         static_cast<std::uint64_t>(amount));
    };
    auto check_type = [&](const model::Property& property) {
        if (property.collection != Collection::single)
            fail(target, "Invalid path: a collection");
        if (property.type != Type::integer && property.type != kMixed)
            fail(target, "Not an integer field");
    };
    if (target.path.empty()) {
        check_type(target.cls->properties[target.property]);
        CachedObject& object = this->object(target);
        Cell& cell = load(target, object);
        if (cell.state == Cell::State::scalar && cell.scalar.type == Type::null)
            return;
        if (cell.state != Cell::State::scalar || cell.scalar.type != Type::integer)
            fail(target, "Not an integer field");
        cell.scalar.integer = add(cell.scalar.integer);
        cache_.mark_dirty(object, target.property);
        return;
    }
    Node place = descend_to(target, 0);
    if (!place.whole)
        fail(target, "Invalid path: an element of a collection");
    check_type(*place.property);
    if (place.value->is_null())
        return;
    auto* integer = std::get_if<std::int64_t>(&place.value->data);
    if (integer == nullptr)
        fail(target, "Not an integer field");
    *integer = add(*integer);
}

model::List& Applier::list_of_last_step(const Target& target, const model::Property*& element) {
    check_property(target);
    if (target.path.empty() || target.path.back().is_string)
        fail(target, "Invalid path: no list element");
    Node place = descend_to(target, 1);
    model::List* list = place.value->list();
    if (list == nullptr)
        fail(target, "Invalid path: not a list");
    element = place.property;
    return *list;
}

void Applier::spend_on_shift(const model::Sequence<model::Value>& items) {
    using Items = model::Sequence<model::Value>;
    work_.spend(kMove * std::min(items.size(), Items::kChunk) +
                kPass * (items.size() / Items::kChunk));
}

void Applier::array_insert(Target target, const Scalar& value, std::int64_t prior_size) {
    target.operation = "ArrayInsert";
    const model::Property* element = nullptr;
    model::List& list = list_of_last_step(target, element);
    std::uint32_t index = target.path.back().index;
    check_prior_size(target, list, prior_size);
    if (index > list.items.size())
        fail(target, "Index out of bounds (" + std::to_string(index) + " > " +
                         std::to_string(list.items.size()) + ")");
    model::Value item;
    assign(target, item, *element, value);
    spend_on_shift(list.items);
    list.items.insert(index, std::move(item));
}

void Applier::array_move(Target target, std::uint32_t to, std::int64_t prior_size) {
    target.operation = "ArrayMove";
    const model::Property* element = nullptr;
    model::List& list = list_of_last_step(target, element);
    std::uint32_t from = target.path.back().index;
    check_prior_size(target, list, prior_size);
    if (from >= list.items.size() || to >= list.items.size())
        fail(target, "Index out of bounds (" + std::to_string(std::max(from, to)) +
                         " >= " + std::to_string(list.items.size()) + ")");
    if (from == to)
        fail(target, "ArrayMove to same location (" + std::to_string(to) + ")");
    spend_on_shift(list.items);
    list.items.move(from, to);
}

void Applier::array_erase(Target target, std::int64_t prior_size) {
    target.operation = "ArrayErase";
    const model::Property* element = nullptr;
    model::List& list = list_of_last_step(target, element);
    std::uint32_t index = target.path.back().index;
    check_prior_size(target, list, prior_size);
    if (index >= list.items.size())
        fail(target, "Index out of bounds (" + std::to_string(index) +
                         " >= " + std::to_string(list.items.size()) + ")");
    spend_on_shift(list.items);
    list.items.erase(index);
}

void Applier::clear(Target target, Collection collection) {
    target.operation = "Clear";
    check_property(target);
    const model::Property& property = target.cls->properties[target.property];
    auto empty = [&](const model::Property& of, bool whole) {
        if (whole && of.collection != Collection::single) {
            if (collection != Collection::single && collection != of.collection)
                fail(target, "the property is a collection of another kind");
            model::Property only = of;
            return model::zero_value(only);
        }
        if (of.type != kMixed)
            fail(target, "Invalid path: not a collection");
        if (collection != Collection::list && collection != Collection::dictionary)
            fail(target, "a Mixed value can only become a list or dictionary");
        check_depth(target);
        return model::Value::empty(collection == Collection::list ? Type::list : Type::dictionary);
    };
    if (target.path.empty()) {
        CachedObject& object = this->object(target);
        if (object.presence == Presence::missing)
            fail(target, "No such object");
        cache_.set_tree(object, target.property, empty(property, true));
        return;
    }
    Node place = descend_to(target, 0);
    *place.value = empty(*place.property, place.whole);
}

model::Set& Applier::set_of_path(const Target& target, const Scalar& value,
                                 const model::Property*& element) {
    check_property(target);
    const model::Property& property = target.cls->properties[target.property];
    if (target.path.empty() && property.collection != Collection::set)
        fail(target, "Invalid path: not a set");
    Node place = descend_to(target, 0);
    if (place.value->set() == nullptr)
        fail(target, "Invalid path: not a set");
    element = place.property;
    check_value(target, *element, value);
    return *place.value->set();
}

void Applier::set_insert(Target target, const Scalar& value) {
    target.operation = "SetInsert";
    change_set(target, value, true);
}

void Applier::set_erase(Target target, const Scalar& value) {
    target.operation = "SetErase";
    change_set(target, value, false);
}

void Applier::change_set(const Target& target, const Scalar& scalar, bool insert) {
    const model::Property* element = nullptr;
    model::Set& set = set_of_path(target, scalar, element);
    model::Value value(scalar);
    const std::size_t at = set.items.lower_bound(
        [&](const model::Value& item) { return model::compare(item, value) < 0; });
    const bool found = at != set.items.size() && model::compare(set.items[at], value) == 0;
    spend_on_shift(set.items);
    if (insert && !found)
        set.items.insert(at, std::move(value));
    else if (!insert && found)
        set.items.erase(at);
}

const model::Value* Applier::peek(const model::Class& cls, const Key& key, std::size_t property) {
    const Target target{&cls, key, model::Class::npos, {}, "read"};
    Cell* cell = cache_.load(object(target), property, *schema_);
    if (cell == nullptr)
        return nullptr;
    if (cell->state == Cell::State::tree)
        return cell->tree.get();
    peeked_ = model::Value(cell->scalar);
    return &peeked_;
}

bool Applier::exists(const model::Class& cls, const Key& key) {
    CachedObject* known = cache_.find_known(cls, key);
    return known != nullptr ? cache_.load(*known, 0, *schema_) != nullptr
                            : tables_.exists(partition_, cls, key);
}

} // namespace realmsync::tables
