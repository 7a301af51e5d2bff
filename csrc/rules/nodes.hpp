// An expression as a tree: what reader.hpp makes of JSON and what evaluation and filter.hpp walk
// (app-configuration.md 6.1). Whether it is true for somebody is decided elsewhere.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "model/value.hpp"

namespace realmsync::rules {

// %%root.path: what stands for a value when a session begins (6.2).
struct Expansion {
    enum class Root : unsigned char {
        user,
        values,
        environment,
        partition,
        request,
        nowhere, // %%root, %%args, …: of apply_when, whose role is then unusable
    };
    Root root = Root::nowhere;
    std::vector<std::string> path;
};

enum class Conversion : unsigned char {
    string_to_object_id,
    object_id_to_string,
    string_to_uuid,
    uuid_to_string,
};

// A right side, or a part of one.
struct Term {
    struct Converted {
        Conversion by = Conversion::string_to_object_id;
        std::unique_ptr<Term> of; // a literal or an expansion
    };
    struct Array { // with something in it that is no literal
        std::vector<Term> items;
    };
    struct Called {           // the result of a function
        std::size_t site = 0; // of Tree::sites
    };
    std::variant<model::Value, Expansion, Converted, Array, Called> of;

    bool is_null() const {
        const auto* literal = std::get_if<model::Value>(&of);
        return literal != nullptr && literal->is_null();
    }
};

enum class Comparator : unsigned char { eq, ne, gt, gte, lt, lte, in, nin, all, exists };

struct Field { // of the document
    std::string name;
};
// A left side: %%true and %%false are the bool.
using Subject = std::variant<Field, Expansion, bool>;

struct Test {
    std::shared_ptr<const Subject> subject; // of all tests that were written of it
    Comparator op = Comparator::eq;
    Term right;
};

struct Node;
struct Junction {
    enum class Kind : unsigned char { all, any, none }; // `not` is none of one
    Kind kind = Kind::all;
    std::vector<Node> members;
};

struct Node {
    std::variant<bool, Test, Junction> of;
};

// Where a function is called.
struct CallSite {
    std::string function;
    std::vector<Term> arguments; // without calls
};

struct Tree {
    Node root;
    std::vector<CallSite> sites;
    std::vector<std::string> fields;    // sorted, each once
    std::vector<std::string> functions; // sorted, each once
    bool speaks_of_document = false;    // or of what is not there when a session begins
};

} // namespace realmsync::rules
