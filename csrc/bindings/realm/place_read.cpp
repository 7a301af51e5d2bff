// Places: the ways to them, and reading what lies there.
#include "bindings/realm/place.hpp"

#include <pybind11/operators.h>

#include <functional>

namespace py = pybind11;

namespace realmsync::bindings {

using model::Value;

Place::Place(std::shared_ptr<RealmHandle> handle, int cls, py::object key)
    : handle_(std::move(handle)), cls_(cls), key_(std::move(key)), declaring_(cls) {
    Scratch unused; // keys of no type need memory besides that of key_
    native_key_ = handle_->key_of(cls, key_, unused);
}

int Place::object_class() const {
    if (property_ < 0)
        return cls_;
    return declared_ && declared_->embedded && !holds_collection() ? declared_->target_class : -1;
}

Place Place::property(int number) const {
    const int cls = object_class();
    REALMSYNC_ASSERT(cls >= 0);
    const DeclaredProperty& p =
        handle_->declared(cls).properties.at(static_cast<std::size_t>(number));
    Place result = *this;
    if (property_ < 0)
        result.property_ = number;
    else
        result.path_.push_back({true, 0, p.name});
    result.declared_ = &p;
    result.declaring_ = cls;
    result.element_ = false;
    return result;
}

Place Place::inside(PathElement element) const {
    Place result = *this;
    result.path_.push_back(std::move(element));
    if (holds_collection())
        result.element_ = true;
    else
        result.declared_ = nullptr; // a collection in a Mixed
    return result;
}

Place Place::element(std::size_t index) const {
    return inside({false, static_cast<std::uint32_t>(index), {}});
}

Place Place::element(std::string key) const { return inside({true, 0, std::move(key)}); }

bool Place::operator==(const Place& other) const {
    return cls_ == other.cls_ && property_ == other.property_ &&
           model::equal(native_key_, other.native_key_) && path_ == other.path_;
}

std::size_t Place::hash() const {
    std::size_t result = model::hash(native_key_);
    auto add = [&](std::size_t more) { result = result * 1'000'003 ^ more; };
    add(static_cast<std::size_t>(cls_));
    add(static_cast<std::size_t>(property_));
    for (const PathElement& step : path_)
        add(step.is_name ? std::hash<std::string>()(step.name) : step.index);
    return result;
}

std::vector<changeset::Step> Place::steps() const {
    std::vector<changeset::Step> steps;
    steps.reserve(path_.size());
    for (const PathElement& step : path_)
        steps.push_back({step.is_name, step.index, step.name});
    return steps;
}

void no_such_key(py::handle key) { raise_python("KeyNotFoundError", py::repr(key)); }

std::string_view possible_key(py::handle key) {
    Py_ssize_t size = 0;
    const char* text =
        PyUnicode_Check(key.ptr()) ? PyUnicode_AsUTF8AndSize(key.ptr(), &size) : nullptr;
    PyErr_Clear(); // text that is no UTF-8 is no key either
    if (!text)
        no_such_key(key);
    return {text, static_cast<std::size_t>(size)};
}

void no_collection() { raise_python("StaleAccessorError", "This collection is no more"); }

void no_object(const std::string& cls) {
    raise_python("InvalidatedObjectError",
                 "Accessing object of type " + cls + " which has been invalidated or deleted");
}

Place::Found Place::here(bool parts) const {
    REALMSYNC_ASSERT(property_ >= 0);
    Found found{handle_->see(cls_, native_key_, property_, parts || !path_.empty()), {}};
    const Seen& seen = found.seen;
    if (!seen.value)
        no_object(handle_->declared(cls_).name);
    const auto place = model::find_place(*seen.schema, *seen.property, *seen.value, steps());
    if (!place)
        raise_python("StaleAccessorError", "This collection or embedded object is no more");
    found.place = *place;
    return found;
}

// The value at a place of the core, as Python has it. `at` gives its Place, which only accessors
// need.
template <class At> py::object Place::to_python(const model::Place& lies, const At& at) const {
    const Value& value = *lies.value;
    switch (value.type()) {
    case Type::list: return handle_->make_collection(Collection::list, at());
    case Type::dictionary: return handle_->make_collection(Collection::dictionary, at());
    case Type::set: return handle_->make_collection(Collection::set, at());
    case Type::object_value: return handle_->make_object(at());
    case Type::link: return handle_->make_link(*value.link());
    default: return from_value(value, lies.type());
    }
}

bool Place::exists() const {
    if (property_ < 0)
        return handle_->exists(cls_, native_key_);
    const Seen seen = handle_->see(cls_, native_key_, property_, true);
    if (!seen.value)
        return false;
    const auto place = model::find_place(*seen.schema, *seen.property, *seen.value, steps());
    return place && place->value && !place->value->is_null();
}

py::object Place::get(int number) const {
    const Place at = property(number);
    const Found found = at.here(false);
    if (!found.place.value)
        raise_python("StaleAccessorError", "This dictionary value is no more");
    return to_python(found.place, [&] { return at; });
}

std::size_t Place::size() const {
    const Found found = here(true);
    if (const Value* value = found.place.value) {
        if (auto* list = value->list())
            return list->items.size();
        if (auto* set = value->set())
            return set->items.size();
        if (auto* dictionary = value->dictionary())
            return dictionary->items.size();
    }
    no_collection();
}

namespace {

// An element of the collection at a place.
model::Place element_of(const model::Place& collection, const Value& value) {
    const bool in_mixed = collection.collection() == Collection::single;
    return {&value, in_mixed ? nullptr : collection.property, true};
}

const model::Sequence<Value>& elements_of(const Value& value) {
    if (auto* list = value.list())
        return list->items;
    if (auto* set = value.set())
        return set->items;
    no_collection();
}

} // namespace

py::object Place::item(py::object at) const {
    const Found found = here(true);
    if (!found.place.value)
        no_collection();
    if (auto* dictionary = found.place.value->dictionary()) {
        const auto entry = dictionary->items.find(std::string(possible_key(at)));
        if (entry == dictionary->items.end())
            no_such_key(at);
        return to_python(element_of(found.place, entry->second),
                         [&] { return element(entry->first); });
    }
    const auto& items = elements_of(*found.place.value);
    const auto index = at.cast<std::int64_t>();
    const auto size = static_cast<std::int64_t>(items.size());
    const std::int64_t position = index < 0 ? index + size : index;
    if (position < 0 || position >= size)
        raise_python("OutOfBoundsError", "index " + std::to_string(index) +
                                             " is out of range: there are " + std::to_string(size) +
                                             " elements");
    const auto i = static_cast<std::size_t>(position);
    return to_python(element_of(found.place, items[i]), [&] { return element(i); });
}

int Place::members_class() const {
    const bool is_ordered = holds_collection() && declared_->collection != Collection::dictionary;
    return is_ordered && declared_->type == Type::link && !declared_->embedded
               ? declared_->target_class
               : -1;
}

model::KeyList Place::members() const {
    const int cls = members_class();
    REALMSYNC_ASSERT(cls >= 0);
    const Found found = here(true);
    if (!found.place.value)
        no_collection();
    const DeclaredClass& target = handle_->declared(cls);
    model::KeyList keys(target.key < 0
                            ? Type::global_key
                            : target.properties[static_cast<std::size_t>(target.key)].type);
    for (const Value& item : elements_of(*found.place.value))
        if (const model::Link* link = item.link())
            keys.append(link->key.view());
    return keys;
}

Place::Found Place::kept(Value& copy) const {
    Found found = here(true);
    if (!found.place.value)
        no_collection();
    if (!found.seen.held) {
        copy = found.place.value->clone();
        found.place.value = &copy;
    }
    return found;
}

py::object Place::plain(const model::Place& lies) const {
    if (const auto* dictionary = lies.value->dictionary()) {
        py::dict result;
        for (const auto& [name, value] : dictionary->items)
            result[py::str(name)] = element(name).plain(element_of(lies, value));
        return result;
    }
    if (!lies.value->list() && !lies.value->set())
        return to_python(lies, [&] { return *this; });
    py::list result;
    std::size_t index = 0;
    for (const Value& value : elements_of(*lies.value))
        result.append(element(index++).plain(element_of(lies, value)));
    return result;
}

py::object Place::plain() const {
    Value copy;
    return plain(kept(copy).place);
}

bool Place::is_accessed_by(py::handle value) const {
    if (!is_collection(value) && !is_embedded(value))
        return false;
    const py::object held = place_of(value);
    const auto& other = held.cast<const Place&>();
    return other.is_in(*handle_) && other == *this;
}

py::list Place::items() const {
    Value copy;
    const Found found = kept(copy);
    py::list result;
    if (auto* dictionary = found.place.value->dictionary()) {
        for (const auto& [name, value] : dictionary->items)
            result.append(py::make_tuple(py::str(name), to_python(element_of(found.place, value),
                                                                  [&] { return element(name); })));
        return result;
    }
    std::size_t index = 0;
    for (const Value& value : elements_of(*found.place.value)) {
        result.append(to_python(element_of(found.place, value), [&] { return element(index); }));
        ++index;
    }
    return result;
}

void bind_place(py::module_& m) {
    py::class_<Place>(m, "Place")
        .def_property_readonly("cls", &Place::object_class)
        .def_property_readonly("key", &Place::key)
        .def(py::self == py::self)
        .def("__hash__", &Place::hash)
        .def("exists", &Place::exists)
        .def("get", &Place::get)
        .def("size", &Place::size)
        .def("item", &Place::item)
        .def("items", &Place::items)
        .def("plain", py::overload_cast<>(&Place::plain, py::const_))
        .def_property_readonly("members_class", &Place::members_class)
        .def("set", &Place::set)
        .def("add", &Place::add)
        .def("reset", &Place::reset)
        .def("erase", &Place::erase)
        .def("list_insert", &Place::list_insert)
        .def("list_append", &Place::list_append)
        .def("list_set", &Place::list_set)
        .def("list_erase", &Place::list_erase)
        .def("list_extend", &Place::list_extend)
        .def("list_replace", &Place::list_replace)
        .def("list_move", &Place::list_move)
        .def("set_insert", &Place::set_insert)
        .def("set_erase", &Place::set_erase)
        .def("set_change", &Place::set_change)
        .def("dictionary_set", &Place::dictionary_set)
        .def("dictionary_update", &Place::dictionary_update)
        .def("dictionary_erase", &Place::dictionary_erase)
        .def("clear", &Place::clear);
}

} // namespace realmsync::bindings
