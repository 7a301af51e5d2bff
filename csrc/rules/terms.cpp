#include "rules/terms.hpp"

#include <map>
#include <utility>

#include "base/hex.hpp"
#include "query/values/compare_values.hpp"
#include "rules/limits.hpp"

namespace realmsync::rules {

namespace {

using model::Value;

constexpr std::size_t kBytesInStep = 32; // of text that is compared or copied

const Value* root_of(const Context& context, Expansion::Root root) {
    switch (root) {
    case Expansion::Root::user: return &context.user;
    case Expansion::Root::values: return &context.values;
    case Expansion::Root::environment: return &context.environment;
    case Expansion::Root::partition: return context.partition ? &*context.partition : nullptr;
    case Expansion::Root::request: return context.request ? &*context.request : nullptr;
    default: return nullptr;
    }
}

std::optional<Value> converted(Conversion by, const Value& value) {
    const auto* text = std::get_if<std::string>(&value.data);
    const auto* object_id = std::get_if<ObjectId>(&value.data);
    const auto* uuid = std::get_if<Uuid>(&value.data);
    switch (by) {
    case Conversion::string_to_object_id:
        if (const auto id = parse_object_id(text == nullptr ? "" : *text))
            return Value(*id);
        break;
    case Conversion::object_id_to_string:
        if (object_id != nullptr)
            return Value(format_object_id(*object_id));
        break;
    case Conversion::string_to_uuid:
        if (const auto id = parse_uuid(text == nullptr ? "" : *text))
            return Value(*id);
        break;
    case Conversion::uuid_to_string:
        if (uuid != nullptr)
            return Value(format_uuid(*uuid));
        break;
    }
    return std::nullopt;
}

// An order of calls, to find those that are alike.
struct IsBefore {
    bool operator()(const Call* a, const Call* b) const {
        if (a->function != b->function)
            return a->function < b->function;
        if (a->arguments.size() != b->arguments.size())
            return a->arguments.size() < b->arguments.size();
        for (std::size_t i = 0; i < a->arguments.size(); ++i)
            if (const int order = query::exact_order(query::ValueView(a->arguments[i]),
                                                     query::ValueView(b->arguments[i])))
                return order < 0;
        return false;
    }
};

} // namespace

std::size_t weight(const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value.data))
        return 1 + text->size() / kBytesInStep;
    if (const auto* binary = std::get_if<model::Binary>(&value.data))
        return 1 + binary->bytes.size() / kBytesInStep;
    std::size_t sum = 1;
    if (value.list() != nullptr)
        for (const Value& item : value.list()->items)
            sum += weight(item);
    if (value.dictionary() != nullptr)
        for (const auto& [key, item] : value.dictionary()->items)
            sum += 1 + key.size() / kBytesInStep + weight(item);
    return sum;
}

Resolver::Resolver(const Tree& tree, const Context& context,
                   std::span<const std::optional<Value>> results, query::Work& work)
    : tree_(tree), context_(context), results_(results), work_(work) {}

Resolved Resolver::resolve(const Term& term) {
    if (const auto* literal = std::get_if<Value>(&term.of))
        return {literal};
    if (const auto* expansion = std::get_if<Expansion>(&term.of))
        return resolve(*expansion);
    if (const auto* conversion = std::get_if<Term::Converted>(&term.of))
        return convert(*conversion);
    if (const auto* items = std::get_if<Term::Array>(&term.of))
        return array(*items);
    return result(std::get<Term::Called>(term.of).site);
}

Resolved Resolver::resolve(const Expansion& expansion) const {
    const Value* at = root_of(context_, expansion.root);
    for (const std::string& step : expansion.path) {
        const model::Dictionary* object = at == nullptr ? nullptr : at->dictionary();
        if (object == nullptr)
            return {};
        auto found = object->items.find(step);
        at = found == object->items.end() ? nullptr : &found->second;
    }
    return {at};
}

Resolved Resolver::convert(const Term::Converted& conversion) {
    const Resolved of = resolve(*conversion.of);
    std::optional<Value> value =
        of.value == nullptr ? std::nullopt : converted(conversion.by, *of.value);
    return {value ? keep(std::move(*value)) : nullptr};
}

Resolved Resolver::array(const Term::Array& array) {
    Value list = Value::empty(Type::list);
    bool lacks_elements = false;
    for (const Term& item : array.items) {
        const Resolved resolved = resolve(item);
        lacks_elements |= resolved.value == nullptr || resolved.lacks_elements;
        if (resolved.value != nullptr)
            list.list()->items.push_back(copied(*resolved.value));
    }
    return {keep(std::move(list)), lacks_elements};
}

Resolved Resolver::result(std::size_t site) {
    number_calls();
    const std::size_t call = call_of_site_[site];
    if (call >= results_.size() || !results_[call])
        return {};
    return {&*results_[call]};
}

std::vector<Call> Resolver::calls() {
    number_calls();
    return std::move(calls_);
}

void Resolver::number_calls() {
    if (!call_of_site_.empty())
        return;
    std::map<const Call*, std::size_t, IsBefore> known;
    std::deque<Call> distinct; // where pointers stay valid
    for (const CallSite& site : tree_.sites) {
        Call call{site.function, {}};
        for (const Term& argument : site.arguments) {
            const Resolved resolved = resolve(argument);
            call.arguments.push_back(resolved.value == nullptr ? Value() : copied(*resolved.value));
        }
        distinct.push_back(std::move(call));
        const auto [found, is_new] = known.try_emplace(&distinct.back(), known.size());
        if (!is_new)
            distinct.pop_back();
        call_of_site_.push_back(found->second);
    }
    for (Call& call : distinct)
        calls_.push_back(std::move(call));
}

const Value* Resolver::keep(Value value) { return &kept_.emplace_back(std::move(value)); }

Value Resolver::copied(const Value& value) {
    work_.spend(weight(value) * kKeptStep);
    return value.clone();
}

} // namespace realmsync::rules
