// The instruction model: one fixed-size struct per instruction, 64 bytes, so that a parsed
// changeset is four flat arrays and neither parsing nor walking it allocates per instruction.
// Names are ids of the changeset's own string table, paths and links are slices of side arrays.
// Parsing is in parse.cpp, writing in encode.cpp and writer.cpp, merging in merge/.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/values.hpp"

namespace realmsync::changeset {

using StringId = std::uint32_t; // index into Changeset::strings

enum class Op : std::uint8_t { // wire codes of changeset-format.md 4.1
    add_table = 0,
    erase_table = 1,
    create_object = 2,
    erase_object = 3,
    update = 4,
    add_integer = 5,
    add_column = 6,
    erase_column = 7,
    array_insert = 8,
    array_move = 9,
    array_erase = 10,
    clear = 11,
    set_insert = 12,
    set_erase = 13,
};

const char* op_name(Op op); // "AddTable": the name in specification, messages and inspection

constexpr bool is_schema(Op op) {
    return op == Op::add_table || op == Op::erase_table || op == Op::add_column ||
           op == Op::erase_column;
}
// Erases a class or a property, with all that is in it.
constexpr bool is_destructive(Op op) { return op == Op::erase_table || op == Op::erase_column; }

struct StringData { // payload text or bytes, borrowed from Changeset::buffers
    const char* data;
    std::size_t size;
};

union KeyData { // which member is set: Instruction::key_type
    std::int64_t integer;
    StringId string;
    ObjectId object_id;
    Uuid uuid;
    GlobalKey global;
};

union ValueData {         // which member is set: Instruction::value_type
    std::int64_t integer; // Int payload, AddInteger amount
    bool boolean;
    StringData string; // String and Binary
    Timestamp timestamp;
    float float32;
    double float64;
    Decimal128 decimal;
    ObjectId object_id;
    Uuid uuid;
    std::uint32_t link;    // index into Changeset::links
    StringId target;       // AddColumn: link target class
    std::uint32_t move_to; // ArrayMove: target index
};

// Members that an instruction does not have are zero.
struct Instruction {
    Op op;
    Type key_type;         // kind of object key; AddColumn: dictionary key type
    Type value_type;       // payload type; AddTable: pk type; AddColumn: property type
    TableKind table_kind;  // AddTable
    Collection collection; // AddColumn, Clear
    bool nullable;         // AddTable (pk), AddColumn
    bool is_default;       // Update whose path does not end in an index
    StringId table;
    StringId field;                      // AddTable: pk field
    std::uint32_t path_begin, path_size; // slice of Changeset::paths
    std::uint32_t prior_size;            // array instructions and element Updates
    KeyData key;
    ValueData value;
};
static_assert(sizeof(Instruction) <= 64);

struct PathElement {
    bool is_string;      // dictionary key or embedded property, else a list index
    std::uint32_t value; // StringId or index
};

struct Link { // payload of type link
    StringId table;
    Type key_type;
    KeyData key;
};

struct Changeset {
    std::vector<std::string_view> strings; // views into buffers
    std::vector<Instruction> instructions;
    std::vector<PathElement> paths;
    std::vector<Link> links;
    std::vector<std::shared_ptr<const std::string>> buffers; // keep the views alive
    std::size_t encoded_size = 0; // bytes it was parsed from; 0: made otherwise

    std::span<const PathElement> path(const Instruction& i) const {
        return {paths.data() + i.path_begin, i.path_size};
    }
    // An Update whose path ends in an index carries prior_size, any other carries is_default.
    bool addresses_element(const Instruction& i) const {
        return i.path_size != 0 && !paths[i.path_begin + i.path_size - 1].is_string;
    }
    Key key(const Instruction& i) const; // with string content
    Key key(const Link& link) const;
    // The payload with its content; `link` is scratch space that the result may point to.
    Scalar value(const Instruction& i, LinkTarget& link) const;
};

} // namespace realmsync::changeset
