// Constants and arguments: the value that a literal is where it meets another operand
// (query-language.md 5.2 to 5.4, section 6).
#include "base/base64.hpp"
#include "base/hex.hpp"
#include "model/keys.hpp"
#include "query/binding/binder.hpp"
#include "query/binding/conversion.hpp"
#include "query/binding/spelling.hpp"
#include "query/binding/type_attributes.hpp"
#include "query/printing/literals.hpp"
#include "query/printing/print.hpp"

namespace realmsync::query {

namespace {

using model::Value;
using Literal = syntax::Literal;

std::string decoded(const Literal& text) {
    std::optional<std::string> bytes = base64_decode(text.text);
    if (!bytes)
        throw QueryFault(FaultKind::syntax, "Invalid base64 value", text.position);
    return std::move(*bytes);
}

// Throws what `make` throws, with the place of the literal.
template <class Make> auto placed(const Literal& text, Make make) {
    try {
        return make();
    } catch (const QueryFault& fault) {
        if (fault.position() != QueryFault::kNoPosition)
            throw;
        throw QueryFault(fault.kind(), fault.what(), text.position);
    }
}

// A FLOAT token is a float where one is met, or behind its `f`; a double elsewhere.
Value number(std::string_view text, Kind hint) {
    bool is_float = text.ends_with('f') || text.ends_with('F');
    text.remove_suffix(is_float);
    if (is_float || hint == Kind::float32)
        return converted(Value(spelled_float(text)), hint);
    // A decimal is read from the text: 1.1 is exact.
    if (hint == Kind::decimal)
        return Value(spelled_decimal(text));
    return converted(Value(spelled_double(text)), hint);
}

// The key of an object as a constant or argument gives it; nothing if it can be none of the class.
std::optional<model::ObjectKey> key_of(const Value& value, const model::Class& cls) {
    if (value.is_null() ? !cls.key_nullable : value.type() != cls.key_type)
        return std::nullopt;
    std::optional<Key> key = model::key_of(value);
    return key ? std::optional(model::ObjectKey(*key)) : std::nullopt;
}

const model::Class* find_class(const model::Schema& schema, std::string_view name) {
    constexpr std::string_view kPrefix = "class_";
    if (name.starts_with(kPrefix))
        if (const model::Class* found = schema.find(name.substr(kPrefix.size())))
            return found;
    return schema.find(name);
}

void check_scalar(const Argument& argument, const Literal& text) {
    if (std::holds_alternative<ArgumentList>(argument))
        refuse_argument("Request for scalar argument at index " + std::to_string(text.argument) +
                            " but a list was provided",
                        text.position);
}

Bound bound_of(Constant constant, Kind hint, const Literal& text) {
    Bound bound;
    bound.is_constant = true;
    bound.position = text.position;
    bound.kind = constant.type_mask != 0 ? Kind::type_attribute : kind_of(constant.value);
    // NULL is a string or binary where it meets one (5.4).
    if (bound.kind == Kind::nothing && (hint == Kind::string || hint == Kind::binary))
        bound.kind = hint;
    bound.operand.type = type_of(bound.kind);
    bound.operand.of = std::move(constant);
    return bound;
}

Bound bound_of(ConstantList list, Kind kind, Quantifier quantifier, syntax::Position position) {
    Bound bound;
    bound.kind = kind;
    bound.is_constant = bound.is_list = bound.is_sequence = true;
    bound.position = position;
    bound.operand.quantifier = quantifier;
    bound.operand.is_multiple = true;
    bound.operand.of = std::move(list);
    return bound;
}

} // namespace

const Constant* Bound::single() const {
    if (const auto* list = std::get_if<ConstantList>(&operand.of))
        return list->items.size() == 1 ? &list->items[0] : nullptr;
    return std::get_if<Constant>(&operand.of);
}

Bound Binder::constant(const Literal& text, Kind hint) {
    if (text.kind == Literal::Kind::argument)
        return argument(text, hint);
    return bound_of(value_of(text, hint), hint, text);
}

Bound Binder::list(const syntax::ListOf& text, Kind hint) {
    ConstantList list;
    list.items.reserve(text.items.size());
    for (const Literal& item : text.items) {
        if (item.kind == Literal::Kind::argument && item.quantifier == Quantifier::unsaid)
            check_scalar(argument_at(item.argument, item.position), item);
        Bound bound = constant(item, hint);
        if (std::holds_alternative<ConstantList>(bound.operand.of))
            refuse("Invalid constant inside constant list", item.position);
        if (hint == Kind::type_attribute && bound.kind != hint)
            refuse("Invalid constant inside constant list: " + print(bound.operand), item.position);
        list.items.push_back(std::move(std::get<Constant>(bound.operand.of)));
    }
    Kind kind = hint == Kind::type_attribute ? hint : Kind::mixed;
    return bound_of(std::move(list), kind, text.quantifier, text.position);
}

const Argument& Binder::argument_at(std::uint64_t index, syntax::Position position) const {
    if (options_.is_subscription)
        refuse("Placeholders are not accepted in subscriptions", position);
    std::size_t count = arguments_.size();
    if (index < count)
        return arguments_[static_cast<std::size_t>(index)];
    std::string text = "Request for argument at index " + std::to_string(index) + " but ";
    if (count == 0)
        text += "no arguments are provided";
    else
        text += "only " + std::to_string(count) +
                (count == 1 ? " argument is provided" : " arguments are provided");
    refuse_argument(text, position);
}

Bound Binder::argument(const Literal& text, Kind hint) {
    const Argument& argument = argument_at(text.argument, text.position);
    if (const auto* result = std::get_if<Folded>(&argument))
        return folded(result->value.clone(), text.position);
    std::string name = "$" + std::to_string(text.argument);
    const auto* list = std::get_if<ArgumentList>(&argument);
    if (text.quantifier != Quantifier::unsaid && !list)
        refuse("ANY/ALL/NONE are only allowed on arguments which contain a list but '" + name +
                   "' is not a list.",
               text.position);
    if (const auto* value = std::get_if<Value>(&argument))
        return bound_of(argument_value(*value, text, hint), hint, text);
    if (!list)
        refuse("Unsupported comparison between property of type '" + query::name(hint) +
                   "' and constant value: argument '" + name + "'",
               text.position);
    ConstantList constants;
    constants.items.reserve(list->items.size());
    for (const Value& item : list->items) {
        if (item.is_container())
            refuse("Invalid constant inside constant list", text.position);
        constants.items.push_back(
            {placed(text, [&] { return converted(item.clone(), hint, true); })});
    }
    return bound_of(std::move(constants), Kind::mixed, text.quantifier, text.position);
}

Constant Binder::argument_value(const Value& value, const Literal& text, Kind hint) {
    std::string name = "$" + std::to_string(text.argument);
    if (value.is_container())
        refuse("Unsupported comparison between property of type '" + query::name(hint) +
                   "' and constant value: argument '" + name + "'",
               text.position);
    auto refuse_value = [&]() {
        const model::Link* link = value.link();
        std::string what = "argument " + name + " with value '";
        if (link)
            what = name + " which links to '" + link->table + "' with primary key '" +
                   key_literal(link->key.view()) + "'";
        else
            what += literal(value, Digits::six) + "'";
        refuse_argument("Cannot compare " + what + " to a " + query::name(hint), text.position);
    };
    Kind kind = kind_of(value);
    if (kind == Kind::nothing)
        return {};
    if (hint == Kind::type_attribute && kind == Kind::string)
        return attribute_of(std::get<std::string>(value.data), text.position);
    // Conversion has messages of its own, but only where a number is met.
    if (!may_meet(kind, hint) && !is_numeric(hint))
        refuse_value();
    Value made = placed(text, [&] { return converted(value.clone(), hint); });
    if (!may_meet(kind_of(made), hint))
        refuse_value();
    return {std::move(made)};
}

Constant Binder::attribute_of(std::string_view name, syntax::Position position) {
    std::optional<Constant> attribute = type_attribute(name);
    if (!attribute)
        refuse_argument("Unable to parse the type attribute string '" + std::string(name) +
                            "', supported case insensitive values are: [" + type_attribute_names() +
                            "]",
                        position);
    return std::move(*attribute);
}

Constant Binder::value_of(const Literal& text, Kind hint) {
    using enum Literal::Kind;
    bool is_negative = text.text.starts_with('-');
    auto of_text = [&](std::string value) -> Constant {
        if (hint == Kind::type_attribute)
            return attribute_of(value, text.position);
        return {converted(Value(std::move(value)), hint)};
    };
    switch (text.kind) {
    case natural:
    case Literal::Kind::number: return {converted(Value(spelled_integer(text.text)), hint)};
    case floating: return {placed(text, [&] { return query::number(text.text, hint); })};
    case Literal::Kind::infinity:
        return {placed(text, [&] { return query::infinity(is_negative, hint); })};
    case nan: return {placed(text, [&] { return not_a_number(is_negative, hint); })};
    case string: return of_text(text.text);
    case base64:
        if (hint == Kind::binary)
            return {Value(model::Binary{decoded(text)})};
        return of_text(decoded(text));
    case binary: return {Value(model::Binary{text.text})};
    case binary64: return {Value(model::Binary{decoded(text)})};
    case uuid: return {Value(*parse_uuid(text.text))};
    case object_id: return {Value(*parse_object_id(text.text))};
    case timestamp: return {placed(text, [&] { return Value(spelled_timestamp(text.text)); })};
    case local_link:
    case typed_link:
        refuse("'" + text.text +
                   "' names an object by a key that only one file knows; write "
                   "obj(\"Class\", key)",
               text.position);
    case boolean_true: return {Value(true)};
    case boolean_false: return {Value(false)};
    case null:
    case Literal::Kind::argument: break; // an argument is not spelled
    case Literal::Kind::object: return {Binder::object(text)};
    }
    return {};
}

// obj("Class", key): NULL where there is no such object (5.2).
Value Binder::object(const Literal& text) {
    const model::Class* cls = find_class(*schema_, text.text);
    if (!cls)
        refuse("Unknown object type '" + text.text + "'", text.position);
    Value given;
    if (text.key->kind == Literal::Kind::argument) {
        const Argument& argument = argument_at(text.key->argument, text.key->position);
        check_scalar(argument, *text.key);
        const auto* value = std::get_if<Value>(&argument);
        given = value ? value->clone() : Value(false); // a region is no key
    } else {
        given = value_of(*text.key, Kind::mixed).value;
    }
    std::optional<model::ObjectKey> key = key_of(given, *cls);
    if (!key || (options_.exists && !options_.exists(*cls, key->view())))
        return Value();
    return Value(std::make_unique<model::Link>(model::Link{cls->name, std::move(*key)}));
}

} // namespace realmsync::query
