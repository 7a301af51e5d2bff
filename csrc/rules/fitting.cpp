#include "rules/fitting.hpp"

#include <cmath>
#include <limits>

#include "base/sorted_unique.hpp"
#include "query/binding/conversion.hpp"
#include "query/values/arithmetic.hpp"
#include "query/values/value_view.hpp"
#include "rules/comparison.hpp"

namespace realmsync::rules {

namespace {

using model::Value;

bool is_number(Type type) {
    return type == Type::integer || type == Type::float32 || type == Type::float64 ||
           type == Type::decimal;
}

bool is_infinite(const Value& value) {
    const query::ValueView view(value);
    return (value.type() == Type::float32 || value.type() == Type::float64) &&
           std::isinf(view.real());
}

template <class Float> Value real(const Value& value) {
    if (const auto* integer = std::get_if<std::int64_t>(&value.data)) {
        constexpr std::int64_t kExact = std::int64_t{1} << std::numeric_limits<Float>::digits;
        return *integer >= -kExact && *integer <= kExact ? Value(static_cast<Float>(*integer))
                                                         : Value(*integer);
    }
    if (value.type() == Type::decimal)
        return value.clone();
    const double wide = query::ValueView(value).real();
    const auto narrow = static_cast<Float>(wide);
    return static_cast<double>(narrow) == wide ? Value(narrow) : value.clone();
}

Value fitted_number(const Value& value, Type type) {
    switch (type) {
    case Type::integer:
        return is_infinite(value) ? value.clone()
                                  : query::converted(value.clone(), query::Kind::integer);
    case Type::float32: return real<float>(value);
    case Type::float64: return real<double>(value);
    default: return value.clone();
    }
}

// A number that the type has, the nearest one if need be; nothing of what is no number.
Value stored_number(const Value& value, Type type) {
    if (!is_number(value.type()))
        return {};
    const query::ValueView view(value);
    if (type == Type::decimal)
        return Value(query::decimal_of(view));
    const std::optional<Value> exact = is_nan(value) ? std::nullopt : fitted(value, type);
    if (exact && exact->type() == type)
        return exact->clone();
    if (type == Type::integer || value.type() == Type::decimal)
        return {};
    const double number =
        value.type() == Type::integer ? static_cast<double>(view.integer()) : view.real();
    return type == Type::float32 ? Value(static_cast<float>(number)) : Value(number);
}

Key key_of(const Value& value) {
    LinkTarget scratch;
    const Scalar scalar = value.view(scratch);
    Key key;
    key.type = scalar.type;
    switch (scalar.type) {
    case Type::integer: key.integer = scalar.integer; break;
    case Type::string: key.string = scalar.bytes; break;
    case Type::object_id: key.object_id = scalar.object_id; break;
    case Type::uuid: key.uuid = scalar.uuid; break;
    default: key.type = Type::null; break;
    }
    return key;
}

Value stored_single(const Value& value, const model::Property& property) {
    if (value.is_null())
        return {};
    if (property.is_embedded())
        return value.dictionary() == nullptr ? Value() : Value::empty(Type::object_value);
    if (property.is_link()) {
        const std::optional<Value> link = link_to(value, property);
        return link ? link->clone() : Value();
    }
    if (property.type == kMixed)
        return value.clone();
    if (is_number(property.type))
        return stored_number(value, property.type);
    return value.type() == property.type ? value.clone() : Value();
}

} // namespace

std::optional<Value> link_to(const Value& value, const model::Property& property) {
    const Key key = key_of(value);
    if (key.type == Type::null || key.type != property.target_key_type)
        return std::nullopt;
    return Value(
        std::make_unique<model::Link>(model::Link{property.target, model::ObjectKey(key)}));
}

std::optional<Value> fitted(const Value& value, Type type) {
    if (type == kMixed)
        return value.clone();
    if (is_number(type))
        return is_number(value.type()) ? std::optional(fitted_number(value, type)) : std::nullopt;
    return value.type() == type ? std::optional(value.clone()) : std::nullopt;
}

Value stored(const Value& value, const model::Property& property) {
    if (property.collection == Collection::single)
        return stored_single(value, property);
    if (property.collection == Collection::dictionary)
        return Value::empty(Type::dictionary); // rules do not look into them
    const bool is_set = property.collection == Collection::set;
    Value result = Value::empty(is_set ? Type::set : Type::list);
    auto& items = is_set ? result.set()->items : result.list()->items;
    if (value.list() == nullptr)
        return result;
    std::vector<Value> members;
    for (const Value& item : value.list()->items)
        members.push_back(stored_single(item, property));
    if (is_set)
        make_set(members);
    for (Value& member : members)
        items.push_back(std::move(member));
    return result;
}

void make_set(std::vector<Value>& members) {
    sort_unique(members, [](const Value& a, const Value& b) { return model::compare(a, b) < 0; });
}

} // namespace realmsync::rules
