// A query text as the parser understands it (query-language.md sections 2 and 3): spellings and
// structure, no schema and no types yet. Names and types are resolved by bind.hpp, which makes the
// typed tree of tree.hpp. Positions are byte offsets into the text.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "query/operators.hpp"

namespace realmsync::query::syntax {

using Position = std::uint32_t;

// A constant as it is spelled. Values come out of it when the other side's type is known (5.4).
struct Literal {
    enum class Kind : std::uint8_t {
        natural, // digits: NATURAL0
        number,  // with a sign, or hexadecimal
        floating,
        infinity,
        nan,
        string,     // text: what stands between the quotes, as it is
        base64,     // text: what stands between the quotes, still encoded
        binary,     // binary("…"): text as it is
        binary64,   // the same of a base64 literal: text still encoded
        uuid,       // text: the 36 characters
        object_id,  // text: the 24 digits
        timestamp,  // text: the whole token
        local_link, // O and digits
        typed_link, // L and two numbers
        boolean_true,
        boolean_false,
        null,
        argument, // $n: `argument`; ANY $n has the quantifier, too
        object,   // obj("Class", key): text is the class, `key` the key
    };
    Kind kind = Kind::null;
    std::string text; // the spelling, or as said above
    std::uint64_t argument = 0;
    Quantifier quantifier = Quantifier::unsaid;
    std::unique_ptr<Literal> key; // of an object
    Position position = 0;
};

struct Step { // of a path
    enum class Kind : std::uint8_t { name, index, first, last, all, key, argument };
    Kind kind = Kind::name;
    std::string text;        // the name with its escapes decoded, or the key
    std::uint64_t index = 0; // or number of the argument
    Position position = 0;
};

struct Path {
    // A key path argument comes as a first step of kind argument.
    std::vector<Step> steps;
    Position position = 0;
};

enum class PostOperator : std::uint8_t { none, size, type };
enum class Aggregate : std::uint8_t { min, max, sum, average };

struct Property { // prop of the grammar
    Quantifier quantifier = Quantifier::unsaid;
    Path path;
    PostOperator post = PostOperator::none;
    std::string post_text; // @size, @count, SIZE, …, as it is spelled
};

struct AggregateOf {
    Path path;
    Aggregate aggregate = Aggregate::min;
    std::string property; // of the members, may be empty
    Position position = 0;
};

struct ListOf {
    Quantifier quantifier = Quantifier::unsaid;
    std::vector<Literal> items;
    Position position = 0;
};

struct Predicate;

struct Subquery {
    Path path;
    std::string variable; // as it is spelled: bind() asks for a $ in front
    std::unique_ptr<Predicate> predicate;
    PostOperator post = PostOperator::size;
    Position position = 0;
};

struct Expression;

struct Arithmetic {
    char op = '+'; // + - * /
    std::unique_ptr<Expression> left, right;
    Position position = 0;
};

struct Expression {
    std::variant<Literal, Property, AggregateOf, ListOf, Subquery, Arithmetic> of;
    Position position = 0;
};

// A coordinate or radius: a number or an argument.
using Coordinate = Literal;
struct Point {
    std::vector<Coordinate> coordinates; // two or three
    Position position = 0;
};
struct Region {
    enum class Kind : std::uint8_t { box, circle, polygon };
    Kind kind = Kind::box;
    std::vector<std::vector<Point>> rings; // one of two points, one of one, or the loops
    std::optional<Coordinate> radius;      // of a circle
    std::string text;                      // its spelling, for messages
    Position position = 0;
};

struct Comparison {
    Operator op = Operator::equal;
    bool ignore_case = false; // [c]
    Expression left, right;
    Position position = 0; // of the operator
};
struct GeoWithin {
    Property left;
    std::variant<Region, Literal> right; // the literal is an argument
    Position position = 0;
};
struct Constant { // TRUEPREDICATE, FALSEPREDICATE
    bool value = true;
};
struct Not {
    std::unique_ptr<Predicate> of;
};
// A chain `a AND b AND c` without parentheses, in the order of the text: never one within another
// of the same kind, but for those in parentheses.
struct Chain {
    bool conjunction = true; // AND, else OR
    std::vector<Predicate> members;
};

struct Predicate {
    std::variant<Constant, Comparison, GeoWithin, Not, Chain> of;
    bool in_parentheses = false;
    Position position = 0;
};

struct SortKey {
    Path path;
    bool ascending = true;
};
struct Sort {
    std::vector<SortKey> keys;
};
struct Distinct {
    std::vector<Path> paths;
};
struct Limit {
    std::uint64_t count = 0;
};
using Clause = std::variant<Sort, Distinct, Limit>;

struct Query {
    Predicate predicate;
    std::vector<Clause> clauses; // in the order of the text
};

} // namespace realmsync::query::syntax
