// Values and places: what every instruction does to an object. Changesets are decoded to these
// calls in apply_changeset.cpp.
#include "tables/apply.hpp"

#include <algorithm>

#include "tables/apply_impl.hpp"

namespace realmsync::tables {

using Presence = CachedObject::Presence;

Applier::Applier(Tables& tables, std::int64_t partition)
    : impl_(std::make_unique<Impl>(tables, partition)) {}

Applier::~Applier() = default;

void Applier::flush() { impl_->flush(); }
const model::Schema& Applier::schema() const { return *impl_->schema; }

void Applier::Impl::flush() {
    if (const CachedObject* missing = cache.flush_all(*schema))
        raise(ErrorKind::bad_changeset,
              "No such object: " + missing->cls->name + "[" + model::to_text(missing->key) + "]");
    scratch_object = nullptr;
}

void Applier::Impl::fail(const std::string& what) const {
    std::string where;
    if (target != nullptr) {
        where = " (" + target->cls->name + "[" + model::to_text(target->key) + "]";
        if (target->property != model::Class::npos)
            where += "." + target->cls->properties[target->property].name;
        for (const changeset::Step& step :
             target->path.first(std::min<std::size_t>(target->path.size(), 20)))
            where += step.is_string ? "." + std::string(step.name.substr(0, 100))
                                    : "[" + std::to_string(step.index) + "]";
        where += ")";
    }
    raise(ErrorKind::bad_changeset, std::string(operation) + ": " + what + where);
}

void Applier::Impl::check_key(const model::Class& cls, const Key& key) const {
    if (cls.embedded())
        fail("'" + cls.name + "' is an embedded class");
    if (key.type == Type::null ? !(cls.has_key_property && cls.key_nullable)
                               : key.type != cls.key_type)
        fail("the key " + model::to_text(key) + " does not fit the primary key of '" + cls.name +
             "'");
}

CachedObject& Applier::Impl::object(const model::Class& cls, const Key& key) {
    if (scratch_object != nullptr && scratch_object->cls == &cls &&
        model::equal(scratch_object->key, key))
        return *scratch_object;
    check_key(cls, key);
    if (cache.full())
        flush();
    return *(scratch_object = &cache.find(cls, key));
}

void Applier::Impl::create(const model::Class& cls, const Key& key) {
    CachedObject& object = this->object(cls, key);
    if (object.presence == Presence::unknown && !object.dirty.empty() &&
        !cache.flush(object, *schema))
        fail("an earlier instruction changes the object before it exists");
    if (object.presence == Presence::unknown)
        object.presence = Presence::created;
    else if (object.presence == Presence::missing)
        object.presence = Presence::fresh;
}

void Applier::Impl::erase(const model::Class& cls, const Key& key) {
    CachedObject& object = this->object(cls, key);
    if (object.presence == Presence::unknown && !object.dirty.empty() &&
        !cache.flush(object, *schema))
        fail("an earlier instruction changes the object, which does not exist");
    cache.erase(object);
}

// Is `value` one that may be stored where `property` declares it (section 12.2)?
void Applier::Impl::check_value(const model::Property& property, const Scalar& value) const {
    switch (value.type) {
    case Type::null:
        if (!property.nullable && property.type != kMixed)
            fail("null where a value is required");
        return;
    case Type::object_value:
        if (!property.is_embedded())
            fail("an embedded object where none is declared");
        return;
    case Type::list:
    case Type::dictionary:
        if (property.type != kMixed || property.collection == Collection::set)
            fail("a collection where none can be stored");
        return;
    case Type::set: fail("sets cannot be values");
    case Type::erased: fail("Erased where no dictionary element is addressed");
    case Type::global_key: fail("GlobalKey is no value");
    case Type::link: {
        const model::Class* linked = schema->find(value.link->table);
        if (property.type != kMixed && property.type != Type::link)
            fail("a link where a value of another type is declared");
        if (linked == nullptr)
            fail("Link with invalid target table '" + std::string(value.link->table) + "'");
        if (linked->embedded())
            fail("Link to embedded table '" + linked->name + "'");
        if (property.type == Type::link && property.target != linked->name)
            fail("Link to '" + linked->name + "' where '" + property.target + "' is declared");
        check_key(*linked, value.link->key);
        return;
    }
    case Type::string:
    case Type::binary:
        if (value.bytes.size() >
            (value.type == Type::string ? model::kMaxString : model::kMaxBinary))
            fail("a value of " + std::to_string(value.bytes.size()) + " bytes is too long");
        break;
    default: break;
    }
    if (property.type != value.type && property.type != kMixed)
        fail("Type mismatch: a value of type " + std::to_string(static_cast<int>(value.type)) +
             " where type " + std::to_string(static_cast<int>(property.type)) + " is declared");
}

model::Value Applier::Impl::new_embedded(const model::Property& property) const {
    model::Value value = model::Value::empty(Type::object_value);
    for (const model::Property& member : schema->find(property.target)->properties)
        value.embedded()->properties.push_back(model::zero_value(member));
    return value;
}

void Applier::Impl::check_depth() const {
    if (target->path.size() >= model::kMaxDepth)
        fail("more than " + std::to_string(model::kMaxDepth) + " containers within each other");
}

// Assigns to a place that holds one value. Containers are made only where none of their kind is.
void Applier::Impl::assign(model::Value& place, const model::Property& property,
                           const Scalar& value) const {
    check_value(property, value);
    if (value.type == Type::object_value) {
        check_depth();
        if (place.is_null())
            place = new_embedded(property);
    } else if (value.type == Type::list || value.type == Type::dictionary) {
        check_depth();
        if (place.type() != value.type)
            place = model::Value::empty(value.type);
    } else {
        place = model::Value(value);
    }
}

Slot& Applier::Impl::load(CachedObject& object, std::size_t property) {
    Slot* slot = cache.load(object, property, *schema);
    if (slot == nullptr)
        fail("No such object");
    return *slot;
}

// One step down (section 12.1, table of the path walk).
Applier::Impl::Node Applier::Impl::descend(const Node& place, const changeset::Step& step) const {
    auto in_list = [&](model::List& list) -> Node {
        if (step.is_string)
            fail("Not a dictionary: '" + std::string(step.name) + "'");
        if (step.index >= list.items.size())
            fail("Index out of bounds (" + std::to_string(step.index) +
                 " >= " + std::to_string(list.items.size()) + ")");
        return {&list.items[step.index], place.property, false};
    };
    auto in_dictionary = [&](model::Dictionary& dictionary) -> Node {
        if (!step.is_string)
            fail("Not a list");
        auto found = dictionary.items.find(step.name);
        if (found == dictionary.items.end())
            fail("Key '" + std::string(step.name) + "' not found");
        return {&found->second, place.property, false};
    };
    if (model::List* list = place.value->list())
        return in_list(*list);
    if (model::Dictionary* dictionary = place.value->dictionary())
        return in_dictionary(*dictionary);
    if (place.value->set() != nullptr)
        fail("Invalid path: sets have no addressable elements");
    if (place.property->is_link())
        fail("Reference through non-embedded link");
    if (place.property->is_embedded()) {
        model::Embedded* embedded = place.value->embedded();
        if (embedded == nullptr)
            fail("Reference through NULL embedded link");
        if (!step.is_string)
            fail("Invalid path: an index into an embedded object");
        const model::Class& cls = *schema->find(place.property->target);
        std::size_t member = cls.find(step.name);
        if (member == model::Class::npos)
            fail("No such field: '" + std::string(step.name) + "' in class '" + cls.name + "'");
        return {&embedded->properties[member], &cls.properties[member], true};
    }
    if (place.property->type == kMixed)
        fail("Not a list or dictionary");
    fail("Resolving path through unstructured value");
}

// Where all steps but the last `keep` lead to, inside the loaded property, which is to be changed.
Applier::Impl::Node Applier::Impl::descend_to(std::size_t keep) {
    CachedObject& object = this->object(*target->cls, target->key);
    Slot& slot = load(object, target->property);
    const model::Property& property = target->cls->properties[target->property];
    if (slot.state != Slot::State::tree) {
        if (property.is_link())
            fail("Reference through non-embedded link");
        if (property.is_embedded())
            fail("Reference through NULL embedded link");
        fail(property.type == kMixed ? "Not a list or dictionary"
                                     : "Resolving path through unstructured value");
    }
    cache.mark_dirty(object, target->property);
    Node place{slot.tree.get(), &property, true};
    for (const changeset::Step& step : target->path.first(target->path.size() - keep))
        place = descend(place, step);
    return place;
}

void Applier::Impl::check_property() const {
    if (target->property == 0 && target->cls->has_key_property)
        fail("the primary key cannot be changed");
}

void Applier::Impl::update(const Scalar& value, std::int64_t prior_size) {
    check_property();
    const model::Property& property = target->cls->properties[target->property];
    if (target->path.empty()) {
        if (property.collection != Collection::single)
            fail("Invalid path: a whole collection cannot be assigned");
        check_value(property, value);
        CachedObject& object = this->object(*target->cls, target->key);
        if (object.presence == Presence::missing)
            fail("No such object");
        if (value.type != Type::object_value && value.type != Type::list &&
            value.type != Type::dictionary) {
            cache.set_scalar(object, target->property, value);
            return;
        }
        Slot& slot = load(object, target->property);
        model::Value place =
            slot.state == Slot::State::tree ? std::move(*slot.tree) : model::Value(slot.scalar);
        assign(place, property, value);
        cache.set_tree(object, target->property, std::move(place));
        return;
    }
    Node container = descend_to(1);
    const changeset::Step& last = target->path.back();
    if (model::List* list = container.value->list()) {
        if (last.is_string)
            fail("Not a dictionary: '" + std::string(last.name) + "'");
        check_prior_size(*list, prior_size);
        Node element = descend(container, last);
        if (value.type == Type::object_value)
            check_value(*element.property, value); // no-op: the object is there
        else
            assign(*element.value, *element.property, value);
    } else if (model::Dictionary* dictionary = container.value->dictionary()) {
        update_key(*dictionary, *container.property, last, value);
    } else {
        Node member = descend(container, last);
        if (member.whole && member.property->collection != Collection::single)
            fail("Invalid path: a whole collection cannot be assigned");
        assign(*member.value, *member.property, value);
    }
}

void Applier::Impl::update_key(model::Dictionary& dictionary, const model::Property& property,
                               const changeset::Step& step, const Scalar& value) const {
    if (!step.is_string)
        fail("Not a list");
    if (step.name.starts_with('$') || step.name.find('.') != step.name.npos)
        fail("Invalid dictionary key '" + std::string(step.name.substr(0, 100)) + "'");
    auto found = dictionary.items.find(step.name);
    if (value.type == Type::erased) {
        if (found != dictionary.items.end())
            dictionary.items.erase(found);
        return;
    }
    model::Value fresh; // an embedded object is always a new one
    bool replace = found == dictionary.items.end() || value.type == Type::object_value;
    model::Value& place = replace ? fresh : found->second;
    assign(place, property, value);
    if (found == dictionary.items.end())
        dictionary.items.emplace(std::string(step.name), std::move(fresh));
    else if (replace)
        found->second = std::move(fresh);
}

void Applier::Impl::check_prior_size(const model::List& list, std::int64_t prior_size) const {
    if (prior_size >= 0 && static_cast<std::size_t>(prior_size) != list.items.size())
        fail("Invalid prior_size (list size = " + std::to_string(list.items.size()) +
             ", prior_size = " + std::to_string(prior_size) + ")");
}

void Applier::Impl::add_integer(std::int64_t amount) {
    check_property();
    auto add = [&](std::int64_t value) {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(value) +
                                         static_cast<std::uint64_t>(amount));
    };
    auto check_type = [&](const model::Property& property) {
        if (property.collection != Collection::single)
            fail("Invalid path: a collection");
        if (property.type != Type::integer && property.type != kMixed)
            fail("Not an integer field");
    };
    if (target->path.empty()) {
        check_type(target->cls->properties[target->property]);
        CachedObject& object = this->object(*target->cls, target->key);
        Slot& slot = load(object, target->property);
        if (slot.state == Slot::State::scalar && slot.scalar.type == Type::null)
            return;
        if (slot.state != Slot::State::scalar || slot.scalar.type != Type::integer)
            fail("Not an integer field");
        slot.scalar.integer = add(slot.scalar.integer);
        cache.mark_dirty(object, target->property);
        return;
    }
    Node place = descend_to(0);
    if (!place.whole)
        fail("Invalid path: an element of a collection");
    check_type(*place.property);
    if (place.value->is_null())
        return;
    auto* integer = std::get_if<std::int64_t>(&place.value->data);
    if (integer == nullptr)
        fail("Not an integer field");
    *integer = add(*integer);
}

model::List& Applier::Impl::list_of_last_step(const model::Property*& element) {
    check_property();
    if (target->path.empty() || target->path.back().is_string)
        fail("Invalid path: no list element");
    Node place = descend_to(1);
    model::List* list = place.value->list();
    if (list == nullptr)
        fail("Invalid path: not a list");
    element = place.property;
    return *list;
}

void Applier::Impl::array_insert(const Scalar& value, std::int64_t prior_size) {
    const model::Property* element = nullptr;
    model::List& list = list_of_last_step(element);
    std::uint32_t index = target->path.back().index;
    check_prior_size(list, prior_size);
    if (index > list.items.size())
        fail("Index out of bounds (" + std::to_string(index) + " > " +
             std::to_string(list.items.size()) + ")");
    model::Value item;
    assign(item, *element, value);
    list.items.insert(list.items.begin() + index, std::move(item));
}

void Applier::Impl::array_move(std::uint32_t to, std::int64_t prior_size) {
    const model::Property* element = nullptr;
    model::List& list = list_of_last_step(element);
    std::uint32_t from = target->path.back().index;
    check_prior_size(list, prior_size);
    if (from >= list.items.size() || to >= list.items.size())
        fail("Index out of bounds (" + std::to_string(std::max(from, to)) +
             " >= " + std::to_string(list.items.size()) + ")");
    if (from == to)
        fail("ArrayMove to same location (" + std::to_string(to) + ")");
    auto at = [&](std::uint32_t index) { return list.items.begin() + index; };
    if (from < to)
        std::rotate(at(from), at(from + 1), at(to + 1));
    else
        std::rotate(at(to), at(from), at(from + 1));
}

void Applier::Impl::array_erase(std::int64_t prior_size) {
    const model::Property* element = nullptr;
    model::List& list = list_of_last_step(element);
    std::uint32_t index = target->path.back().index;
    check_prior_size(list, prior_size);
    if (index >= list.items.size())
        fail("Index out of bounds (" + std::to_string(index) +
             " >= " + std::to_string(list.items.size()) + ")");
    list.items.erase(list.items.begin() + index);
}

void Applier::Impl::clear(Collection collection) {
    check_property();
    const model::Property& property = target->cls->properties[target->property];
    auto empty = [&](const model::Property& of, bool whole) {
        if (whole && of.collection != Collection::single) {
            if (collection != Collection::single && collection != of.collection)
                fail("the property is a collection of another kind");
            model::Property only = of;
            return model::zero_value(only);
        }
        if (of.type != kMixed)
            fail("Invalid path: not a collection");
        if (collection != Collection::list && collection != Collection::dictionary)
            fail("a Mixed value can only become a list or dictionary");
        check_depth();
        return model::Value::empty(collection == Collection::list ? Type::list : Type::dictionary);
    };
    if (target->path.empty()) {
        CachedObject& object = this->object(*target->cls, target->key);
        if (object.presence == Presence::missing)
            fail("No such object");
        cache.set_tree(object, target->property, empty(property, true));
        return;
    }
    Node place = descend_to(0);
    *place.value = empty(*place.property, place.whole);
}

model::Set& Applier::Impl::set_of_path(const Scalar& value, const model::Property*& element) {
    check_property();
    const model::Property& property = target->cls->properties[target->property];
    if (target->path.empty() && property.collection != Collection::set)
        fail("Invalid path: not a set");
    Node place = descend_to(0);
    if (place.value->set() == nullptr)
        fail("Invalid path: not a set");
    element = place.property;
    check_value(*element, value);
    return *place.value->set();
}

void Applier::Impl::set_change(const Scalar& scalar, bool insert) {
    const model::Property* element = nullptr;
    model::Set& set = set_of_path(scalar, element);
    model::Value value(scalar);
    auto at = std::lower_bound(
        set.items.begin(), set.items.end(), value,
        [](const model::Value& a, const model::Value& b) { return model::compare(a, b) < 0; });
    bool found = at != set.items.end() && model::compare(*at, value) == 0;
    if (insert && !found)
        set.items.insert(at, std::move(value));
    else if (!insert && found)
        set.items.erase(at);
}

// The public form of the same, for local writes.

namespace {

template <class Impl, class Call>
void with(Impl& impl, const char* operation, const Target& target, const Call& call) {
    impl.operation = operation;
    impl.target = &target;
    call();
    impl.target = nullptr;
}

} // namespace

void Applier::create_object(const model::Class& cls, const Key& key) {
    with(*impl_, "CreateObject", {&cls, key, model::Class::npos, {}},
         [&] { impl_->create(cls, key); });
}
void Applier::erase_object(const model::Class& cls, const Key& key) {
    with(*impl_, "EraseObject", {&cls, key, model::Class::npos, {}},
         [&] { impl_->erase(cls, key); });
}
void Applier::update(const Target& target, const Scalar& value) {
    with(*impl_, "Update", target, [&] { impl_->update(value, -1); });
}
void Applier::add_integer(const Target& target, std::int64_t amount) {
    with(*impl_, "AddInteger", target, [&] { impl_->add_integer(amount); });
}
void Applier::array_insert(const Target& target, const Scalar& value) {
    with(*impl_, "ArrayInsert", target, [&] { impl_->array_insert(value, -1); });
}
void Applier::array_move(const Target& target, std::uint32_t to) {
    with(*impl_, "ArrayMove", target, [&] { impl_->array_move(to, -1); });
}
void Applier::array_erase(const Target& target) {
    with(*impl_, "ArrayErase", target, [&] { impl_->array_erase(-1); });
}
void Applier::clear(const Target& target, Collection collection) {
    with(*impl_, "Clear", target, [&] { impl_->clear(collection); });
}
void Applier::set_insert(const Target& target, const Scalar& value) {
    with(*impl_, "SetInsert", target, [&] { impl_->set_change(value, true); });
}
void Applier::set_erase(const Target& target, const Scalar& value) {
    with(*impl_, "SetErase", target, [&] { impl_->set_change(value, false); });
}

const model::Value* Applier::peek(const model::Class& cls, const Key& key, std::size_t property) {
    impl_->operation = "read";
    impl_->target = nullptr;
    Slot* slot = impl_->cache.load(impl_->object(cls, key), property, *impl_->schema);
    if (slot == nullptr)
        return nullptr;
    if (slot->state == Slot::State::tree)
        return slot->tree.get();
    impl_->peeked = model::Value(slot->scalar);
    return &impl_->peeked;
}

} // namespace realmsync::tables
