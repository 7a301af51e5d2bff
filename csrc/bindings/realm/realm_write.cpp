// RealmHandle's writing side. What is a single instruction is checked before it is written; a
// compound write is a Step: whole or not at all.
#include <pybind11/pybind11.h>

#include "bindings/realm/object_writer.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

using changeset::Step;
using model::Value;
using realm::WriteTransaction;
using tables::Target;

py::object RealmHandle::create(py::object realm, int cls, py::object values,
                               OnExisting on_existing) {
    const std::string& name = declared(cls).name;
    const py::dict given = to_mapping(values, Where{name, name});
    ObjectWriter writer(*this, std::move(realm), on_existing);
    // Links, collections and embedded objects may fail half-way; scalars alone cannot.
    bool compound = on_existing != OnExisting::refuse;
    for (auto [key, value] : given)
        compound |= PyDict_Check(value.ptr()) || PyList_Check(value.ptr()) ||
                    PyTuple_Check(value.ptr()) || PyAnySet_Check(value.ptr()) ||
                    (Py_TYPE(value.ptr())->tp_iter && !PyUnicode_Check(value.ptr()) &&
                     !PyBytes_Check(value.ptr()));
    for (const auto& p : declared(cls).properties)
        compound |= p.has_default && p.collection != Collection::single;
    if (!compound)
        return writer.create(cls, given);
    WriteTransaction::Step step(transaction());
    py::object key = writer.create(cls, given);
    step.keep();
    return key;
}

void RealmHandle::set(py::object realm, int cls, py::object key, int property, py::tuple path,
                      py::object value) {
    ObjectWriter writer(*this, std::move(realm));
    const auto steps = to_steps(path);
    const Target target = writer.target(cls, key, property, steps);
    const auto governing = writer.governing(cls, property, steps);
    if (!governing.property)
        raise_python("StaleAccessorError", "This place holds no property");
    const DeclaredProperty& p = *governing.property;
    const Where where{declared(governing.cls).name, p.label};
    transaction().peek(target); // the object exists
    const bool simple =
        p.collection == Collection::single && !p.embedded &&
        (value.is_none() || is_managed(value) || (p.type != Type::link && p.type != kMixed) ||
         (p.type == kMixed && mixed_shape(value, where) == Shape::scalar));
    if (simple) {
        writer.assign(target, p, value, where);
        return;
    }
    WriteTransaction::Step step(transaction());
    writer.assign(target, p, value, where);
    step.keep();
}

void RealmHandle::erase(int cls, py::object key) {
    Scratch scratch;
    const Key native = key_of(cls, key, scratch);
    const model::Class& actual = *writing_schema().classes[static_cast<std::size_t>(cls)];
    if (!transaction().exists(actual, native))
        raise_python("InvalidatedObjectError", "Accessing object of type " + actual.name +
                                                   " which has been invalidated or deleted");
    transaction().erase(actual, native);
}

void RealmHandle::erase_embedded(int cls, py::object key, int property, py::tuple path) {
    ObjectWriter writer(*this, py::none());
    const auto steps = to_steps(path);
    Target target = writer.target(cls, key, property, steps);
    transaction().peek(target);
    if (!steps.empty() && !steps.back().is_string) {
        target.path = std::span(steps).first(steps.size() - 1);
        transaction().list_erase(target, steps.back().index);
    } else {
        transaction().set(target, Scalar{});
    }
}

namespace {

// The stored position of the visible element `index`: hidden links count on the wire.
std::size_t stored_index(WriteTransaction& transaction, const Target& target,
                         const Declared& declared, std::size_t index, bool inserting) {
    if (declared.type != Type::link || declared.embedded)
        return index;
    const model::SchemaPtr schema = transaction.schema();
    const Value* value = transaction.peek(target).value;
    std::vector<model::Link> links;
    for (const Value& item : value->list()->items)
        links.push_back({item.link()->table, item.link()->key});
    std::size_t visible = 0;
    for (std::size_t i = 0; i < links.size(); ++i) {
        const model::Class* cls = schema->find(links[i].table);
        if (!cls || !transaction.exists(*cls, links[i].key.view()))
            continue;
        if (visible++ == index)
            return i;
    }
    if (inserting && visible == index)
        return links.size();
    raise_python("OutOfBoundsError", "index " + std::to_string(index) +
                                         " is out of range: the list has " +
                                         std::to_string(visible) + " elements");
}

} // namespace

// The collection that a Python call is about.
class CollectionCall {
  public:
    CollectionCall(RealmHandle& handle, WriteTransaction& transaction, py::object realm, int cls,
                   py::handle key, int property, const py::tuple& path)
        : writer(handle, std::move(realm)), transaction_(transaction), steps_(to_steps(path)),
          target(writer.target(cls, key, property, steps_)) {
        const auto g = writer.governing(cls, property, steps_);
        declared_ = g.property && !g.element && g.property->collection != Collection::single;
        property_ = g.property;
        class_name_ = &handle.class_name(g.cls);
    }
    Declared declared() const { return declared_ ? declared_of(*property_) : kUndeclared; }
    Where where(std::string suffix = {}) const {
        static const std::string nested = "nested collection";
        return {*class_name_, property_ ? property_->label : nested, std::move(suffix)};
    }
    void require(Type type) {
        const Value* value = transaction_.peek(target).value;
        if (!value || value->type() != type)
            raise_python("StaleAccessorError", "This collection is no more");
    }
    // Whether writing `value` is more than one instruction.
    bool compound(py::handle value) const {
        const Declared d = declared();
        return d.embedded || (d.type == Type::link && !is_managed(value)) ||
               (d.type == kMixed && mixed_shape(value, where()) != Shape::scalar);
    }

    ObjectWriter writer;

  private:
    WriteTransaction& transaction_;
    std::vector<Step> steps_;
    const DeclaredProperty* property_;
    const std::string* class_name_;
    bool declared_;

  public:
    const Target target;
};

namespace {

// Runs `write`, as a Step when it is more than one instruction.
template <class Write> void guarded(WriteTransaction& transaction, bool compound, Write write) {
    if (!compound)
        return write();
    WriteTransaction::Step step(transaction);
    write();
    step.keep();
}

std::string in_brackets(std::size_t index) { return "[" + std::to_string(index) + "]"; }

} // namespace

void RealmHandle::list_insert(py::object realm, int cls, py::object key, int property,
                              py::tuple path, std::size_t index, py::object value) {
    CollectionCall list(*this, transaction(), realm, cls, key, property, path);
    list.require(Type::list);
    const std::size_t at = stored_index(transaction(), list.target, list.declared(), index, true);
    guarded(transaction(), list.compound(value), [&] {
        list.writer.put({Destination::Kind::new_element, list.target, at}, list.declared(), value,
                        list.where(in_brackets(index)));
    });
}

void RealmHandle::list_set(py::object realm, int cls, py::object key, int property, py::tuple path,
                           std::size_t index, py::object value) {
    CollectionCall list(*this, transaction(), realm, cls, key, property, path);
    list.require(Type::list);
    const std::size_t at = stored_index(transaction(), list.target, list.declared(), index, false);
    guarded(transaction(), list.compound(value), [&] {
        list.writer.put({Destination::Kind::element, list.target, at}, list.declared(), value,
                        list.where(in_brackets(index)));
    });
}

void RealmHandle::list_erase(int cls, py::object key, int property, py::tuple path,
                             std::size_t index) {
    CollectionCall list(*this, transaction(), py::none(), cls, key, property, path);
    list.require(Type::list);
    transaction().list_erase(
        list.target, stored_index(transaction(), list.target, list.declared(), index, false));
}

void RealmHandle::list_move(int cls, py::object key, int property, py::tuple path, std::size_t from,
                            std::size_t to) {
    CollectionCall list(*this, transaction(), py::none(), cls, key, property, path);
    list.require(Type::list);
    transaction().list_move(list.target,
                            stored_index(transaction(), list.target, list.declared(), from, false),
                            stored_index(transaction(), list.target, list.declared(), to, false));
}

bool RealmHandle::set_insert(py::object realm, int cls, py::object key, int property,
                             py::tuple path, py::object value) {
    CollectionCall set(*this, transaction(), realm, cls, key, property, path);
    set.require(Type::set);
    return transaction().set_insert(set.target,
                                    set.writer.element(set.declared(), value, set.where()));
}

bool RealmHandle::set_erase(py::object realm, int cls, py::object key, int property, py::tuple path,
                            py::object value) {
    CollectionCall set(*this, transaction(), realm, cls, key, property, path);
    set.require(Type::set);
    return transaction().set_erase(set.target,
                                   set.writer.element(set.declared(), value, set.where()));
}

void RealmHandle::dictionary_set(py::object realm, int cls, py::object key, int property,
                                 py::tuple path, py::object at, py::object value) {
    CollectionCall dictionary(*this, transaction(), realm, cls, key, property, path);
    dictionary.require(Type::dictionary);
    std::vector<Step> steps(dictionary.target.path.begin(), dictionary.target.path.end());
    const std::string_view name = dictionary_key(at, dictionary.where());
    steps.push_back({true, 0, name});
    Target place = dictionary.target;
    place.path = steps;
    guarded(transaction(), dictionary.compound(value), [&] {
        dictionary.writer.put({Destination::Kind::key, place}, dictionary.declared(), value,
                              dictionary.where("[\"" + std::string(name) + "\"]"));
    });
}

void RealmHandle::dictionary_erase(int cls, py::object key, int property, py::tuple path,
                                   py::object at) {
    CollectionCall dictionary(*this, transaction(), py::none(), cls, key, property, path);
    dictionary.require(Type::dictionary);
    if (!PyUnicode_Check(at.ptr()))
        raise_python("KeyNotFoundError", py::repr(at));
    const std::string name = at.cast<std::string>();
    std::vector<Step> steps(dictionary.target.path.begin(), dictionary.target.path.end());
    steps.push_back({true, 0, name});
    Target place = dictionary.target;
    place.path = steps;
    if (!transaction().peek(place).value)
        raise_python("KeyNotFoundError", py::repr(at));
    transaction().erase_key(place);
}

void RealmHandle::clear(int cls, py::object key, int property, py::tuple path) {
    CollectionCall call(*this, transaction(), py::none(), cls, key, property, path);
    const Value* value = transaction().peek(call.target).value;
    const Type type = value ? value->type() : Type::null;
    if (type == Type::list)
        transaction().clear(call.target, Collection::list);
    else if (type == Type::dictionary)
        transaction().clear(call.target, Collection::dictionary);
    else if (type == Type::set)
        transaction().clear(call.target, Collection::set);
    else
        raise_python("StaleAccessorError", "This collection is no more");
}

} // namespace realmsync::bindings
