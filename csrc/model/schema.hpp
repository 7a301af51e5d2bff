// Classes and properties as a file or partition knows them, and where they live in SQL. Immutable:
// a change makes a new Schema that shares the unchanged classes, so that partitions with equal
// schemas share one. Which changes are allowed and how they reach the tables: catalog.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/values.hpp"
#include "model/value.hpp"

namespace realmsync::model {

struct Property {
    std::string name;
    Type type = Type::null; // of the elements of a collection; null: Mixed; link: also embedded
    Collection collection = Collection::single;
    bool nullable = false;
    std::string target;                // class of a link or embedded object
    std::string column;                // SQL name; empty in embedded classes
    bool target_embedded = false;      // the target is an embedded class
    Type target_key_type = Type::null; // key type of a top-level target

    bool is_embedded() const { return type == Type::link && target_embedded; }
    bool is_link() const { return type == Type::link && !target_embedded; }
    bool takes_null() const { return nullable || type == kMixed || type == Type::link; }
};

struct Class {
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);

    std::string name;
    TableKind kind = TableKind::top_level;
    // A primary key is properties[0]. Classes without one have key type global_key and a hidden
    // key column; embedded classes have no key at all (Type::null).
    Type key_type = Type::null;
    bool key_nullable = false;
    bool has_key_property = false;
    std::string table;      // SQL name; empty for embedded classes
    std::string key_column; // SQL name
    std::vector<Property> properties;
    std::uint64_t id = 0; // of this definition, in this process: for caches

    bool embedded() const { return kind == TableKind::embedded; }
    const std::string& key_name() const { return properties[0].name; } // if has_key_property
    std::size_t find(std::string_view property) const;                 // index or npos; O(log n)
    void index();                   // after filling in properties
    void append(Property property); // to an indexed class; O(properties) of small steps

  private:
    std::vector<std::uint32_t> by_name_;
};

// What a new object holds where nothing was written: null, a zero of the type, or an empty
// collection.
Value zero_value(const Property& property);
Scalar zero_scalar(const Property& property); // the same, of a single value

using ClassPtr = std::shared_ptr<const Class>;

struct Schema {
    std::map<std::string, ClassPtr, std::less<>> classes;

    const Class* find(std::string_view name) const {
        auto found = classes.find(name);
        return found == classes.end() ? nullptr : found->second.get();
    }
};

using SchemaPtr = std::shared_ptr<const Schema>;

// The limits of data-model.md 2.3.
inline constexpr std::size_t kMaxClassName = 57;    // bytes
inline constexpr std::size_t kMaxPropertyName = 63; // bytes
inline constexpr std::size_t kMaxProperties = 65535;
inline constexpr std::size_t kMaxString = 16777199;
inline constexpr std::size_t kMaxBinary = 16777200;
inline constexpr std::size_t kMaxDepth = 100; // containers within each other

} // namespace realmsync::model
