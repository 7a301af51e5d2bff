// A query as the machine understands it: names resolved to classes and properties, constants
// converted to the other side's type, every rule that depends on the shape of the operands decided
// (query-language.md sections 5 to 17). Made by bind.hpp from the syntax tree or by normal_form.hpp
// from another tree; read by evaluate.hpp, sql.hpp and print.hpp. Immutable once made.
//
// Whatever the language refuses was refused by bind(). What is left to fail is the work that a run
// takes (work.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "model/schema.hpp"
#include "model/value.hpp"
#include "query/geometry/geometry.hpp"
#include "query/operators.hpp"
#include "query/strings/text_search.hpp"

namespace realmsync::query {

// From an object to others: through a property of its class that holds links or embedded objects,
// or backwards, to all that link to it with a property of theirs.
struct Hop {
    const model::Class* cls = nullptr; // whose property it is
    std::size_t property = 0;          // of cls
    bool backward = false;
    const model::Class* target = nullptr; // where it leads: cls itself if backward

    const model::Property& definition() const { return cls->properties[property]; }
    // Whether it may lead to several objects, so that the path has several values.
    bool is_multiple() const { return backward || definition().collection != Collection::single; }
};

// Which part of a collection, or of what a Mixed holds.
struct Element {
    enum class Kind : std::uint8_t { index, first, last, all, key, keys, values };
    Kind kind = Kind::all;
    std::uint64_t index = 0; // [n]
    std::string key;         // ['k'] or .k
};

enum class Ending : std::uint8_t {
    value,  // what stands there
    size,   // .@size, .@count
    type,   // .@type
    length, // .length: byte length of each string or binary of a collection
    min,    // aggregates of the values that stand there: of a collection of primitives, or of a
    max,    //   property (`end`) of the objects that the last hop leads to
    sum,
    average,
};

// What of an object: through hops to objects, then a property of theirs, then a part of it.
struct Path {
    const model::Class* root = nullptr;
    // Where an object of a list or dictionary of links is chosen (friends[0].name), hop_elements
    // has the choice for that hop; otherwise its entry is empty. As long as hops.
    std::vector<Hop> hops;
    std::vector<std::vector<Element>> hop_elements;

    // At the end of the hops:
    enum class End : std::uint8_t {
        property,       // `end` and elements
        object,         // the objects of the last hop themselves: compared with obj(), NULL, links,
                        //   or counted. A single link as a value is End::property
        backlink_total, // @links.@count of what the hops lead to
    };
    End end_kind = End::property;
    const model::Class* cls = nullptr; // class of the end, where the hops lead to
    std::size_t property = 0;          // of cls
    std::vector<Element> elements;     // nested ones only inside Mixed
    Ending ending = Ending::value;

    // Of each value that comes out; null is Mixed. What a size, type or average is, is decided too.
    Type type = Type::null;
    // Whether there may be several values, or none: quantifiers apply, ANY by default.
    bool is_multiple = false;
    bool has_links() const { return !hops.empty(); }
    // A plain property of the object itself: what SQL calls a column.
    bool is_column() const {
        return hops.empty() && end_kind == End::property && elements.empty() &&
               ending == Ending::value && definition().collection == Collection::single;
    }
    const model::Property& definition() const { return cls->properties[property]; }
};

struct Predicate;
using PredicatePtr = std::shared_ptr<const Predicate>;

struct Operand;
using OperandPtr = std::shared_ptr<const Operand>;

struct Constant {
    model::Value value; // converted; a link's class is without prefix
    // The mask of @type's names (11.6), if it is compared with @type: value is then the name.
    std::uint32_t type_mask = 0;
};
struct ConstantList {
    std::vector<Constant> items;
};
struct PathOperand {
    Path path;
};
// SUBQUERY(path, $x, predicate).@count: how many of the objects that the path leads to match. The
// last hop is the collection; the end is End::object.
struct SubqueryCount {
    Path path;
    PredicatePtr predicate; // over objects of path.hops.back().target
};
struct Arithmetic {
    char op = '+';
    OperandPtr left, right;
};

struct Operand {
    std::variant<Constant, ConstantList, PathOperand, SubqueryCount, Arithmetic> of;
    // Of arithmetic: that of the operand within it that has one. It quantifies the results, and is
    // printed where it was written.
    Quantifier quantifier = Quantifier::unsaid;
    Type type = Type::null;   // of a value of it; null is Mixed, or NULL for a constant null, but
                              //   string or binary where NULL stands for one of those (5.4)
    bool is_multiple = false; // values come as a list
};

// How two operands meet. Which one a comparison is, follows from their shapes; bind() decides.
enum class Meeting : std::uint8_t {
    generic,       // quantified; values by the total order of section 8.4, null by section 9
    ieee,          // a float or double column and a constant of its own type: NaN equals nothing,
                   //   not even itself (8.3). A constant null comes from an IN list: it means
                   //   null and is printed as nan (19.3 Q13)
    string_column, // a string column and a constant: null is below every string in < <= > >= (9),
                   //   and the null rules of string operators
    binary_column, // the same rules of string operators for binary; no order of null
    link_column,   // == or != between a link property of the object itself (single or a
                   //   collection) and a constant, or a list of them that was written with these
                   //   operators: a dangling link is not null (9), the members of the list are
                   //   printed without blanks (19.1), a quantifier (ANY) is not printed
    sequence,      // two lists without quantifiers: in order, element by element (11.2)
};

struct Comparison {
    Operator op = Operator::equal; // `in` has become equal; never between or text
    bool ignore_case = false;
    Meeting meeting = Meeting::generic;
    Operand left, right; // as in the text
};

// column IN {…} on a direct column that is int, string, ObjectId or UUID: membership, printed with
// IN. Others have become a disjunction of comparisons (10.3).
struct Membership {
    Path path;
    std::vector<Constant> items; // of the column's type or null, none twice
};

struct Between { // both ends included
    Path path;
    Constant low, high;
    Quantifier quantifier = Quantifier::unsaid; // all, or unsaid where there is one value
};

struct GeoWithin {
    Path path; // end: objects of the embedded class
    Quantifier quantifier = Quantifier::unsaid;
    std::size_t type_property = 0, coordinates_property = 0; // of that class
    Region region;                                           // geometry.hpp
    std::shared_ptr<const GeoArea> area;                     // of region, to ask
};

struct TextMatch {
    Path path; // a string property with a full-text index
    std::string text;
    TextSearch search; // text_search.hpp
};

struct Truth {
    bool value = true;
};
struct Not {
    PredicatePtr of;
};
struct Group { // conjunction or disjunction of two or more, in the order of the printed form
    bool conjunction = true;
    // A disjunction within NOT or SUBQUERY, printed as ((a or b) or c) (19.1).
    bool is_left_nested = false;
    std::vector<PredicatePtr> members;
};

struct Predicate {
    std::variant<Truth, Comparison, Membership, Between, GeoWithin, TextMatch, Not, Group> of;
};

struct SortKey {
    Path path; // single-valued
    bool ascending = true;
};
struct Sort {
    std::vector<SortKey> keys; // consecutive SORTs are one: the later one's keys stand in front
};
struct Distinct {
    std::vector<Path> paths;
};
struct Limit {
    std::uint64_t count = 0;
};
using Clause = std::variant<Sort, Distinct, Limit>;

// One filter and what follows it. Results of results are a chain of them (`of`): the objects that
// the earlier query selects, in its order, are what this one is asked of.
struct Query {
    model::SchemaPtr schema; // keeps the classes alive
    const model::Class* cls = nullptr;
    PredicatePtr predicate;
    std::vector<Clause> clauses; // in order of application
    std::shared_ptr<const Query> of;
};
using QueryPtr = std::shared_ptr<const Query>;

} // namespace realmsync::query
