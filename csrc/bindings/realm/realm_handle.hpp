// What realmsync.Realm holds: the file, the declared classes in the numbering that Python uses, and
// the current write transaction. Lifecycle and schema are in realm.cpp, reading in
// realm_read.cpp, writing in realm_write.cpp; columns at once in realm_bulk.cpp. Every method is
// called with the GIL, by one thread at a time.
//
// A place in the data is (class, key, property, path): class and property by their declared
// numbers, the path a tuple of list indexes and dictionary keys or names of embedded properties.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "bindings/values/convert.hpp"
#include "bindings/values/declared.hpp"
#include "realm/realm_file.hpp"
#include "realm/write_transaction.hpp"

namespace realmsync::bindings {

// The declared classes in one connection's schema. Absent classes are null.
struct Resolved {
    model::SchemaPtr schema;
    std::vector<const model::Class*> classes;
    std::vector<std::vector<std::size_t>> properties;
};

// What create() does when an object with the key exists (data-model.md 18.3): raises, or sets the
// given properties, of those only what differs or all.
enum class OnExisting { refuse, update_changed, update_all };

class RealmHandle {
  public:
    RealmHandle(std::shared_ptr<realm::RealmFile> file) : file_(std::move(file)) {}

    const std::shared_ptr<realm::RealmFile>& file() const { return file_; }
    void declare(const pybind11::list& classes); // as _core.pyi describes
    std::uint64_t apply_schema(std::uint64_t now);
    pybind11::list file_schema();
    void close();

    void begin();
    bool try_begin();
    std::pair<std::uint64_t, std::uint64_t> commit(std::uint64_t now, bool deferred);
    void rollback();
    const std::string& class_name(int cls) const { return declared(cls).name; }
    bool writing() const { return transaction_ != nullptr; }

    // Reading: in a transaction what it has written too.
    pybind11::object get(pybind11::object realm, int cls, pybind11::object key, int property,
                         pybind11::tuple path);
    std::size_t size(int cls, pybind11::object key, int property, pybind11::tuple path);
    // An element; an absent dictionary key raises KeyNotFoundError.
    pybind11::object item(pybind11::object realm, int cls, pybind11::object key, int property,
                          pybind11::tuple path, pybind11::object at);
    pybind11::list items(pybind11::object realm, int cls, pybind11::object key, int property,
                         pybind11::tuple path); // pairs for a dictionary
    bool exists(int cls, pybind11::object key);
    std::uint64_t count(int cls);
    pybind11::list keys(int cls, pybind11::object after, std::size_t limit);

    // Writing.
    pybind11::object create(pybind11::object realm, int cls, pybind11::object values,
                            OnExisting on_existing);
    void set(pybind11::object realm, int cls, pybind11::object key, int property,
             pybind11::tuple path, pybind11::object value);
    void erase(int cls, pybind11::object key);
    // Empties the slot of an embedded object.
    void erase_embedded(int cls, pybind11::object key, int property, pybind11::tuple path);
    void list_insert(pybind11::object realm, int cls, pybind11::object key, int property,
                     pybind11::tuple path, std::size_t index, pybind11::object value);
    void list_set(pybind11::object realm, int cls, pybind11::object key, int property,
                  pybind11::tuple path, std::size_t index, pybind11::object value);
    void list_erase(int cls, pybind11::object key, int property, pybind11::tuple path,
                    std::size_t index);
    void list_move(int cls, pybind11::object key, int property, pybind11::tuple path,
                   std::size_t from, std::size_t to);
    bool set_insert(pybind11::object realm, int cls, pybind11::object key, int property,
                    pybind11::tuple path, pybind11::object value);
    bool set_erase(pybind11::object realm, int cls, pybind11::object key, int property,
                   pybind11::tuple path, pybind11::object value);
    void dictionary_set(pybind11::object realm, int cls, pybind11::object key, int property,
                        pybind11::tuple path, pybind11::object at, pybind11::object value);
    void dictionary_erase(int cls, pybind11::object key, int property, pybind11::tuple path,
                          pybind11::object at); // KeyNotFoundError when absent
    void clear(int cls, pybind11::object key, int property, pybind11::tuple path);
    // In bulk: how many. Columns are tuples (property number, Arrow array) or (property number,
    // sequence or buffer, mask or None, ticks per second or 0), of which the rows from `first`
    // are taken, at most `limit`. All or nothing.
    std::size_t create_rows(pybind11::object realm, int cls, pybind11::iterable rows);
    std::size_t create_columns(int cls, pybind11::list columns, std::size_t first,
                               std::size_t limit);

  private:
    friend class ObjectWriter;
    realm::WriteTransaction& transaction();
    const Resolved& resolve(Resolved& slot, model::SchemaPtr schema);
    const Resolved& writing_schema();
    const DeclaredClass& declared(int cls) const {
        return classes_.at(static_cast<std::size_t>(cls));
    }
    int class_index(const std::string& name) const {
        auto found = by_name_.find(name);
        return found == by_name_.end() ? -1 : found->second;
    }
    Key key_of(int cls, pybind11::handle key, Scratch& scratch) const;
    template <class Use> auto with_tables(Use use);
    template <class Use>
    auto with_place(int cls, pybind11::handle key, int property, const pybind11::tuple& path,
                    Use use);
    pybind11::object to_python(pybind11::object realm, const model::Place& place, int cls,
                               pybind11::handle key, int property, const pybind11::tuple& path);

    std::shared_ptr<realm::RealmFile> file_;
    std::vector<DeclaredClass> classes_;
    std::unordered_map<std::string, int> by_name_;
    Resolved reader_, writer_;
    std::unique_ptr<realm::WriteTransaction> transaction_;
    bool writer_current_ = false; // writer_ is the schema of transaction_
};

// A Python path as steps; the names live as long as `path`.
std::vector<changeset::Step> to_steps(const pybind11::tuple& path);

} // namespace realmsync::bindings
