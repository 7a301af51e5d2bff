// Writing at places. What is a single instruction is checked before it is written; a compound write
// stands under an Undo: whole or not at all.
#include "bindings/realm/object_writer.hpp"
#include "bindings/realm/place.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

using changeset::Step;
using model::Value;
using realm::WriteTransaction;
using tables::Target;

namespace {

// Runs `write`, under an Undo when it is more than one instruction.
template <class Write> void guarded(WriteTransaction& transaction, bool compound, Write write) {
    if (!compound)
        return write();
    WriteTransaction::Undo undo(transaction);
    write();
    undo.keep();
}

} // namespace

py::object place_of(py::handle object) {
    static PyObject* const name = PyUnicode_InternFromString("_place");
    return py::getattr(object, name);
}

void Place::set(int number, py::object value) const {
    const Place at = property(number);
    const DeclaredProperty& p = *at.declared_;
    const auto path = at.steps();
    ObjectWriter writer(*handle_);
    const Target target = writer.target(cls_, native_key_, at.property_, path);
    const Where where{handle_->declared(at.declaring_).name, p.label};
    const Value& old = *writer.transaction().peek(target).value; // the object exists
    if (at.is_accessed_by(value))
        return;
    if (p.is_counter) {
        require_assignable(p, old, value.is_none(), where);
        if (is_counter(value))
            value = value.attr("value");
    }
    const bool compound = p.collection != Collection::single || p.embedded ||
                          is_compound(declared_of(p), value, where);
    guarded(writer.transaction(), compound, [&] { writer.assign(target, p, value, where); });
}

namespace {

// Runs `write` on the counter that is at a target and has a value.
template <class Write>
void count(WriteTransaction& transaction, const Target& target, const Where& where, Write write) {
    if (transaction.peek(target).value->is_null())
        raise_python("IllegalOperationError",
                     where.text() + " is None: a counter is given its first value by assignment");
    write();
}

} // namespace

void Place::add(int number, std::int64_t amount) const {
    const Place at = property(number);
    const auto path = at.steps();
    ObjectWriter writer(*handle_);
    const Target target = writer.target(cls_, native_key_, at.property_, path);
    count(writer.transaction(), target,
          {handle_->declared(at.declaring_).name, at.declared_->label},
          [&] { writer.transaction().add_integer(target, amount); });
}

void Place::reset(int number, std::int64_t value) const {
    const Place at = property(number);
    const auto path = at.steps();
    ObjectWriter writer(*handle_);
    const Target target = writer.target(cls_, native_key_, at.property_, path);
    Scalar scalar;
    scalar.type = Type::integer;
    scalar.integer = value;
    count(writer.transaction(), target,
          {handle_->declared(at.declaring_).name, at.declared_->label},
          [&] { writer.transaction().set(target, scalar); });
}

void Place::erase() const {
    if (property_ >= 0)
        return erase_embedded();
    Change change(*handle_);
    const model::Class& actual = *handle_->writing_schema().classes[static_cast<std::size_t>(cls_)];
    if (!change.transaction().exists(actual, native_key_))
        no_object(actual.name);
    change.transaction().erase(actual, native_key_);
}

// Empties the place of an embedded object; in a list it goes with its element.
void Place::erase_embedded() const {
    ObjectWriter writer(*handle_);
    const auto path = steps();
    Target target = writer.target(cls_, native_key_, property_, path);
    writer.transaction().peek(target);
    if (!path.empty() && !path.back().is_string) {
        target.path = std::span(path).first(path.size() - 1);
        writer.transaction().list_erase(target, path.back().index);
    } else {
        writer.transaction().set(target, Scalar{});
    }
}

namespace {

// The stored position of the visible element `index`: hidden links count on the wire.
std::size_t stored_index(WriteTransaction& transaction, const Target& target,
                         const Declared& declared, std::size_t index, bool inserting) {
    if (declared.type != Type::link || declared.embedded ||
        !transaction.has_hidden(*target.cls, target.key, target.property))
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

// A write to the collection that lies at a place, which must be of a certain type.
class CollectionWrite {
  public:
    explicit CollectionWrite(const Place& place)
        : writer(*place.handle_), path_(place.steps()), place_(place),
          target(writer.target(place.cls_, place.native_key_, place.property_, path_)),
          declared(place.holds_collection() ? declared_of(*place.declared_) : kUndeclared) {}
    CollectionWrite(const Place& place, Type type) : CollectionWrite(place) {
        if (this->type() != type)
            no_collection();
    }

    WriteTransaction& transaction() { return writer.transaction(); }
    Type type() {
        const Value* value = transaction().peek(target).value;
        return value ? value->type() : Type::null;
    }
    Where where() const {
        static const std::string nested = "nested collection";
        return {place_.handle_->declared(place_.declaring_).name,
                place_.declared_ ? place_.declared_->label : nested};
    }
    // The stored position of the visible element `index`.
    std::size_t stored(std::size_t index, bool inserting = false) {
        return stored_index(transaction(), target, declared, index, inserting);
    }
    // The value of a dictionary under a key; `path` is the memory of the way to it.
    Target under(std::string_view key, std::vector<Step>& path) const {
        path.assign(path_.begin(), path_.end());
        path.push_back({true, 0, key});
        Target result = target;
        result.path = path;
        return result;
    }
    void put(const Destination& to, py::handle value, const Where& where) {
        const bool compound = is_compound(declared, value, where);
        if (compound && to.kind == Destination::Kind::new_element && !writer.may_create(declared)) {
            WriteTransaction::UndoInsertion undo(transaction(), to.target, to.index);
            writer.put(to, declared, value, where);
            return undo.keep();
        }
        guarded(transaction(), compound, [&] { writer.put(to, declared, value, where); });
    }

    // Many values, each to to(its number), named by at(its number): whole or not at all.
    template <class To, class At> void put_all(const py::list& values, const To& to, const At& at) {
        if (const auto scalars = simple(values, at)) {
            for (std::size_t i = 0; i < scalars->size(); ++i)
                writer.store(to(i), (*scalars)[i]);
            return;
        }
        WriteTransaction::Undo undo(transaction());
        for (std::size_t i = 0; i < values.size(); ++i)
            writer.put(to(i), declared, values[i], at(i));
        undo.keep();
    }
    template <class To> void put_all(const py::list& values, const To& to) {
        put_all(values, to, [&, whole = where()](std::size_t i) { return whole.at(i); });
    }
    std::size_t stored_size() { return transaction().peek(target).value->list()->items.size(); }

    ObjectWriter writer;

  private:
    // All before one is written; nothing if writing one of them is more than one instruction.
    template <class At>
    std::optional<std::vector<Scalar>> simple(const py::list& values, const At& at) {
        std::vector<Scalar> scalars;
        scalars.reserve(values.size());
        for (py::handle value : values) {
            const Where where = at(scalars.size());
            if (is_compound(declared, value, where))
                return std::nullopt;
            scalars.push_back(writer.element(declared, value, where));
        }
        return scalars;
    }

    const std::vector<Step> path_;
    const Place& place_;

  public:
    const Target target;
    const Declared declared; // of the elements
};

void Place::list_insert(std::size_t index, py::object value) const {
    CollectionWrite list(*this, Type::list);
    const std::size_t at = list.stored(index, true);
    list.put({Destination::Kind::new_element, list.target, at}, value, list.where().at(index));
}

void Place::list_set(std::size_t index, py::object value) const {
    CollectionWrite list(*this, Type::list);
    const std::size_t at = list.stored(index);
    if (element(index).is_accessed_by(value))
        return;
    list.put({Destination::Kind::element, list.target, at}, value, list.where().at(index));
}

void Place::list_erase(std::size_t index) const {
    CollectionWrite list(*this, Type::list);
    list.transaction().list_erase(list.target, list.stored(index));
}

void Place::list_append(py::object value) const {
    CollectionWrite list(*this, Type::list);
    const std::size_t at = list.stored_size();
    list.put({Destination::Kind::new_element, list.target, at}, value, list.where().at(at));
}

void Place::list_extend(const py::list& values) const {
    CollectionWrite list(*this, Type::list);
    const std::size_t size = list.stored_size();
    list.put_all(values, [&](std::size_t i) {
        return Destination{Destination::Kind::new_element, list.target, size + i};
    });
}

void Place::list_replace(std::int64_t start, std::int64_t step, std::size_t count,
                         const py::list& values) const {
    CollectionWrite list(*this, Type::list);
    const auto number = [&](std::size_t i) {
        return static_cast<std::size_t>(start + step * static_cast<std::int64_t>(i));
    };
    list.put_all(values, [&](std::size_t i) {
        const bool is_new = i >= count;
        return Destination{is_new ? Destination::Kind::new_element : Destination::Kind::element,
                           list.target, list.stored(number(i), is_new)};
    });
    for (std::size_t i = count; i > values.size(); --i)
        list.transaction().list_erase(list.target, list.stored(number(i - 1)));
}

void Place::list_move(std::size_t from, std::size_t to) const {
    CollectionWrite list(*this, Type::list);
    list.transaction().list_move(list.target, list.stored(from), list.stored(to));
}

bool Place::set_insert(py::object value) const {
    CollectionWrite set(*this, Type::set);
    return set.transaction().set_insert(
        set.target, set.writer.element(set.declared, value, set.where().inside("[]")));
}

void Place::set_change(const py::list& added, const py::list& erased) const {
    CollectionWrite set(*this, Type::set);
    const auto scalars = [&](const py::list& values) {
        std::vector<Scalar> elements;
        for (py::handle value : values)
            elements.push_back(set.writer.element(set.declared, value, set.where().inside("[]")));
        return elements;
    };
    const std::vector<Scalar> coming = scalars(added), going = scalars(erased);
    for (const Scalar& value : going)
        set.transaction().set_erase(set.target, value);
    for (const Scalar& value : coming)
        set.transaction().set_insert(set.target, value);
}

bool Place::set_erase(py::object value) const {
    CollectionWrite set(*this, Type::set);
    return set.transaction().set_erase(
        set.target, set.writer.element(set.declared, value, set.where().inside("[]")));
}

void Place::dictionary_set(py::object at, py::object value) const {
    CollectionWrite dictionary(*this, Type::dictionary);
    const std::string_view key = dictionary_key(at, dictionary.where());
    if (element(std::string(key)).is_accessed_by(value))
        return;
    std::vector<Step> path;
    dictionary.put({Destination::Kind::key, dictionary.under(key, path)}, value,
                   dictionary.where().at(key));
}

void Place::dictionary_update(const py::dict& values) const {
    CollectionWrite dictionary(*this, Type::dictionary);
    const Where where = dictionary.where();
    std::vector<std::string_view> keys;
    py::list elements;
    for (auto [key, value] : values) {
        keys.push_back(dictionary_key(key, where));
        elements.append(value);
    }
    std::vector<Step> path;
    dictionary.put_all(
        elements,
        [&](std::size_t i) {
            return Destination{Destination::Kind::key, dictionary.under(keys[i], path)};
        },
        [&](std::size_t i) { return where.at(keys[i]); });
}

void Place::dictionary_erase(py::object at) const {
    CollectionWrite dictionary(*this, Type::dictionary);
    const std::string_view key = possible_key(at);
    std::vector<Step> path;
    const Target entry = dictionary.under(key, path);
    if (!dictionary.transaction().peek(entry).value)
        no_such_key(at);
    dictionary.transaction().erase_key(entry);
}

void Place::clear() const {
    CollectionWrite collection(*this);
    switch (collection.type()) {
    case Type::list: collection.transaction().clear(collection.target, Collection::list); return;
    case Type::set: collection.transaction().clear(collection.target, Collection::set); return;
    case Type::dictionary:
        collection.transaction().clear(collection.target, Collection::dictionary);
        return;
    default: no_collection();
    }
}

} // namespace realmsync::bindings
