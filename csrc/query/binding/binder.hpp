// The work of bind(), shared by the files bind_*.cpp, one for each part of the language
// (query-language.md sections 5 to 17). Nobody else includes this.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "query/binding/bind.hpp"
#include "query/binding/kinds.hpp"
#include "query/binding/names.hpp"

namespace realmsync::query {

// An operand, and what only its checks ask for.
struct Bound {
    Operand operand;
    Kind kind = Kind::nothing;
    bool is_constant = false;   // a value or a list of them, or @type of a fixed type
    bool is_collection = false; // a list, set or dictionary of values, or a part of one
    bool is_list = false;       // counts as a list behind IN (10.3)
    bool is_sequence = false;   // is compared in order with another one (11.2)
    syntax::Position position = 0;

    const Path* path() const {
        const auto* held = std::get_if<PathOperand>(&operand.of);
        return held ? &held->path : nullptr;
    }
    // Its only value, if it is a constant of one: also a list of one.
    const Constant* single() const;
    bool is_null() const { return single() && single()->value.is_null(); }
    // A property of the object itself.
    bool is_column() const { return path() && path()->is_column(); }
};

class Binder {
  public:
    Binder(const model::SchemaPtr& schema, const model::Class& cls,
           std::span<const Argument> arguments, const BindOptions& options);

    PredicatePtr predicate(const syntax::Predicate& text);              // bind_logic.cpp
    std::vector<Clause> clauses(std::span<const syntax::Clause> texts); // bind_clauses.cpp

  private:
    // A step of a key path after its arguments are resolved and @links has its two names.
    struct Piece {
        enum class Kind : std::uint8_t { key, index, first, last, all };
        Kind kind = Kind::key;
        std::string key; // or @links.Class.property
        // Whether @keys and its like are words: in ['@keys'] they are not.
        bool is_name = false;
        std::uint64_t index = 0;
        syntax::Position position = 0;
    };
    // A key path followed as far as it leads to objects.
    struct Walk {
        std::vector<Piece> pieces;
        std::size_t next = 0; // the first piece that is not followed
        Path path;            // root and hops
        const model::Class* at = nullptr;
        bool ends_in_links = false; // @links alone, which counts
        bool at_end() const { return next == pieces.size(); }
    };
    struct Sides {
        Bound left, right;
    };

    // bind_clauses.cpp
    Path clause_path(const syntax::Path& text, const char* clause);

    // bind_logic.cpp
    PredicatePtr logic(const syntax::Predicate& text);
    PredicatePtr group(const syntax::Chain& chain);
    PredicatePtr negation(const syntax::Not& text);

    // bind_operands.cpp
    Bound operand(const syntax::Expression& text, Kind hint);
    Bound arithmetic(const syntax::Arithmetic& text, Kind hint);
    Bound folded(const syntax::Arithmetic& text, Bound left, Bound right);
    static Bound folded(model::Value value, syntax::Position position);
    Bound subquery(const syntax::Subquery& text);
    const model::Class& subquery_target(const Walk& walk, syntax::Position position);

    // bind_paths.cpp
    std::vector<Piece> pieces(const syntax::Path& text);
    std::vector<Piece> pieces_of_argument(const syntax::Step& step);
    Piece index_argument(const syntax::Step& step);
    void join_backlinks(std::vector<Piece>& pieces);
    Walk walk(const syntax::Path& text);
    // The property that the piece names; faults where there is none.
    std::size_t property_at(const model::Class& cls, const Piece& piece) const;
    void follow_backlink(Walk& walk, const Piece& piece, std::string_view name);
    bool follow(Walk& walk, const Piece& piece);
    static bool choose(Walk& walk, const Piece& piece);
    static Element element_of(const Piece& piece);
    static std::string spelled(const Piece& piece); // as messages name it

    // bind_properties.cpp
    Bound property(const syntax::Property& text);
    Bound backlink_total(Walk walk, const syntax::Property& text);
    Bound value_at(Walk& walk, Quantifier quantifier, bool has_post_operator);
    Bound links_at(Walk& walk, Quantifier quantifier);
    void make_objects_end(Path& path) const;
    void set_elements(Walk& walk, Bound& bound, bool may_be_length);
    Bound size_of(Bound bound, const syntax::Property& text);
    Bound type_of_values(Bound bound, const syntax::Property& text);

    // bind_aggregates.cpp
    Bound aggregate(const syntax::AggregateOf& text);
    Bound aggregate_of_objects(Walk& walk, const syntax::AggregateOf& text);

    // bind_constants.cpp
    Bound constant(const syntax::Literal& text, Kind hint);
    Bound list(const syntax::ListOf& text, Kind hint);
    Bound argument(const syntax::Literal& text, Kind hint);
    Constant argument_value(const model::Value& value, const syntax::Literal& text, Kind hint);
    Constant value_of(const syntax::Literal& text, Kind hint);
    model::Value object(const syntax::Literal& text);
    Constant attribute_of(std::string_view name, syntax::Position position);
    const Argument& argument_at(std::uint64_t index, syntax::Position position) const;

    // bind_comparisons.cpp
    PredicatePtr comparison(const syntax::Comparison& text);
    Sides sides(const syntax::Comparison& text);
    PredicatePtr equality(const syntax::Comparison& text);
    PredicatePtr relation(Operator op, Sides sides, syntax::Position position);
    PredicatePtr string_operation(const syntax::Comparison& text);
    static PredicatePtr integer_bound(Operator op, Bound left, Bound right);
    static void check_sides(const Bound& first, const Bound& second, syntax::Position position);
    static void make_links(const Bound& links, Bound& constant);
    void adapt_to_subscription(Operator op, Sides& sides) const;

    // bind_lists.cpp
    static PredicatePtr membership(Bound left, Bound right);
    PredicatePtr between(const syntax::Comparison& text);

    // bind_searches.cpp
    PredicatePtr text_match(const syntax::Comparison& text);
    PredicatePtr geo_within(const syntax::GeoWithin& text);
    Region region(const syntax::Region& text);
    Region region_argument(const syntax::Literal& text);
    Region shape(const syntax::Region& text);
    GeoPoint point(const syntax::Point& text);
    double coordinate(const syntax::Coordinate& text);

    model::SchemaPtr schema_;
    const model::Class* cls_; // whose properties are meant: within SUBQUERY those of its members
    std::span<const Argument> arguments_;
    const BindOptions& options_;
    Names names_;
    // Within NOT and SUBQUERY chains keep their parentheses (19.1).
    bool keeps_nesting_ = false;
};

bool is_constant(const syntax::Expression& text); // needs nothing of an object
Meeting column_meeting(Kind kind); // of a column of this kind and a constant of its own

// Throws the fault.
[[noreturn]] void refuse(const std::string& message, syntax::Position position);
[[noreturn]] void refuse_argument(const std::string& message, syntax::Position position);

inline bool leads_to_many(std::span<const Hop> hops) {
    return std::any_of(hops.begin(), hops.end(), [](const Hop& hop) { return hop.is_multiple(); });
}

PredicatePtr make_predicate(auto part) {
    return std::make_shared<const Predicate>(Predicate{std::move(part)});
}

} // namespace realmsync::query
