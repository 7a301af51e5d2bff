// What assigning a Python value to a property does (data-model.md 18, changeset-format.md 11): the
// recursion over nested values that place_write.cpp and objects.cpp start. Nothing here undoes a
// write that fails half-way; they do.
#pragma once

#include <pybind11/pybind11.h>

#include <span>
#include <vector>

#include "bindings/realm/given_values.hpp"
#include "bindings/realm/realm_handle.hpp"

namespace realmsync::bindings {

// What may be written to a place.
struct Declared {
    Type type;
    bool nullable;
    bool embedded;
    int target_class;
};
inline Declared declared_of(const DeclaredProperty& p) {
    return {p.type, p.nullable, p.embedded, p.target_class};
}
inline constexpr Declared kUndeclared{kMixed, true, false, -1}; // inside of a Mixed

// Where a value goes: a property, a value under a dictionary key, a new or an existing element.
struct Destination {
    enum class Kind : std::uint8_t { property, key, new_element, element };
    Kind kind;
    tables::Target target; // of an element: the list
    std::size_t index = 0; // of an element, hidden links counted
    bool is_default = false;
};

// One write of the Python API, which may create or fill any number of objects.
class ObjectWriter {
  public:
    explicit ObjectWriter(RealmHandle& handle, OnExisting on_existing = OnExisting::refuse)
        : handle_(handle), change_(handle), transaction_(change_.transaction()),
          resolved_(handle.writing_schema()), on_existing_(on_existing) {}

    realm::WriteTransaction& transaction() { return transaction_; }
    tables::Target target(int cls, const Key& key, int property,
                          std::span<const changeset::Step> path) const;

    // Its key. `is_guarded`: an Undo of the caller takes back what fails half-way.
    pybind11::object create(int cls, const pybind11::dict& values, bool is_guarded);
    void assign(const tables::Target& target, const DeclaredProperty& p, pybind11::handle value,
                const Where& where, bool is_default = false);
    void put(const Destination& to, const Declared& declared, pybind11::handle value,
             const Where& where);
    // A scalar, or a link to an object that is there: what a set may hold.
    Scalar element(const Declared& declared, pybind11::handle value, const Where& where);
    void store(const Destination& to, const Scalar& scalar);
    // Whether a value may bring objects with it that are to be created.
    bool may_create(const Declared& declared) const;

    void forget() { scratch_ = {}; } // what earlier calls have borrowed

  private:
    bool fill_simple(const DeclaredClass& c, std::size_t cls, const pybind11::dict& values);
    void update(int cls, const Key& key, const pybind11::dict& values, bool created);
    // What is given for a property, of a counter the number; borrowed from scratch_, too.
    pybind11::handle given(const pybind11::dict& values, const DeclaredProperty& p);
    bool unchanged(const tables::Target& target, const DeclaredProperty& p, pybind11::handle value,
                   const Where& where);
    const LinkTarget* link(pybind11::handle value, const Declared& declared, const Where& where);
    void put_embedded(const Destination& to, int cls, pybind11::handle value, const Where& where);
    void put_link(const Destination& to, const Declared& declared, pybind11::handle value,
                  const Where& where);
    void put_mixed(const Destination& to, pybind11::handle value, const Where& where);
    void fill_embedded(const tables::Target& target, int cls, const pybind11::dict& values);
    void fill_list(const tables::Target& target, const Declared& declared,
                   const pybind11::list& values, const Where& where);
    void fill_dictionary(const tables::Target& target, const Declared& declared,
                         const pybind11::dict& values, const Where& where);

    RealmHandle& handle_;
    Change change_;
    realm::WriteTransaction& transaction_;
    const Resolved& resolved_;
    OnExisting on_existing_;
    Scratch scratch_;
    std::vector<Scalar> scalars_;
    std::vector<realm::WriteTransaction::Given> given_;
};

// Whether writing the value is more than one instruction.
bool is_compound(const Declared& declared, pybind11::handle value, const Where& where);

// The rule of assignment of counters (data-model.md 13), of an object that exists.
void require_assignable(const DeclaredProperty& p, const model::Value& old, bool to_null,
                        const Where& where);
void require_top_level(
    const DeclaredClass& cls); // IllegalOperationError: it cannot be created alone
[[noreturn]] void key_is_taken(const std::string& cls, const Key& key); // ObjectAlreadyExistsError
// Whether writing the value, which is not null, would change nothing.
bool is_unchanged(const model::Value& old, const Scalar& value);

} // namespace realmsync::bindings
