// A place in a realm's data, as Python's accessors hold one: an object, one of its properties, or
// something inside of a property's value. It owns the way there and no data: every call sees what
// is there now. What a place can do is what lies there can: objects get and set properties,
// collections have elements. Reading is in place_read.cpp, writing in place_write.cpp; how a way
// leads through a value of the core is model/place.hpp.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bindings/realm/realm_handle.hpp"
#include "changeset/writer.hpp"
#include "model/key_list.hpp"
#include "model/place.hpp"

namespace realmsync::bindings {

class Place {
  public:
    // An object by class and key, whether it exists or not. Raises for a key of the wrong type.
    Place(std::shared_ptr<RealmHandle> handle, int cls, pybind11::object key);

    // Places in what lies here: a property of the object, an element of the collection.
    Place property(int number) const;
    Place element(std::size_t index) const;
    Place element(std::string key) const;

    bool is_in(const RealmHandle& handle) const { return handle_.get() == &handle; }
    // The object that everything here belongs to.
    int cls() const { return cls_; }
    const pybind11::object& key() const { return key_; }
    const Key& native_key() const { return native_key_; }
    // The class of the object that lies here; -1: a collection or a value.
    int object_class() const;
    // The same way from the same object, in realms of the same declaration.
    bool operator==(const Place& other) const;
    std::size_t hash() const;

    // Reading: in a transaction what it has written too. InvalidatedObjectError when the object is
    // no more, StaleAccessorError when the way leads nowhere (any more).
    bool exists() const; // of objects: false instead of an error
    pybind11::object get(int property) const;
    std::size_t size() const;
    pybind11::object item(pybind11::object at) const; // KeyNotFoundError for an absent key
    pybind11::list items() const;                     // of a dictionary: pairs
    // A collection as Python's own lists and dicts, what is inside of it, too; elements of a set as
    // a list. Objects stay accessors.
    pybind11::object plain() const;
    // The class of the objects that a list or set of links holds, -1 for everything else.
    int members_class() const;
    model::KeyList members() const; // their keys in its order; of these alone

    // Writing: WrongTransactionStateError outside of a transaction.
    void set(int property, pybind11::object value) const;
    // Of counters: adds to one that is not null; overwrites one that has a value.
    void add(int property, std::int64_t amount) const;
    void reset(int property, std::int64_t value) const;
    void erase() const; // the object
    void list_insert(std::size_t index, pybind11::object value) const;
    void list_append(pybind11::object value) const; // behind hidden links, too
    void list_set(std::size_t index, pybind11::object value) const;
    void list_erase(std::size_t index) const;
    // Many at once, whole or not at all. Behind the last element; and in place of `count` elements
    // from `start` on in steps, where more or fewer may come if the step is 1.
    void list_extend(const pybind11::list& values) const;
    void list_replace(std::int64_t start, std::int64_t step, std::size_t count,
                      const pybind11::list& values) const;
    void list_move(std::size_t from, std::size_t to) const;
    bool set_insert(pybind11::object value) const;
    bool set_erase(pybind11::object value) const;
    void set_change(const pybind11::list& added, const pybind11::list& erased) const;
    void dictionary_set(pybind11::object at, pybind11::object value) const;
    void dictionary_update(const pybind11::dict& values) const;
    void dictionary_erase(pybind11::object at) const; // KeyNotFoundError for an absent key
    void clear() const;

  private:
    friend class CollectionWrite;

    // A step into a property's value: an index, a dictionary key or the name of a property of an
    // embedded object.
    struct PathElement {
        bool is_name;
        std::uint32_t index;
        std::string name;
        bool operator==(const PathElement&) const = default;
    };
    struct Found {
        Seen seen; // what `place` points into
        model::Place place;
    };
    Place inside(PathElement element) const;
    std::vector<changeset::Step> steps() const; // they live as long as this place
    Found here(bool parts) const;               // `parts` as in RealmHandle::see
    template <class At> pybind11::object to_python(const model::Place& lies, const At& at) const;
    Found kept(model::Value& copy) const; // of a collection: Python may do anything meanwhile
    pybind11::object plain(const model::Place& lies) const; // which lies here
    bool is_accessed_by(pybind11::handle value) const; // an accessor: assigning it changes nothing
    bool holds_collection() const {
        return declared_ && !element_ && declared_->collection != Collection::single;
    }
    void erase_embedded() const;

    std::shared_ptr<RealmHandle> handle_;
    int cls_;
    pybind11::object key_;
    Key native_key_;    // its text is that of key_
    int property_ = -1; // of the object; -1: the object itself
    std::vector<PathElement> path_;
    // The declaration that governs this place and the class that makes it. Null: the object itself,
    // or inside a Mixed, where anything may lie.
    const DeclaredProperty* declared_ = nullptr;
    int declaring_;
    bool element_ = false; // an element of declared_, not declared_ itself
};

// The Place that an Object or EmbeddedObject of Python holds.
pybind11::object place_of(pybind11::handle object);

[[noreturn]] void no_collection();                   // StaleAccessorError
[[noreturn]] void no_such_key(pybind11::handle key); // KeyNotFoundError
// What a dictionary may have as a key; KeyNotFoundError for what is no text, or none in UTF-8.
// Borrows from it.
std::string_view possible_key(pybind11::handle key);
[[noreturn]] void no_object(const std::string& cls); // InvalidatedObjectError

void bind_place(pybind11::module_& m);

} // namespace realmsync::bindings
