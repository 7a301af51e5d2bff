// The value types of the data model and of changesets (changeset-format.md sections 4 to 6), as
// plain structs whose text and binary contents are borrowed views. Owned trees of values, as
// objects hold them, live in model/value.hpp; bytes live in changeset/.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace realmsync {

// Wire codes of changeset-format.md 4.2.
enum class Type : std::int8_t {
    set = -6,
    list = -5,
    erased = -4,
    dictionary = -3,
    object_value = -2,
    global_key = -1,
    null = 0, // as a property type: Mixed
    integer = 1,
    boolean = 2,
    string = 3,
    binary = 4,
    timestamp = 5,
    float32 = 6,
    float64 = 7,
    decimal = 8,
    link = 9,
    object_id = 10,
    uuid = 11,
};
inline constexpr Type kMixed = Type::null;

enum class Collection : std::uint8_t { single = 0, list = 1, dictionary = 2, set = 3 };
enum class TableKind : std::uint8_t { top_level = 0, embedded = 1, asymmetric = 2 };

struct Timestamp { // both parts carry the same sign, |nanoseconds| < 10^9
    std::int64_t seconds;
    std::int32_t nanoseconds;
    friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};
struct ObjectId {
    std::array<std::uint8_t, 12> bytes;
    friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
};
struct Uuid {
    std::array<std::uint8_t, 16> bytes;
    friend auto operator<=>(const Uuid&, const Uuid&) = default;
};
struct GlobalKey {
    std::uint64_t hi, lo;
    friend auto operator<=>(const GlobalKey&, const GlobalKey&) = default;
};
struct Decimal128 { // the BID bit pattern, low and high half
    std::uint64_t low, high;
    friend bool operator==(const Decimal128&, const Decimal128&) = default;
};

// Primary key of an object. `string` is borrowed.
struct Key {
    Type type = Type::null; // null, integer, string, object_id, uuid or global_key
    union {
        std::int64_t integer = 0;
        ObjectId object_id;
        Uuid uuid;
        GlobalKey global;
    };
    std::string_view string;
};

struct LinkTarget {
    std::string_view table;
    Key key;
};

// One payload of changeset-format.md section 5; markers (null, object_value, erased, list,
// dictionary, set) have no data. `bytes` and `link` are borrowed.
struct Scalar {
    Type type = Type::null;
    union {
        std::int64_t integer = 0;
        bool boolean;
        Timestamp timestamp;
        float float32;
        double float64;
        Decimal128 decimal;
        ObjectId object_id;
        Uuid uuid;
        const LinkTarget* link;
    };
    std::string_view bytes; // string and binary
};

} // namespace realmsync
