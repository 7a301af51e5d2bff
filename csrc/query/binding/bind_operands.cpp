// Operands of a comparison: which part of the language each is, arithmetic, and SUBQUERY
// (query-language.md sections 12 and 14).
#include "query/binding/binder.hpp"
#include "query/printing/print.hpp"
#include "query/values/arithmetic.hpp"

namespace realmsync::query {

namespace {

std::string text_of(char op) { return std::string(1, op); }

// Arithmetic is as deep as the parser's limit.
bool holds_list(const syntax::Expression& text) {
    if (const auto* arithmetic = std::get_if<syntax::Arithmetic>(&text.of))
        return holds_list(*arithmetic->left) || holds_list(*arithmetic->right);
    return std::holds_alternative<syntax::ListOf>(text.of);
}

// A folded constant is Mixed to what it is compared with, within arithmetic it is its number.
Kind number_kind(const Bound& bound) {
    const Constant* constant = bound.single();
    return constant && bound.kind == Kind::mixed ? kind_of(constant->value) : bound.kind;
}

} // namespace

bool is_constant(const syntax::Expression& text) {
    if (const auto* arithmetic = std::get_if<syntax::Arithmetic>(&text.of))
        return is_constant(*arithmetic->left) && is_constant(*arithmetic->right);
    return std::holds_alternative<syntax::Literal>(text.of) ||
           std::holds_alternative<syntax::ListOf>(text.of);
}

Bound Binder::operand(const syntax::Expression& text, Kind hint) {
    if (const auto* literal = std::get_if<syntax::Literal>(&text.of))
        return constant(*literal, hint);
    if (const auto* property = std::get_if<syntax::Property>(&text.of))
        return Binder::property(*property);
    if (const auto* aggregate = std::get_if<syntax::AggregateOf>(&text.of))
        return Binder::aggregate(*aggregate);
    if (const auto* list = std::get_if<syntax::ListOf>(&text.of))
        return Binder::list(*list, hint);
    if (const auto* subquery = std::get_if<syntax::Subquery>(&text.of))
        return Binder::subquery(*subquery);
    return arithmetic(std::get<syntax::Arithmetic>(text.of), hint);
}

Bound Binder::arithmetic(const syntax::Arithmetic& text, Kind hint) {
    bool left_is_constant = is_constant(*text.left), right_is_constant = is_constant(*text.right);
    if (left_is_constant && right_is_constant && !holds_list(*text.left) &&
        !holds_list(*text.right)) {
        Bound right = operand(*text.right, hint);
        return folded(text, operand(*text.left, hint), std::move(right));
    }
    // What is no constant is first: it tells the other which kind it meets.
    Bound left, right;
    if (right_is_constant) {
        left = operand(*text.left, Kind::integer);
        right = operand(*text.right, left.kind);
    } else {
        right = operand(*text.right, Kind::integer);
        left = operand(*text.left, left_is_constant ? right.kind : Kind::integer);
    }
    const Kind left_kind = number_kind(left), right_kind = number_kind(right);
    if (!is_numeric(left_kind) || !is_numeric(right_kind))
        refuse_argument("Cannot perform '" + text_of(text.op) + "' operation on '" +
                            print(left.operand) + "' and '" + print(right.operand) + "'",
                        text.position);
    if (left.operand.is_multiple && right.operand.is_multiple)
        refuse("Operations involving two lists are not supported", text.position);
    Bound bound;
    bound.kind = result_kind(left_kind, right_kind);
    bound.is_list = left.is_list || right.is_list;
    bound.is_sequence = left.is_sequence || right.is_sequence;
    bound.position = text.position;
    Operand& made = bound.operand;
    made.type = type_of(bound.kind);
    made.is_multiple = left.operand.is_multiple || right.operand.is_multiple;
    made.quantifier = left.operand.quantifier != Quantifier::unsaid ? left.operand.quantifier
                                                                    : right.operand.quantifier;
    made.of = Arithmetic{text.op, std::make_shared<const Operand>(std::move(left.operand)),
                         std::make_shared<const Operand>(std::move(right.operand))};
    return bound;
}

// Two constants are one, which is Mixed, so that it may meet everything and by the order of all
// types: what is no number makes NULL of them.
Bound Binder::folded(const syntax::Arithmetic& text, Bound left, Bound right) {
    const Constant *a = left.single(), *b = right.single();
    if (!a || !b) // an argument that holds a list
        refuse("Operations involving two lists are not supported", text.position);
    return folded(calculate(text.op, ValueView(a->value), ValueView(b->value)).to_value(),
                  text.position);
}

Bound Binder::folded(model::Value value, syntax::Position position) {
    Bound bound;
    bound.is_constant = true;
    bound.position = position;
    bound.kind = value.is_null() ? Kind::nothing : Kind::mixed;
    bound.operand.type = type_of(bound.kind);
    bound.operand.of = Constant{std::move(value)};
    return bound;
}

const model::Class& Binder::subquery_target(const Walk& walk, syntax::Position position) {
    const std::vector<Hop>& hops = walk.path.hops;
    if (!walk.at_end()) {
        const Piece& piece = walk.pieces[walk.next];
        const model::Property& definition = walk.at->properties[property_at(*walk.at, piece)];
        if (definition.collection == Collection::list)
            refuse("A subquery can not operate on a list of primitive values (property '" +
                       definition.name + "')",
                   piece.position);
        refuse("A subquery must operate on a list property, but '" + definition.name +
                   "' is type '" + name(kind_of(definition.type)) + "'",
               piece.position);
    }
    bool is_list =
        !walk.ends_in_links && !hops.empty() && walk.path.hop_elements.back().empty() &&
        (hops.back().backward || hops.back().definition().collection == Collection::list);
    if (!is_list) {
        std::string last = walk.ends_in_links ? "@links" : spelled(walk.pieces.back());
        refuse("A subquery must operate on a list property, but '" + last + "' is type 'link'",
               position);
    }
    return *walk.at;
}

Bound Binder::subquery(const syntax::Subquery& text) {
    if (text.variable.size() < 2 || text.variable[0] != '$')
        throw QueryFault(FaultKind::syntax,
                         "The subquery variable '" + text.variable +
                             "' is invalid. The variable must start with '$' and cannot be "
                             "empty; for example '$x'.",
                         text.position);
    Walk walk = Binder::walk(text.path);
    const model::Class& target = subquery_target(walk, text.path.position);
    if (target.find(text.variable) != model::Class::npos || !names_.declare(target, text.variable))
        refuse("Unable to create a subquery expression with variable '" + text.variable +
                   "' since an identical variable already exists in this context",
               text.position);
    const model::Class* outer = std::exchange(cls_, &target);
    bool kept = std::exchange(keeps_nesting_, true);
    SubqueryCount count;
    count.predicate = predicate(*text.predicate);
    keeps_nesting_ = kept;
    cls_ = outer;
    names_.forget(target, text.variable);
    count.path = std::move(walk.path);
    count.path.end_kind = Path::End::object;
    count.path.cls = &target;
    count.path.type = Type::link;
    count.path.is_multiple = true;
    Bound bound;
    bound.kind = Kind::integer;
    bound.position = text.position;
    bound.operand.type = Type::integer;
    bound.operand.of = std::move(count);
    return bound;
}

} // namespace realmsync::query
