#include "bindings/realm/object_writer.hpp"

#include <algorithm>
#include <optional>

#include "bindings/realm/place.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

using changeset::Step;
using model::Value;
using realm::WriteTransaction;
using tables::Target;
using Given = WriteTransaction::Given;

namespace {

Scalar marker(Type type) {
    Scalar scalar;
    scalar.type = type;
    return scalar;
}

// A place inside of `target`; `path` is the memory of the way to it.
Target below(const Target& target, std::vector<Step>& path, Step step) {
    path.assign(target.path.begin(), target.path.end());
    path.push_back(step);
    return {target.cls, target.key, target.property, path};
}

// Where the value is once it is written, for what comes into it.
Target written(const Destination& to, std::vector<Step>& path) {
    if (to.kind == Destination::Kind::property || to.kind == Destination::Kind::key)
        return to.target;
    return below(to.target, path, {false, static_cast<std::uint32_t>(to.index), {}});
}

} // namespace

bool is_compound(const Declared& declared, py::handle value, const Where& where) {
    if (value.is_none())
        return false;
    return declared.embedded || (declared.type == Type::link && !is_managed(value)) ||
           (declared.type == kMixed && mixed_shape(value, where) >= Shape::list);
}

void require_top_level(const DeclaredClass& cls) {
    if (cls.kind == TableKind::embedded)
        raise_python("IllegalOperationError",
                     "Explicit creation of embedded object not allowed: '" + cls.name + "'");
}

void key_is_taken(const std::string& cls, const Key& key) {
    raise(ErrorKind::object_exists, "Attempting to create an object of type '" + cls +
                                        "' with an existing primary key value '" +
                                        model::to_text(key) + "'.");
}

bool is_unchanged(const Value& old, const Scalar& value) {
    if (old.is_container())
        return false;
    const Value fresh(value);
    return fresh.type() == old.type() && model::compare(fresh, old) == 0;
}

void require_assignable(const DeclaredProperty& p, const Value& old, bool to_null,
                        const Where& where) {
    if (!p.nullable || (!old.is_null() && !to_null))
        raise(ErrorKind::illegal_operation, // also without the GIL
              where.text() + " is a counter: it is changed by increment(), decrement() and set(),"
                             " not by assignment");
}

Target ObjectWriter::target(int cls, const Key& key, int property,
                            std::span<const Step> path) const {
    const auto c = static_cast<std::size_t>(cls);
    return {resolved_.classes[c], key, resolved_.properties[c][static_cast<std::size_t>(property)],
            path};
}

py::handle ObjectWriter::given(const py::dict& values, const DeclaredProperty& p) {
    const py::handle value = given_value(values, p);
    if (value && p.is_counter && is_counter(value))
        return scratch_.objects.emplace_front(value.attr("value"));
    return value;
}

// Whether all values are scalars and links to existing objects: then scalars_ and given_ hold
// them, no other name is among them, one INSERT writes the object and nothing can fail half-way.
bool ObjectWriter::fill_simple(const DeclaredClass& c, std::size_t cls, const py::dict& values) {
    const model::Class& actual = *resolved_.classes[cls];
    scalars_.assign(actual.properties.size(), Scalar{});
    given_.assign(actual.properties.size(), Given::no);
    std::size_t found = 0;
    for (std::size_t i = 0; i < c.properties.size(); ++i) {
        const DeclaredProperty& p = c.properties[i];
        if (static_cast<int>(i) == c.key) {
            found += static_cast<bool>(given_value(values, p));
            continue;
        }
        py::handle value = given(values, p);
        found += static_cast<bool>(value);
        const Where where{c.name, p.label};
        const std::size_t at = resolved_.properties[cls][i];
        given_[at] = value ? Given::yes : Given::as_default;
        if (!value) {
            auto initial = initial_value(c, p, values, where);
            if (!initial) {
                given_[at] = Given::no;
                continue;
            }
            value = scratch_.objects.emplace_front(std::move(*initial));
        }
        if (p.collection != Collection::single)
            return false;
        if (value.is_none()) {
            if (!p.nullable)
                not_nullable(where);
        } else if (p.type == Type::link) {
            if (p.embedded || !is_managed(value))
                return false;
            scalars_[at].type = Type::link;
            scalars_[at].link = link(value, declared_of(p), where);
        } else if (p.type == kMixed) {
            const Shape shape = mixed_shape(value, where);
            if (shape == Shape::object) {
                scalars_[at].type = Type::link;
                scalars_[at].link = link(value, kUndeclared, where);
            } else if (shape == Shape::scalar) {
                scalars_[at] = to_scalar(value, kMixed, where, scratch_);
            } else {
                return false;
            }
        } else {
            scalars_[at] = to_scalar(value, p.type, where, scratch_);
        }
    }
    require_properties(c, values, found);
    return true;
}

const LinkTarget* ObjectWriter::link(py::handle value, const Declared& declared,
                                     const Where& where) {
    const py::object& held = scratch_.objects.emplace_front(place_of(value));
    const auto& object = held.cast<const Place&>();
    if (!object.is_in(handle_))
        raise_python("ObjectTypeMismatchError", where.text() + ": the object is of another realm");
    const std::string& cls = handle_.declared(object.cls()).name;
    if (declared.type == Type::link && object.cls() != declared.target_class)
        raise_python("ObjectTypeMismatchError", where.text() + ": expected an object of class '" +
                                                    handle_.declared(declared.target_class).name +
                                                    "', got '" + cls + "'");
    const model::Class* actual = resolved_.classes[static_cast<std::size_t>(object.cls())];
    if (!actual || !transaction_.exists(*actual, object.native_key()))
        no_object(cls);
    return &scratch_.links.emplace_front(LinkTarget{cls, object.native_key()});
}

py::object ObjectWriter::create(int cls, const py::dict& values, bool is_guarded) {
    const DeclaredClass& c = handle_.declared(cls);
    require_top_level(c);
    const auto index = static_cast<std::size_t>(cls);
    const model::Class& actual = *resolved_.classes[index];
    py::object key;
    if (c.key >= 0) {
        const DeclaredProperty& p = c.properties[static_cast<std::size_t>(c.key)];
        const Where where{c.name, p.label};
        if (py::handle given = given_value(values, p))
            key = py::reinterpret_borrow<py::object>(given);
        else if (auto initial = initial_value(c, p, values, where))
            key = std::move(*initial);
        else
            missing(c, values, where);
        if (key.is_none() && !p.nullable)
            not_nullable(where);
    } else { // an identity that nobody else will draw
        auto bits = py::module_::import("secrets").attr("randbits");
        key = py::make_tuple(bits(64), bits(64));
    }
    scratch_.objects.emplace_front(key);
    const Key native = handle_.key_of(cls, key, scratch_);
    const bool is_update =
        on_existing_ != OnExisting::refuse && transaction_.exists(actual, native);
    if (!is_update && fill_simple(c, index, values)) {
        if (!transaction_.create(actual, native, scalars_, given_))
            key_is_taken(c.name, native);
        return key;
    }
    require_properties(c, values);
    if (!is_update && transaction_.exists(actual, native))
        key_is_taken(c.name, native);
    std::optional<WriteTransaction::Undo> undo; // from here on it may fail half-way
    if (!is_guarded)
        undo.emplace(transaction_);
    if (!is_update)
        transaction_.create(actual, native);
    update(cls, native, values, !is_update);
    if (undo)
        undo->keep();
    return key;
}

void ObjectWriter::update(int cls, const Key& key, const py::dict& values, bool created) {
    const DeclaredClass& c = handle_.declared(cls);
    for (std::size_t i = 0; i < c.properties.size(); ++i) {
        const DeclaredProperty& p = c.properties[i];
        if (static_cast<int>(i) == c.key)
            continue;
        const Where where{c.name, p.label};
        const Target place = target(cls, key, static_cast<int>(i), {});
        if (py::handle value = given(values, p)) {
            if (!created && on_existing_ == OnExisting::update_changed &&
                unchanged(place, p, value, where))
                continue;
            if (!created && p.is_counter)
                require_assignable(p, *transaction_.peek(place).value, value.is_none(), where);
            assign(place, p, value, where);
        } else if (!created) {
            continue;
        } else if (auto initial = initial_value(c, p, values, where)) {
            assign(place, p, *initial, where, true);
        }
    }
}

// Scalars, links and collections of scalars by value; anything else counts as changed.
bool ObjectWriter::unchanged(const Target& target, const DeclaredProperty& p, py::handle value,
                             const Where& where) {
    auto same = [&](const Value& old, py::handle other) {
        if (other.is_none())
            return old.is_null();
        if (p.embedded || old.is_container())
            return false;
        if (p.type == Type::link || (p.type == kMixed && is_managed(other))) {
            if (!is_managed(other) || !old.link())
                return false;
            const LinkTarget* l =
                link(other, p.type == kMixed ? kUndeclared : declared_of(p), where);
            return old.link()->table == l->table && model::equal(old.link()->key.view(), l->key);
        }
        if (p.type == kMixed && mixed_shape(other, where) != Shape::scalar)
            return false;
        return is_unchanged(old, to_scalar(other, p.type, where, scratch_));
    };
    if (p.collection == Collection::single)
        return same(*transaction_.peek(target).value, value);
    if (p.collection == Collection::list) {
        const py::list items = to_elements(value, where, "a list"); // may read what peek() reads
        const auto& old = transaction_.peek(target).value->list()->items;
        if (items.size() != old.size())
            return false;
        std::size_t i = 0;
        for (const Value& element : old)
            if (!same(element, items[i++]))
                return false;
        return true;
    }
    return false;
}

void ObjectWriter::assign(const Target& target, const DeclaredProperty& p, py::handle value,
                          const Where& where, bool is_default) {
    switch (p.collection) {
    case Collection::single:
        put({Destination::Kind::property, target, 0, is_default}, declared_of(p), value, where);
        return;
    case Collection::list: {
        const py::list values = to_elements(value, where, "a list");
        transaction_.clear(target, Collection::list);
        fill_list(target, declared_of(p), values, where);
        return;
    }
    case Collection::set: {
        const py::list values = to_elements(value, where, "a set");
        transaction_.clear(target, Collection::set);
        const Where inside = where.inside("[]");
        for (py::handle value_of_set : values)
            transaction_.set_insert(target, element(declared_of(p), value_of_set, inside));
        return;
    }
    case Collection::dictionary: {
        const py::dict values = to_mapping(value, where);
        transaction_.clear(target, Collection::dictionary);
        fill_dictionary(target, declared_of(p), values, where);
        return;
    }
    }
}

void ObjectWriter::fill_list(const Target& target, const Declared& declared, const py::list& values,
                             const Where& where) {
    // Behind what is there; hidden links count.
    const Value* list = transaction_.peek(target).value;
    std::size_t index = list && list->list() ? list->list()->items.size() : 0;
    std::size_t number = 0;
    for (py::handle value : values)
        put({Destination::Kind::new_element, target, index++}, declared, value, where.at(number++));
}

void ObjectWriter::fill_dictionary(const Target& target, const Declared& declared,
                                   const py::dict& values, const Where& where) {
    std::vector<Step> path;
    for (auto [key, value] : values) {
        const std::string_view name = dictionary_key(key, where);
        put({Destination::Kind::key, below(target, path, {true, 0, name})}, declared, value,
            where.at(name));
    }
}

void ObjectWriter::put(const Destination& to, const Declared& declared, py::handle value,
                       const Where& where) {
    if (value.is_none()) {
        if (!declared.nullable)
            not_nullable(where);
        store(to, Scalar{});
    } else if (declared.embedded) {
        put_embedded(to, declared.target_class, value, where);
    } else if (declared.type == Type::link) {
        put_link(to, declared, value, where);
    } else if (declared.type == kMixed) {
        put_mixed(to, value, where);
    } else {
        store(to, to_scalar(value, declared.type, where, scratch_));
    }
}

void ObjectWriter::store(const Destination& to, const Scalar& scalar) {
    switch (to.kind) {
    case Destination::Kind::property:
    case Destination::Kind::key: transaction_.set(to.target, scalar, to.is_default); break;
    case Destination::Kind::new_element:
        transaction_.list_insert(to.target, to.index, scalar);
        break;
    case Destination::Kind::element: transaction_.list_set(to.target, to.index, scalar); break;
    }
}

void ObjectWriter::put_embedded(const Destination& to, int cls, py::handle value,
                                const Where& where) {
    if (is_embedded(value) || is_managed(value))
        raise_python("IllegalOperationError",
                     where.text() + ": an embedded object has one owner; assign its values");
    const py::dict fields = to_mapping(value, where);
    // Another object takes the place of the old one, whose properties must not shine through.
    Destination fresh = to;
    if (to.kind == Destination::Kind::element) {
        transaction_.list_erase(to.target, to.index);
        fresh.kind = Destination::Kind::new_element;
    } else if (to.kind == Destination::Kind::property &&
               !transaction_.peek(to.target).value->is_null()) {
        store(to, Scalar{});
    } else if (to.kind == Destination::Kind::key) {
        // Also where nothing is: another device may be creating the same key (merge-rules.md R8).
        store(to, marker(Type::erased));
    }
    store(fresh, marker(Type::object_value));
    std::vector<Step> path;
    fill_embedded(written(fresh, path), cls, fields);
}

void ObjectWriter::put_link(const Destination& to, const Declared& declared, py::handle value,
                            const Where& where) {
    Scalar scalar = marker(Type::link);
    if (is_managed(value)) {
        scalar.link = link(value, declared, where);
    } else if (PyDict_Check(value.ptr())) {
        if (declared.target_class < 0)
            raise_python("NoSuchTableError", where.text() + " links to an undeclared class");
        const auto& created = scratch_.objects.emplace_front(
            ObjectWriter(handle_, on_existing_)
                .create(declared.target_class, py::reinterpret_borrow<py::dict>(value), true));
        scalar.link = &scratch_.links.emplace_front(
            LinkTarget{handle_.declared(declared.target_class).name,
                       handle_.key_of(declared.target_class, created, scratch_)});
    } else {
        raise_python("PropertyTypeError", "Expected " + where.text() +
                                              " to be an object of class '" +
                                              handle_.declared(declared.target_class).name +
                                              "', got " + Py_TYPE(value.ptr())->tp_name);
    }
    store(to, scalar);
}

void ObjectWriter::put_mixed(const Destination& to, py::handle value, const Where& where) {
    const Shape shape = mixed_shape(value, where);
    switch (shape) {
    case Shape::scalar: store(to, to_scalar(value, kMixed, where, scratch_)); return;
    case Shape::object: {
        Scalar scalar = marker(Type::link);
        scalar.link = link(value, kUndeclared, where);
        store(to, scalar);
        return;
    }
    case Shape::list:
    case Shape::dictionary: break;
    }
    std::vector<Step> path;
    const Target inner = written(to, path);
    if (inner.path.size() >= model::kMaxDepth)
        too_deep(where);
    if (shape == Shape::list) {
        const py::list values = to_elements(value, where, "a list");
        store(to, marker(Type::list));
        transaction_.clear(inner, Collection::list);
        fill_list(inner, kUndeclared, values, where);
    } else {
        const py::dict values = to_mapping(value, where);
        store(to, marker(Type::dictionary));
        transaction_.clear(inner, Collection::dictionary);
        fill_dictionary(inner, kUndeclared, values, where);
    }
}

void ObjectWriter::fill_embedded(const Target& target, int cls, const py::dict& values) {
    const DeclaredClass& c = handle_.declared(cls);
    require_properties(c, values);
    std::vector<Step> path;
    for (const DeclaredProperty& p : c.properties) {
        const Where field{c.name, p.label};
        const Target place = below(target, path, {true, 0, p.name});
        if (py::handle value = given(values, p))
            assign(place, p, value, field);
        else if (auto initial = initial_value(c, p, values, field))
            assign(place, p, *initial, field, true);
    }
}

bool ObjectWriter::may_create(const Declared& declared) const {
    std::vector<bool> seen(resolved_.classes.size());
    const auto may = [&](const auto& again, const Declared& of) -> bool {
        if (of.type != Type::link || of.target_class < 0)
            return false;
        const auto cls = static_cast<std::size_t>(of.target_class);
        if (!of.embedded || seen[cls])
            return !of.embedded;
        seen[cls] = true;
        const auto& properties = handle_.declared(of.target_class).properties;
        return std::any_of(properties.begin(), properties.end(),
                           [&](const DeclaredProperty& p) { return again(again, declared_of(p)); });
    };
    return may(may, declared);
}

Scalar ObjectWriter::element(const Declared& declared, py::handle value, const Where& where) {
    Scalar scalar;
    if (value.is_none()) {
        if (!declared.nullable)
            not_nullable(where);
        return scalar;
    }
    if (declared.type == Type::link || (declared.type == kMixed && is_managed(value))) {
        if (!is_managed(value))
            raise_python("PropertyTypeError", "Expected " + where.text() +
                                                  " to be an object of class '" +
                                                  handle_.declared(declared.target_class).name +
                                                  "', got " + Py_TYPE(value.ptr())->tp_name);
        scalar.type = Type::link;
        scalar.link = link(value, declared, where);
        return scalar;
    }
    if (declared.type == kMixed) {
        const Shape shape = mixed_shape(value, where);
        if (shape != Shape::scalar)
            raise_python("PropertyTypeError",
                         where.text() + ": lists and dictionaries within a set are not supported");
    }
    return to_scalar(value, declared.type, where, scratch_);
}

} // namespace realmsync::bindings
