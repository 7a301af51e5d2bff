// The grammar of query-language.md section 3 by recursive descent with one word of look-ahead: a
// function for each rule. Recursion is bounded by ParseLimits.depth, since it follows parentheses,
// NOT and SUBQUERY alone; chains of AND, OR and arithmetic are loops.
//
// The one place where a word does not tell what follows is an opening parenthesis: it may hold a
// predicate or an operand, `((a + 1) == 2)`. What is in it is read as either, and what it was shows
// at the closing one.
//
// parser.cpp has predicates and clauses, parser_operands.cpp the two sides of a comparison,
// parser_regions.cpp what GEOWITHIN asks for.
#pragma once

#include <initializer_list>
#include <optional>
#include <variant>

#include "query/parsing/lexer.hpp"
#include "query/parsing/parse.hpp"
#include "query/parsing/syntax.hpp"

namespace realmsync::query {

// The value of NATURAL0 (2.1): a leading zero makes it octal, up to the first digit that is not;
// at most INT64_MAX.
std::uint64_t natural_value(std::string_view digits);
// Of ANY, ALL or NONE.
Quantifier quantifier_of(TokenKind kind);

class Parser {
  public:
    // `text` stays. Throws QueryFault if it is too long or not text.
    Parser(std::string_view text, const ParseOptions& options);

    // Each reads the whole text.
    syntax::Query query();
    syntax::Region lone_region();
    syntax::Path lone_path();

  private:
    // One side of a comparison while it is read.
    struct Operand {
        syntax::Expression expression;
        std::size_t height = 0; // of arithmetic, through subqueries
        bool is_value = true;   // no parentheses, no arithmetic: string operators take only these
    };
    using Either = std::variant<syntax::Predicate, Operand>;

    // Counts a level of nesting as long as it lives.
    class Level {
      public:
        explicit Level(Parser& parser);
        ~Level() { --parser_.depth_; }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;

      private:
        Parser& parser_;
    };

    // Words.
    bool sees(TokenKind kind) const { return token_.kind == kind; }
    Token take();                  // the word that is seen, whatever it is
    bool accept(TokenKind kind);   // takes it if it is this one
    Token require(TokenKind kind); // "expecting" this one
    // Throws: the word that is seen was not to come. Nothing is said of what was, where that is
    // more than a handful.
    [[noreturn]] void refuse(std::initializer_list<TokenKind> expected = {}) const;
    void count_term();
    void check_height(std::size_t height) const;

    // Predicates. With `or_operand` they may turn out to be operands, with a closing parenthesis
    // behind.
    syntax::Predicate predicate();
    Either disjunction(bool or_operand);
    Either conjunction(bool or_operand);
    Either simple_predicate(bool or_operand);
    Either in_parentheses(bool or_operand);
    Either comparison(std::optional<Operand> beginning, bool or_operand);
    syntax::Predicate comparison_with(Operand left);
    syntax::Predicate geo_within(Operand left);

    // Operands.
    Operand sum(std::optional<Operand> beginning = {});
    Operand product(std::optional<Operand> beginning = {});
    Operand factor();
    Operand combined(Operand left, Token op, Operand right) const;
    Operand value();
    Operand subquery();
    syntax::Expression quantified();
    syntax::Expression property_or_aggregate(Quantifier quantifier, syntax::Path path);
    syntax::ListOf list(Quantifier quantifier);
    std::optional<syntax::Literal> literal(); // none where none begins
    syntax::Literal require_literal();
    syntax::Literal argument(Quantifier quantifier);
    syntax::Literal object();
    syntax::Literal binary(); // behind the word

    // Paths.
    syntax::Path path();
    syntax::Path path_from(Token first);
    // Takes steps as long as there are. True where then a word is seen that came behind a dot or
    // bracket and is none: a post operator, or a mistake.
    bool steps(syntax::Path& path);
    syntax::Path plain_path(); // without a post operator
    syntax::Step element();    // the words in brackets
    Token id();
    static bool is_id(TokenKind kind);

    // Clauses.
    syntax::Sort sort();
    syntax::Distinct distinct();
    syntax::Limit limit();

    // Regions.
    syntax::Region region();
    syntax::Point point();
    std::vector<syntax::Point> ring();
    syntax::Coordinate coordinate(bool is_altitude);

    ParseOptions options_;
    Lexer lexer_;
    Token token_;             // the word that is seen
    std::size_t end_ = 0;     // of the last one taken
    std::size_t depth_ = 0;   // of nesting, here
    std::size_t terms_ = 0;   // so far
    std::size_t tallest_ = 0; // operand of the (sub)query so far
};

} // namespace realmsync::query
