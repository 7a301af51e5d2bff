#include "query/parsing/parser.hpp"

#include <algorithm>
#include <string>

#include "base/utf8.hpp"

namespace realmsync::query {

using namespace syntax;
using enum TokenKind;

namespace {

// What NOT (a OR b) is printed as, !((a or b)), has three levels for the two of its author, and
// what !a is, !(a), two for one; and disjunctions get parentheses that nobody wrote. What one side
// accepts the other must be able to read.
constexpr std::size_t kPrintedLevels = 3;

// The lexer does without: NUL ends no word, and bytes above ASCII are all of some character.
std::string_view checked(std::string_view text, const ParseLimits& limits) {
    if (text.size() > limits.bytes || text.size() >= QueryFault::kNoPosition)
        throw QueryFault(FaultKind::limit,
                         "The query has more than " + std::to_string(limits.bytes) + " bytes");
    std::size_t valid = utf8_valid_prefix(text);
    if (std::size_t nul = text.find('\0'); nul < valid)
        refuse_syntax(text.substr(0, nul), "the text has a NUL character", nul);
    if (valid < text.size())
        refuse_syntax(text.substr(0, valid), "the text is not UTF-8", valid);
    return text;
}

std::optional<Operator> operator_of(TokenKind kind) {
    switch (kind) {
    case equal: return Operator::equal;
    case not_equal: return Operator::not_equal;
    case less: return Operator::less;
    case less_equal: return Operator::less_equal;
    case greater: return Operator::greater;
    case greater_equal: return Operator::greater_equal;
    case in: return Operator::in;
    default: return {};
    }
}

// Operators that take values alone.
std::optional<Operator> value_operator_of(TokenKind kind) {
    switch (kind) {
    case begins_with: return Operator::begins_with;
    case ends_with: return Operator::ends_with;
    case contains: return Operator::contains;
    case like: return Operator::like;
    case TokenKind::text: return Operator::text;
    case between: return Operator::between;
    default: return {};
    }
}

bool takes_ignore_case(Operator op) {
    switch (op) {
    case Operator::equal:
    case Operator::not_equal:
    case Operator::in:
    case Operator::begins_with:
    case Operator::ends_with:
    case Operator::contains:
    case Operator::like: return true;
    default: return false;
    }
}

} // namespace

Parser::Level::Level(Parser& parser) : parser_(parser) {
    std::size_t deepest = parser.options_.limits.depth;
    if (parser.options_.is_subscription)
        deepest *= kPrintedLevels;
    if (parser.depth_ == deepest)
        throw QueryFault(FaultKind::limit,
                         "The query is nested more than " + std::to_string(deepest) +
                             " levels deep",
                         parser.token_.position);
    ++parser.depth_;
}

Parser::Parser(std::string_view text, const ParseOptions& options)
    : options_(options), lexer_(checked(text, options.limits), options.is_subscription),
      token_(lexer_.next()) {}

Token Parser::take() {
    Token taken = token_;
    end_ = taken.position + taken.text.size();
    token_ = lexer_.next();
    return taken;
}

bool Parser::accept(TokenKind kind) {
    bool is_there = sees(kind);
    if (is_there)
        take();
    return is_there;
}

Token Parser::require(TokenKind kind) {
    if (!sees(kind))
        refuse({kind});
    return take();
}

void Parser::refuse(std::initializer_list<TokenKind> expected) const {
    std::string detail = "syntax error, unexpected " + std::string(name(token_.kind));
    const char* before = ", expecting ";
    for (TokenKind kind : expected) {
        detail += before;
        detail += name(kind);
        before = " or ";
    }
    refuse_syntax(lexer_.text(), detail, token_.position);
}

void Parser::count_term() {
    if (++terms_ > options_.limits.terms)
        throw QueryFault(FaultKind::limit,
                         "The query has more than " + std::to_string(options_.limits.terms) +
                             " predicates, constants and names",
                         token_.position);
}

void Parser::check_height(std::size_t height) const {
    if (height > options_.limits.depth)
        throw QueryFault(FaultKind::limit,
                         "The query has more than " + std::to_string(options_.limits.depth) +
                             " operators of arithmetic within each other",
                         token_.position);
}

Query Parser::query() {
    Query query;
    query.predicate = predicate();
    for (;;) {
        if (sees(TokenKind::sort))
            query.clauses.emplace_back(sort());
        else if (sees(TokenKind::distinct))
            query.clauses.emplace_back(distinct());
        else if (sees(TokenKind::limit))
            query.clauses.emplace_back(limit());
        else
            break;
        count_term();
    }
    require(end);
    return query;
}

Predicate Parser::predicate() { return std::get<Predicate>(disjunction(false)); }

Parser::Either Parser::disjunction(bool or_operand) {
    Position position = token_.position;
    Either first = conjunction(or_operand);
    if (!sees(or_word) || std::holds_alternative<Operand>(first))
        return first;
    Chain chain{false, {}};
    chain.members.push_back(std::get<Predicate>(std::move(first)));
    while (accept(or_word))
        chain.members.push_back(std::get<Predicate>(conjunction(false)));
    return Predicate{std::move(chain), false, position};
}

Parser::Either Parser::conjunction(bool or_operand) {
    Position position = token_.position;
    Either first = simple_predicate(or_operand);
    if (!sees(and_word) || std::holds_alternative<Operand>(first))
        return first;
    Chain chain{true, {}};
    chain.members.push_back(std::get<Predicate>(std::move(first)));
    while (accept(and_word))
        chain.members.push_back(std::get<Predicate>(simple_predicate(false)));
    return Predicate{std::move(chain), false, position};
}

Parser::Either Parser::simple_predicate(bool or_operand) {
    Position position = token_.position;
    count_term();
    switch (token_.kind) {
    case true_predicate:
    case false_predicate:
        return Predicate{Constant{take().kind == true_predicate}, false, position};
    case not_word: {
        Level level(*this);
        take();
        auto of = std::get<Predicate>(simple_predicate(false));
        return Predicate{Not{std::make_unique<Predicate>(std::move(of))}, false, position};
    }
    case left_parenthesis: return in_parentheses(or_operand);
    default: return comparison({}, or_operand);
    }
}

Parser::Either Parser::in_parentheses(bool or_operand) {
    Position position = token_.position;
    std::optional<Operand> operand;
    {
        Level level(*this);
        take();
        Either inside = disjunction(true);
        if (auto* predicate = std::get_if<Predicate>(&inside)) {
            if (!sees(right_parenthesis))
                refuse({and_word, or_word, right_parenthesis});
            take();
            predicate->in_parentheses = true;
            predicate->position = position;
            return inside;
        }
        take(); // closing: an operand is given back only before it
        operand = std::get<Operand>(std::move(inside));
        operand->is_value = false;
    }
    return comparison(std::move(operand), or_operand);
}

Parser::Either Parser::comparison(std::optional<Operand> beginning, bool or_operand) {
    Operand left = sum(std::move(beginning));
    if (or_operand && sees(right_parenthesis))
        return left;
    return comparison_with(std::move(left));
}

Predicate Parser::comparison_with(Operand left) {
    Position position = left.expression.position;
    std::optional<Operator> op = operator_of(token_.kind);
    bool of_values = !op && left.is_value;
    if (of_values && sees(TokenKind::geo_within))
        return geo_within(std::move(left));
    if (of_values)
        op = value_operator_of(token_.kind);
    if (!op)
        refuse();
    Comparison comparison;
    comparison.op = *op;
    comparison.position = take().position;
    comparison.ignore_case = takes_ignore_case(*op) && accept(ignore_case);
    Operand right;
    if (op == Operator::between) {
        right.expression.position = token_.position;
        Quantifier quantifier = Quantifier::unsaid;
        if (sees(any) || sees(all) || sees(none))
            quantifier = quantifier_of(take().kind);
        else if (!sees(left_brace))
            refuse({any, all, none, left_brace});
        right.expression.of = list(quantifier);
    } else {
        right = of_values ? value() : sum();
    }
    tallest_ = std::max({tallest_, left.height, right.height});
    comparison.left = std::move(left.expression);
    comparison.right = std::move(right.expression);
    return Predicate{std::move(comparison), false, position};
}

Predicate Parser::geo_within(Operand left) {
    Position position = left.expression.position;
    auto* property = std::get_if<Property>(&left.expression.of);
    if (property == nullptr)
        refuse();
    GeoWithin within;
    within.position = take().position;
    within.left = std::move(*property);
    if (sees(geo_box) || sees(geo_polygon) || sees(geo_circle))
        within.right = region();
    else if (sees(TokenKind::argument))
        within.right = argument(Quantifier::unsaid);
    else
        refuse({geo_box, geo_polygon, geo_circle, TokenKind::argument});
    return Predicate{std::move(within), false, position};
}

Sort Parser::sort() {
    take();
    require(left_parenthesis);
    Sort sort;
    do {
        SortKey key{plain_path(), true};
        if (!sees(ascending) && !sees(descending))
            refuse({ascending, descending, dot, left_bracket});
        key.ascending = take().kind == ascending;
        sort.keys.push_back(std::move(key));
    } while (accept(comma));
    if (!accept(right_parenthesis))
        refuse({right_parenthesis, comma});
    return sort;
}

Distinct Parser::distinct() {
    take();
    require(left_parenthesis);
    Distinct distinct;
    do {
        distinct.paths.push_back(plain_path());
    } while (accept(comma));
    if (!accept(right_parenthesis))
        refuse({right_parenthesis, comma, dot, left_bracket});
    return distinct;
}

Limit Parser::limit() {
    take();
    require(left_parenthesis);
    Limit limit{natural_value(require(natural).text)};
    require(right_parenthesis);
    return limit;
}

syntax::Query parse(std::string_view text, const ParseOptions& options) {
    return Parser(text, options).query();
}

syntax::Region parse_region(std::string_view text, const ParseLimits& limits) {
    return Parser(text, {limits, false}).lone_region();
}

syntax::Path parse_path(std::string_view text, const ParseLimits& limits) {
    return Parser(text, {limits, false}).lone_path();
}

} // namespace realmsync::query
