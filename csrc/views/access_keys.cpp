#include "views/access_keys.hpp"
#include "base/sorted_unique.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <variant>

namespace realmsync::views {

namespace {

using query::Comparison;
using query::Constant;
using query::Group;
using query::Membership;
using query::Path;
using query::Predicate;

// Types whose equality is that of their bytes. Numbers of other types equal some of other types
// yet.
bool has_keys(Type type) {
    switch (type) {
    case Type::integer:
    case Type::boolean:
    case Type::string:
    case Type::binary:
    case Type::timestamp:
    case Type::object_id:
    case Type::uuid: return true;
    default: return false;
    }
}

// A property of the object itself, or the values of a list or set there.
bool is_keyed(const Path& path) {
    if (!path.hops.empty() || path.end_kind != Path::End::property || !path.elements.empty() ||
        path.ending != query::Ending::value || !has_keys(path.definition().type))
        return false;
    const Collection collection = path.definition().collection;
    return collection == Collection::single || collection == Collection::list ||
           collection == Collection::set;
}

std::optional<AccessKeys> keys_of(const Path& path, const std::vector<const Constant*>& constants) {
    if (!is_keyed(path) || constants.size() > kMaxAccessKeys)
        return std::nullopt;
    AccessKeys found;
    found.properties.push_back(path.property);
    for (const Constant* constant : constants) {
        const bool is_of_type =
            constant->value.is_null() || constant->value.type() == path.definition().type;
        std::string key;
        if (!is_of_type || !append_key(key, path.property, constant->value))
            return std::nullopt;
        found.keys.push_back(std::move(key));
    }
    return found;
}

std::optional<AccessKeys> keys_of(const Membership& membership) {
    std::vector<const Constant*> constants;
    for (const Constant& item : membership.items)
        constants.push_back(&item);
    return keys_of(membership.path, constants);
}

// path == constant, in either order. ALL and NONE of a list hold without any of its values.
std::optional<AccessKeys> keys_of(const Comparison& comparison) {
    const query::Operand* path = &comparison.left;
    const query::Operand* value = &comparison.right;
    if (std::holds_alternative<query::PathOperand>(value->of))
        std::swap(path, value);
    const auto* of = std::get_if<query::PathOperand>(&path->of);
    const auto* constant = std::get_if<Constant>(&value->of);
    if (of == nullptr || constant == nullptr || comparison.op != query::Operator::equal ||
        comparison.ignore_case || path->quantifier == query::Quantifier::all ||
        path->quantifier == query::Quantifier::none)
        return std::nullopt;
    return keys_of(of->path, {constant});
}

// Of a disjunction: those of all members, if each has some.
std::optional<AccessKeys> all_of(const Group& group) {
    AccessKeys found;
    for (const query::PredicatePtr& member : group.members) {
        auto keys = access_keys(*member);
        if (!keys || found.keys.size() + keys->keys.size() > kMaxAccessKeys)
            return std::nullopt;
        std::ranges::move(keys->keys, std::back_inserter(found.keys));
        std::ranges::move(keys->properties, std::back_inserter(found.properties));
    }
    return found;
}

// Of a conjunction: those of the member that has the fewest.
std::optional<AccessKeys> best_of(const Group& group) {
    std::optional<AccessKeys> best;
    for (const query::PredicatePtr& member : group.members) {
        auto keys = access_keys(*member);
        if (keys && (!best || keys->keys.size() < best->keys.size()))
            best = std::move(keys);
    }
    return best;
}

std::optional<AccessKeys> found_in(const Predicate& predicate) {
    if (const auto* truth = std::get_if<query::Truth>(&predicate.of))
        return truth->value ? std::nullopt : std::optional(AccessKeys{});
    if (const auto* membership = std::get_if<Membership>(&predicate.of))
        return keys_of(*membership);
    if (const auto* comparison = std::get_if<Comparison>(&predicate.of))
        return keys_of(*comparison);
    if (const auto* group = std::get_if<Group>(&predicate.of))
        return group->conjunction ? best_of(*group) : all_of(*group);
    return std::nullopt;
}

template <class T> void append_bytes(std::string& bytes, const T& value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes.append(raw, sizeof raw);
}

void append_time(std::string& bytes, const Timestamp& time) {
    append_bytes(bytes, time.seconds);
    append_bytes(bytes, time.nanoseconds);
}

} // namespace

std::optional<AccessKeys> access_keys(const Predicate& predicate) {
    auto found = found_in(predicate);
    if (found) {
        sort_unique(found->keys);
        sort_unique(found->properties);
    }
    return found;
}

bool append_key(std::string& bytes, std::size_t property, const model::Value& value) {
    append_bytes(bytes, static_cast<std::uint32_t>(property));
    bytes += static_cast<char>(value.type());
    if (value.is_null())
        return true;
    if (const auto* integer = std::get_if<std::int64_t>(&value.data))
        append_bytes(bytes, *integer);
    else if (const auto* boolean = std::get_if<bool>(&value.data))
        bytes += static_cast<char>(*boolean);
    else if (const auto* text = std::get_if<std::string>(&value.data))
        bytes += *text;
    else if (const auto* binary = std::get_if<model::Binary>(&value.data))
        bytes += binary->bytes;
    else if (const auto* time = std::get_if<Timestamp>(&value.data))
        append_time(bytes, *time);
    else if (const auto* id = std::get_if<ObjectId>(&value.data))
        append_bytes(bytes, *id);
    else if (const auto* uuid = std::get_if<Uuid>(&value.data))
        append_bytes(bytes, *uuid);
    else
        return false;
    return true;
}

} // namespace realmsync::views
