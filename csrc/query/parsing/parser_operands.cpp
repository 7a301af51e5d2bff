// The two sides of a comparison, for the parser (query-language.md section 3): values, arithmetic,
// paths.
#include <algorithm>
#include <utility>

#include "query/parsing/parser.hpp"

namespace realmsync::query {

using namespace syntax;
using enum TokenKind;

namespace {

constexpr std::uint64_t kLargest = static_cast<std::uint64_t>(INT64_MAX);

// Digits of a base up to the first that is none of it; saturates.
std::uint64_t saturated(std::string_view digits, unsigned base) {
    std::uint64_t value = 0;
    for (char c : digits) {
        auto digit = static_cast<unsigned>(c - '0');
        if (digit >= base)
            break;
        if (value > (kLargest - digit) / base)
            return kLargest;
        value = value * base + digit;
    }
    return value;
}

std::string_view unquoted(const Token& token) {
    std::size_t opening = token.kind == base64 ? 4 : 1; // a word and a quote, or a quote
    return token.text.substr(opening, token.text.size() - opening - 1);
}

// A name with its escapes decoded: those of blanks alone have any.
std::string decoded(std::string_view name) {
    std::string text;
    text.reserve(name.size());
    for (std::size_t i = 0; i < name.size(); ++i) {
        char c = name[i];
        if (c == '\\') {
            c = name[++i];
            c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
        }
        text += c;
    }
    return text;
}

Literal literal_of(Literal::Kind kind, std::string_view text, Position position) {
    Literal literal;
    literal.kind = kind;
    literal.text = text;
    literal.position = position;
    return literal;
}

std::optional<Literal::Kind> literal_kind(TokenKind kind) {
    switch (kind) {
    case natural: return Literal::Kind::natural;
    case number: return Literal::Kind::number;
    case TokenKind::string: return Literal::Kind::string;
    case uuid: return Literal::Kind::uuid;
    case object_id: return Literal::Kind::object_id;
    case floating: return Literal::Kind::floating;
    case infinity: return Literal::Kind::infinity;
    case nan: return Literal::Kind::nan;
    case base64: return Literal::Kind::base64;
    case timestamp: return Literal::Kind::timestamp;
    case local_link: return Literal::Kind::local_link;
    case typed_link: return Literal::Kind::typed_link;
    case true_word: return Literal::Kind::boolean_true;
    case false_word: return Literal::Kind::boolean_false;
    case null: return Literal::Kind::null;
    default: return {};
    }
}

// The text of a literal of this kind, as syntax.hpp says.
std::string_view literal_text(const Token& token) {
    switch (token.kind) {
    case TokenKind::string:
    case base64: return unquoted(token);
    case uuid: return token.text.substr(5, 36);
    case object_id: return token.text.substr(4, 24);
    default: return token.text;
    }
}

} // namespace

std::uint64_t natural_value(std::string_view digits) {
    return saturated(digits, digits.starts_with('0') ? 8 : 10);
}

Quantifier quantifier_of(TokenKind kind) {
    return kind == any ? Quantifier::any : kind == all ? Quantifier::all : Quantifier::none;
}

Parser::Operand Parser::sum(std::optional<Operand> beginning) {
    Operand left = product(std::move(beginning));
    while (sees(plus) || sees(minus)) {
        Token op = take();
        left = combined(std::move(left), op, product());
    }
    return left;
}

Parser::Operand Parser::product(std::optional<Operand> beginning) {
    Operand left = beginning ? std::move(*beginning) : factor();
    while (sees(star) || sees(slash)) {
        Token op = take();
        left = combined(std::move(left), op, factor());
    }
    return left;
}

Parser::Operand Parser::factor() {
    if (!sees(left_parenthesis))
        return value();
    Level level(*this);
    take();
    Operand inside = sum();
    if (!accept(right_parenthesis))
        refuse();
    inside.is_value = false;
    return inside;
}

Parser::Operand Parser::combined(Operand left, Token op, Operand right) const {
    Operand result;
    result.height = std::max(left.height, right.height) + 1;
    check_height(result.height);
    result.is_value = false;
    result.expression.position = left.expression.position;
    result.expression.of =
        Arithmetic{op.text[0], std::make_unique<Expression>(std::move(left.expression)),
                   std::make_unique<Expression>(std::move(right.expression)), op.position};
    return result;
}

Parser::Operand Parser::value() {
    if (sees(TokenKind::subquery))
        return subquery();
    Operand operand;
    Expression& expression = operand.expression;
    expression.position = token_.position;
    if (sees(any) || sees(all) || sees(none)) {
        expression = quantified();
    } else if (sees(left_brace)) {
        expression.of = list(Quantifier::unsaid);
    } else if (sees(TokenKind::binary)) {
        // A constant or a property of that name, as the next word tells.
        Token word = take();
        if (sees(left_parenthesis)) {
            expression.of = binary();
            std::get<Literal>(expression.of).position = word.position;
        } else {
            expression = property_or_aggregate(Quantifier::unsaid, path_from(word));
        }
    } else if (std::optional<Literal> constant = literal()) {
        expression.of = std::move(*constant);
    } else {
        expression = property_or_aggregate(Quantifier::unsaid, path());
    }
    return operand;
}

Parser::Operand Parser::subquery() {
    Subquery subquery;
    subquery.position = take().position;
    require(left_parenthesis);
    subquery.path = plain_path();
    require(comma);
    subquery.variable = decoded(id().text);
    require(comma);
    std::size_t tallest_outside = std::exchange(tallest_, 0);
    {
        Level level(*this);
        subquery.predicate = std::make_unique<Predicate>(predicate());
    }
    if (!sees(right_parenthesis))
        refuse({and_word, or_word, right_parenthesis});
    take();
    require(dot);
    require(at_size);
    Operand operand;
    operand.height = std::exchange(tallest_, tallest_outside) + 1;
    check_height(operand.height);
    operand.expression.position = subquery.position;
    operand.expression.of = std::move(subquery);
    return operand;
}

// ANY, ALL or NONE and a list, an argument or a property: aggregates have no quantifier.
Expression Parser::quantified() {
    Token word = take();
    Quantifier quantifier = quantifier_of(word.kind);
    Expression expression;
    expression.position = word.position;
    if (sees(left_brace))
        expression.of = list(quantifier);
    else if (sees(TokenKind::argument))
        expression.of = argument(quantifier);
    else
        expression = property_or_aggregate(quantifier, path());
    return expression;
}

Expression Parser::property_or_aggregate(Quantifier quantifier, Path path) {
    Expression expression;
    expression.position = path.position;
    bool has_more = steps(path);
    if (!has_more) {
        expression.of = Property{quantifier, std::move(path), PostOperator::none, {}};
        return expression;
    }
    std::optional<Aggregate> aggregate;
    switch (token_.kind) {
    case at_max: aggregate = Aggregate::max; break;
    case at_min: aggregate = Aggregate::min; break;
    case at_sum: aggregate = Aggregate::sum; break;
    case at_avg: aggregate = Aggregate::average; break;
    default: break;
    }
    if (aggregate && quantifier == Quantifier::unsaid) {
        AggregateOf of;
        of.position = take().position;
        of.aggregate = *aggregate;
        of.path = std::move(path);
        if (accept(dot))
            of.property = decoded(id().text);
        expression.of = std::move(of);
        return expression;
    }
    if (!sees(at_size) && !sees(at_type) && !sees(TokenKind::size))
        refuse();
    Token word = take();
    if (word.kind == TokenKind::size)
        require(right_bracket);
    PostOperator post = word.kind == at_type ? PostOperator::type : PostOperator::size;
    expression.of = Property{quantifier, std::move(path), post, std::string(word.text)};
    return expression;
}

ListOf Parser::list(Quantifier quantifier) {
    ListOf list;
    list.quantifier = quantifier;
    list.position = require(left_brace).position;
    // A comma in front is accepted, one behind is not.
    if (!sees(comma) && !sees(right_brace))
        list.items.push_back(require_literal());
    while (accept(comma))
        list.items.push_back(require_literal());
    if (!accept(right_brace))
        refuse({comma, right_brace});
    return list;
}

// A constant of a list.
Literal Parser::require_literal() {
    if (sees(any) || sees(all) || sees(none)) {
        Token word = take();
        if (!sees(TokenKind::argument))
            refuse({TokenKind::argument});
        Literal literal = argument(quantifier_of(word.kind));
        literal.position = word.position;
        return literal;
    }
    if (sees(TokenKind::binary)) {
        Position position = take().position;
        Literal literal = binary();
        literal.position = position;
        return literal;
    }
    if (std::optional<Literal> constant = literal())
        return std::move(*constant);
    refuse();
}

// Of one word, or an object.
std::optional<Literal> Parser::literal() {
    if (sees(TokenKind::argument))
        return argument(Quantifier::unsaid);
    if (sees(TokenKind::object))
        return object();
    std::optional<Literal::Kind> kind = literal_kind(token_.kind);
    if (!kind)
        return {};
    count_term();
    Token token = take();
    return literal_of(*kind, literal_text(token), token.position);
}

Literal Parser::argument(Quantifier quantifier) {
    count_term();
    Token token = take();
    Literal literal = literal_of(Literal::Kind::argument, token.text, token.position);
    literal.argument = saturated(token.text.substr(1), 10);
    literal.quantifier = quantifier;
    return literal;
}

Literal Parser::object() {
    Position position = take().position;
    require(left_parenthesis);
    if (!sees(TokenKind::string))
        refuse({TokenKind::string});
    Literal literal = literal_of(Literal::Kind::object, unquoted(take()), position);
    require(comma);
    switch (token_.kind) {
    case natural:
    case number:
    case TokenKind::string:
    case uuid:
    case object_id:
    case TokenKind::argument: break;
    case base64:
    case null:
        if (!options_.is_subscription)
            refuse();
        break;
    default: refuse();
    }
    literal.key = std::make_unique<Literal>(*Parser::literal());
    require(right_parenthesis);
    return literal;
}

Literal Parser::binary() {
    count_term();
    require(left_parenthesis);
    if (!sees(TokenKind::string) && !sees(base64))
        refuse({TokenKind::string, base64});
    Token token = take();
    require(right_parenthesis);
    auto kind = token.kind == base64 ? Literal::Kind::binary64 : Literal::Kind::binary;
    return literal_of(kind, unquoted(token), token.position);
}

// Names, among them the keywords that stand where no name could.
bool Parser::is_id(TokenKind kind) {
    switch (kind) {
    case identifier:
    case at_links:
    case at_keys:
    case at_values:
    case begins_with:
    case ends_with:
    case contains:
    case like:
    case between:
    case TokenKind::sort:
    case TokenKind::distinct:
    case TokenKind::limit:
    case ascending:
    case descending:
    case in:
    case TokenKind::text:
    case TokenKind::binary:
    case first:
    case last:
    case TokenKind::size: return true;
    default: return false;
    }
}

Token Parser::id() {
    if (!is_id(token_.kind))
        refuse();
    return take();
}

Path Parser::path() {
    if (!is_id(token_.kind) && !sees(path_argument))
        refuse();
    return path_from(take());
}

Path Parser::path_from(Token first) {
    count_term();
    Step step;
    step.position = first.position;
    if (first.kind == path_argument) {
        step.kind = Step::Kind::argument;
        step.index = saturated(first.text.substr(2), 10);
    } else {
        step.text = decoded(first.text);
    }
    Path path;
    path.position = first.position;
    path.steps.push_back(std::move(step));
    return path;
}

bool Parser::steps(Path& path) {
    for (;;) {
        if (accept(dot)) {
            if (!is_id(token_.kind))
                return true;
            Token token = take();
            path.steps.push_back({Step::Kind::name, decoded(token.text), 0, token.position});
        } else if (accept(left_bracket)) {
            if (sees(TokenKind::size))
                return true;
            path.steps.push_back(element());
        } else {
            return false;
        }
        count_term();
    }
}

Path Parser::plain_path() {
    Path plain = path();
    if (steps(plain))
        refuse();
    return plain;
}

Step Parser::element() {
    Step step;
    step.position = token_.position;
    switch (token_.kind) {
    case natural:
        step.kind = Step::Kind::index;
        step.index = natural_value(token_.text);
        break;
    case first: step.kind = Step::Kind::first; break;
    case last: step.kind = Step::Kind::last; break;
    case star: step.kind = Step::Kind::all; break;
    case TokenKind::string:
        step.kind = Step::Kind::key;
        step.text = unquoted(token_);
        break;
    case TokenKind::argument:
        step.kind = Step::Kind::argument;
        step.index = saturated(token_.text.substr(1), 10);
        break;
    default: refuse();
    }
    take();
    require(right_bracket);
    return step;
}

Path Parser::lone_path() {
    Path lone = plain_path();
    require(end);
    return lone;
}

} // namespace realmsync::query
