// Owned values, as objects hold them: scalars, links, and trees of collections and embedded
// objects. Their total order is here too (data-model.md 2.2); their SQL forms are in columns.hpp
// and json_form.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/values.hpp"
#include "model/sequence.hpp"

namespace realmsync::model {

// A primary key that owns its text.
class ObjectKey {
  public:
    ObjectKey() = default;
    explicit ObjectKey(const Key& key) : key_(key), text_(key.string) {}
    Key view() const { // valid while this object lives and is not changed
        Key key = key_;
        key.string = text_;
        return key;
    }
    Type type() const { return key_.type; }

  private:
    Key key_;
    std::string text_;
};

bool equal(const Key& a, const Key& b);
std::size_t hash(const Key& key);
Scalar key_scalar(const Key& key);   // the key as a value
std::string to_text(const Key& key); // for messages: 5, "text", 507f…, null

struct Link { // target class and key; the object need not exist
    std::string table;
    ObjectKey key;
};
struct Binary {
    std::string bytes;
};

struct Value;
struct List {
    Sequence<Value> items;
};
struct Set { // ascending, without equal values
    Sequence<Value> items;
};
struct Dictionary {
    std::map<std::string, Value, std::less<>> items;
};
// Property values by their index in the class. May be shorter than the class: the rest is as in a
// new object.
struct Embedded {
    std::vector<Value> properties;
};

struct Value {
    // In the order of kTypes in value.cpp.
    std::variant<std::monostate, std::int64_t, bool, std::string, Binary, Timestamp, float, double,
                 Decimal128, std::unique_ptr<Link>, ObjectId, Uuid, std::unique_ptr<Embedded>,
                 std::unique_ptr<List>, std::unique_ptr<Dictionary>, std::unique_ptr<Set>>
        data;

    Value() = default;
    explicit Value(const Scalar& scalar); // copies; object_value and collections come out empty
    template <class T>
        requires(!std::is_same_v<std::decay_t<T>, Value> &&
                 !std::is_same_v<std::decay_t<T>, Scalar>)
    explicit Value(T&& value) : data(std::forward<T>(value)) {}
    static Value empty(Type type); // list, dictionary, set, object_value (embedded) or null

    Type type() const;
    bool is_null() const { return data.index() == 0; }
    // The last alternatives: collections and embedded objects.
    static constexpr std::size_t kFirstContainer = 12;
    bool is_container() const { return data.index() >= kFirstContainer; }
    // Null unless the value is of that kind.
    List* list();
    Set* set();
    Dictionary* dictionary();
    Embedded* embedded();
    const List* list() const { return const_cast<Value*>(this)->list(); }
    const Set* set() const { return const_cast<Value*>(this)->set(); }
    const Dictionary* dictionary() const { return const_cast<Value*>(this)->dictionary(); }
    const Embedded* embedded() const { return const_cast<Value*>(this)->embedded(); }
    const Link* link() const;

    // A borrowed view of a scalar or link; `scratch` is what a link payload points to.
    Scalar view(LinkTarget& scratch) const;
    Value clone() const;
};

// Total order: null < bool < numbers by value < string < data < date < objectId < uuid < link.
// NaN is below all numbers. Collections are not ordered here. Numbers of different types are
// compared exactly.
int compare(const Value& a, const Value& b);

} // namespace realmsync::model
