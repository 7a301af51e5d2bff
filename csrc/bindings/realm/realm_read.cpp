// RealmHandle's reading side: live values of properties, elements and objects.
#include <pybind11/pybind11.h>

#include <optional>

#include "bindings/realm/realm_handle.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

using model::Place;
using model::Value;

std::vector<changeset::Step> to_steps(const py::tuple& path) {
    std::vector<changeset::Step> steps;
    steps.reserve(path.size());
    for (py::handle element : path) {
        changeset::Step step{};
        if (PyUnicode_Check(element.ptr())) {
            Py_ssize_t size = 0;
            const char* text = PyUnicode_AsUTF8AndSize(element.ptr(), &size);
            if (!text)
                throw py::error_already_set();
            step = {true, 0, {text, static_cast<std::size_t>(size)}};
        } else {
            step.index = element.cast<std::uint32_t>();
        }
        steps.push_back(step);
    }
    return steps;
}

Key RealmHandle::key_of(int cls, py::handle key, Scratch& scratch) const {
    const DeclaredClass& c = declared(cls);
    if (c.key < 0)
        return to_key(key, Type::global_key, Where{c.name, c.name}, scratch);
    const DeclaredProperty& p = c.properties[static_cast<std::size_t>(c.key)];
    return to_key(key, p.type, Where{c.name, p.label}, scratch);
}

// Runs use(tables, resolved) on the transaction's connection, or on the reader without the GIL:
// use must not touch Python.
template <class Use> auto RealmHandle::with_tables(Use use) {
    using Result = decltype(use(std::declval<tables::Tables&>(), std::declval<const Resolved&>()));
    if (!file_)
        raise_python("ClosedRealmError", "Cannot access realm that has been closed.");
    if (transaction_) {
        const Resolved& resolved = writing_schema();
        return use(transaction_->connection().tables, resolved);
    }
    std::optional<Result> result;
    py::gil_scoped_release release;
    file_->read([&](realm::RealmConnection& c) {
        result = use(c.tables, resolve(reader_, c.tables.schema()));
    });
    return std::move(*result);
}

namespace {

struct Read {
    model::SchemaPtr schema; // keeps the class alive
    const model::Class* cls = nullptr;
    std::size_t property = 0;
    std::optional<Value> value;
};

} // namespace

template <class Use>
auto RealmHandle::with_place(int cls, py::handle key, int property, const py::tuple& path,
                             Use use) {
    Scratch scratch;
    const Key native = key_of(cls, key, scratch);
    Read read = with_tables([&](tables::Tables& tables, const Resolved& resolved) {
        Read r;
        r.schema = resolved.schema;
        r.cls = resolved.classes[static_cast<std::size_t>(cls)];
        if (!r.cls)
            return r;
        r.property =
            resolved.properties[static_cast<std::size_t>(cls)][static_cast<std::size_t>(property)];
        r.value = tables.read(tables::kOnlyPartition, *r.schema, *r.cls, native, r.property);
        return r;
    });
    if (!read.value)
        raise_python("InvalidatedObjectError", "Accessing object of type " + declared(cls).name +
                                                   " which has been invalidated or deleted");
    const auto steps = to_steps(path);
    auto place = model::walk(*read.schema, read.cls->properties[read.property], *read.value, steps);
    if (!place)
        raise_python("StaleAccessorError", "This collection or embedded object is no more");
    return use(*place);
}

py::object RealmHandle::to_python(py::object realm, const Place& place, int cls, py::handle key,
                                  int property, const py::tuple& path) {
    const Value& value = *place.value;
    switch (value.type()) {
    case Type::list: return realm.attr("_make_collection")(1, cls, key, property, path);
    case Type::dictionary: return realm.attr("_make_collection")(2, cls, key, property, path);
    case Type::set: return realm.attr("_make_collection")(3, cls, key, property, path);
    case Type::object_value:
        return realm.attr("_make_embedded")(class_index(place.property->target), cls, key, property,
                                            path);
    case Type::link: {
        const int target = class_index(value.link()->table);
        if (target < 0) // a class that this realm does not declare
            return py::none();
        return realm.attr("_make_object")(target, from_key(value.link()->key.view()));
    }
    default: return from_value(value, place.type());
    }
}

py::object RealmHandle::get(py::object realm, int cls, py::object key, int property,
                            py::tuple path) {
    return with_place(cls, key, property, path, [&](const Place& place) -> py::object {
        if (!place.value)
            raise_python("StaleAccessorError", "This dictionary value is no more");
        return to_python(realm, place, cls, key, property, path);
    });
}

namespace {

[[noreturn]] void no_collection() {
    raise_python("StaleAccessorError", "This collection is no more");
}

py::tuple extend(const py::tuple& path, py::object last) { return path + py::make_tuple(last); }

} // namespace

std::size_t RealmHandle::size(int cls, py::object key, int property, py::tuple path) {
    return with_place(cls, key, property, path, [](const Place& place) -> std::size_t {
        if (!place.value)
            no_collection();
        if (auto* list = place.value->list())
            return list->items.size();
        if (auto* set = place.value->set())
            return set->items.size();
        if (auto* dictionary = place.value->dictionary())
            return dictionary->items.size();
        no_collection();
    });
}

py::object RealmHandle::item(py::object realm, int cls, py::object key, int property,
                             py::tuple path, py::object at) {
    return with_place(cls, key, property, path, [&](const Place& place) -> py::object {
        if (!place.value)
            no_collection();
        Place element = place;
        element.element = true;
        if (place.collection() == Collection::single) // in a Mixed
            element.property = nullptr;
        auto* list = place.value->list();
        auto* set = place.value->set();
        if (auto* dictionary = place.value->dictionary()) {
            if (!PyUnicode_Check(at.ptr()))
                raise_python("KeyNotFoundError", py::repr(at));
            auto found = dictionary->items.find(at.cast<std::string>());
            if (found == dictionary->items.end())
                raise_python("KeyNotFoundError", py::repr(at));
            element.value = &found->second;
            return to_python(realm, element, cls, key, property, extend(path, at));
        }
        if (!list && !set)
            no_collection();
        const auto& items = list ? list->items : set->items;
        const auto index = at.cast<std::int64_t>();
        const auto size = static_cast<std::int64_t>(items.size());
        const std::int64_t position = index < 0 ? index + size : index;
        if (position < 0 || position >= size)
            raise_python("OutOfBoundsError", "index " + std::to_string(index) +
                                                 " is out of range: there are " +
                                                 std::to_string(size) + " elements");
        element.value = &items[static_cast<std::size_t>(position)];
        return to_python(realm, element, cls, key, property, extend(path, py::int_(position)));
    });
}

py::list RealmHandle::items(py::object realm, int cls, py::object key, int property,
                            py::tuple path) {
    return with_place(cls, key, property, path, [&](const Place& place) {
        if (!place.value)
            no_collection();
        py::list result;
        Place element = place;
        element.element = true;
        if (place.collection() == Collection::single)
            element.property = nullptr;
        if (auto* dictionary = place.value->dictionary()) {
            for (const auto& [name, value] : dictionary->items) {
                element.value = &value;
                py::str at(name);
                result.append(py::make_tuple(
                    at, to_python(realm, element, cls, key, property, extend(path, at))));
            }
            return result;
        }
        auto* list = place.value->list();
        auto* set = place.value->set();
        if (!list && !set)
            no_collection();
        std::size_t index = 0;
        for (const Value& value : list ? list->items : set->items) {
            element.value = &value;
            const bool nested = value.is_container();
            result.append(to_python(realm, element, cls, key, property,
                                    nested ? extend(path, py::int_(index)) : path));
            ++index;
        }
        return result;
    });
}

bool RealmHandle::exists(int cls, py::object key) {
    Scratch scratch;
    const Key native = key_of(cls, key, scratch);
    if (transaction_) { // without writing what is pending
        const model::Class* c = writing_schema().classes[static_cast<std::size_t>(cls)];
        return c && transaction_->exists(*c, native);
    }
    return with_tables([&](tables::Tables& tables, const Resolved& resolved) {
        const model::Class* c = resolved.classes[static_cast<std::size_t>(cls)];
        return c && tables.exists(tables::kOnlyPartition, *c, native);
    });
}

std::uint64_t RealmHandle::count(int cls) {
    return with_tables([&](tables::Tables& tables, const Resolved& resolved) -> std::uint64_t {
        const model::Class* c = resolved.classes[static_cast<std::size_t>(cls)];
        return c ? tables.count(tables::kOnlyPartition, *c) : 0;
    });
}

py::list RealmHandle::keys(int cls, py::object after, std::size_t limit) {
    Scratch scratch;
    std::optional<Key> start;
    if (!after.is(py::ellipsis()))
        start = key_of(cls, after, scratch);
    const auto keys = with_tables([&](tables::Tables& tables, const Resolved& resolved) {
        const model::Class* c = resolved.classes[static_cast<std::size_t>(cls)];
        return c ? tables.keys(tables::kOnlyPartition, *c, start ? &*start : nullptr, limit)
                 : std::vector<model::ObjectKey>();
    });
    py::list result(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i)
        result[i] = from_key(keys[i].view());
    return result;
}

} // namespace realmsync::bindings
