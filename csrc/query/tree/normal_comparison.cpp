#include "query/tree/normal_comparison.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "query/tree/tree_bytes.hpp"
#include "query/values/compare_values.hpp"

namespace realmsync::query {

namespace {

bool is_constant(const Operand& operand) {
    return std::holds_alternative<Constant>(operand.of) ||
           std::holds_alternative<ConstantList>(operand.of);
}

const Path* path_of(const Operand& operand) {
    const auto* path = std::get_if<PathOperand>(&operand.of);
    return path == nullptr ? nullptr : &path->path;
}

// Constants go to the right; of two single values the lesser bytes to the left. Two quantified
// sides are read from left to right, and stay.
void mirror(Comparison& comparison) {
    if (is_text_operator(comparison.op) || comparison.meeting == Meeting::sequence)
        return;
    Operand& left = comparison.left;
    Operand& right = comparison.right;
    bool is_mirrored = is_constant(left) && !is_constant(right);
    if (is_mirrored && is_quantified(left) && is_quantified(right))
        return;
    if (!is_constant(left) && !is_constant(right) && !is_quantified(left) && !is_quantified(right))
        is_mirrored = tree_bytes(right) < tree_bytes(left);
    if (is_mirrored) {
        std::swap(left, right);
        comparison.op = mirrored(comparison.op);
    }
}

// Where a list of values meets others the quantifier is ANY unless another is said.
void say_any(Operand& operand) {
    if (operand.is_multiple && operand.quantifier == Quantifier::unsaid)
        operand.quantifier = Quantifier::any;
}

// A list that is not compared in order is a set.
void sort_list(Operand& operand) {
    auto* list = std::get_if<ConstantList>(&operand.of);
    if (list == nullptr)
        return;
    std::map<std::string, Constant> items;
    for (Constant& item : list->items)
        items.try_emplace(tree_bytes(item), std::move(item));
    list->items.clear();
    for (auto& [bytes, item] : items)
        list->items.push_back(std::move(item));
}

// int >= v is > v - 1, as the reference has it for columns (Q3).
void move_bound(Comparison& comparison) {
    auto* constant = std::get_if<Constant>(&comparison.right.of);
    const Path* path = path_of(comparison.left);
    if (path == nullptr || path->type != Type::integer || constant == nullptr)
        return;
    auto* bound = std::get_if<std::int64_t>(&constant->value.data);
    if (bound == nullptr)
        return;
    using Limits = std::numeric_limits<std::int64_t>;
    if (comparison.op == Operator::greater_equal && *bound > Limits::min()) {
        comparison.op = Operator::greater;
        --*bound;
    } else if (comparison.op == Operator::less_equal && *bound < Limits::max()) {
        comparison.op = Operator::less;
        ++*bound;
    }
}

// An integer that a floating point column meets is one of its own numbers, if it is one. Under <
// and
// <= it would not select a stored NaN any more (Q12).
template <class Float> void take_type(Comparison& comparison, Constant& constant) {
    constexpr std::int64_t kExact = std::int64_t{1} << std::numeric_limits<Float>::digits;
    const auto* number = std::get_if<std::int64_t>(&constant.value.data);
    if (number == nullptr || *number < -kExact || *number > kExact)
        return;
    constant.value = model::Value(static_cast<Float>(*number));
    comparison.right.type = constant.value.type();
    comparison.meeting = Meeting::ieee;
}

void take_type_of_column(Comparison& comparison) {
    auto* constant = std::get_if<Constant>(&comparison.right.of);
    const Path* path = path_of(comparison.left);
    const bool selects_nan =
        comparison.op == Operator::less || comparison.op == Operator::less_equal;
    if (path == nullptr || !path->is_column() || constant == nullptr || selects_nan ||
        comparison.meeting != Meeting::generic)
        return;
    if (path->type == Type::float64)
        take_type<double>(comparison, *constant);
    else if (path->type == Type::float32)
        take_type<float>(comparison, *constant);
}

// Paths through several collections are tested collection by collection (section 22), so that NONE
// is not the complement of ANY there.
bool has_one_collection(const Path& path) {
    auto is_collection = [](const Hop& hop) { return hop.is_multiple(); };
    std::ptrdiff_t collections = std::count_if(path.hops.begin(), path.hops.end(), is_collection);
    if (path.end_kind == Path::End::property && path.definition().collection != Collection::single)
        ++collections;
    auto has_elements = [](const std::vector<Element>& elements) { return !elements.empty(); };
    const bool has_choices =
        std::any_of(path.hop_elements.begin(), path.hop_elements.end(), has_elements);
    return collections == 1 && !has_choices && path.elements.empty();
}

// Whether there is a value for every object, be it null. Sizes behind null links and entries of
// empty dictionaries are not there at all, and are neither equal nor unequal to anything.
bool is_always_there(const Operand& operand) {
    if (is_constant(operand) || std::holds_alternative<SubqueryCount>(operand.of))
        return true;
    const Path* path = path_of(operand);
    if (path == nullptr)
        return false;
    auto has_elements = [](const std::vector<Element>& elements) { return !elements.empty(); };
    return path->ending == Ending::value && path->elements.empty() &&
           std::none_of(path->hop_elements.begin(), path->hop_elements.end(), has_elements);
}

// Whether one of < and >= is true for every value of the left side.
bool is_totally_ordered(const Comparison& comparison) {
    const Path* path = path_of(comparison.left);
    const auto* constant = std::get_if<Constant>(&comparison.right.of);
    if (path == nullptr || constant == nullptr || !path->is_column())
        return false;
    if (comparison.meeting == Meeting::string_column)
        return true;
    return !path->definition().nullable && path->type != kMixed &&
           (comparison.meeting == Meeting::generic ||
            comparison.meeting == Meeting::binary_column) &&
           !constant->value.is_null() && !is_nan(constant->value);
}

} // namespace

bool is_quantified(const Operand& operand) {
    return operand.is_multiple || operand.quantifier != Quantifier::unsaid;
}

NormalComparison normal(Comparison comparison) {
    mirror(comparison);
    if (comparison.meeting == Meeting::generic) {
        say_any(comparison.left);
        say_any(comparison.right);
    }
    if (comparison.meeting != Meeting::sequence) {
        sort_list(comparison.left);
        sort_list(comparison.right);
    }
    move_bound(comparison);
    take_type_of_column(comparison);
    const Path* path = path_of(comparison.left);
    const bool is_none = comparison.left.quantifier == Quantifier::none && path != nullptr &&
                         comparison.left.is_multiple && has_one_collection(*path) &&
                         (is_constant(comparison.right) || !comparison.right.is_multiple);
    if (is_none)
        comparison.left.quantifier = Quantifier::any;
    return {std::move(comparison), is_none};
}

std::optional<Operator> complement(const Comparison& comparison) {
    if (is_quantified(comparison.left) || is_quantified(comparison.right) ||
        comparison.meeting == Meeting::sequence || comparison.ignore_case ||
        !is_always_there(comparison.left) || !is_always_there(comparison.right))
        return std::nullopt;
    switch (comparison.op) {
    case Operator::equal: return Operator::not_equal;
    case Operator::not_equal: return Operator::equal;
    case Operator::less:
        return is_totally_ordered(comparison) ? std::optional(Operator::greater_equal)
                                              : std::nullopt;
    case Operator::less_equal:
        return is_totally_ordered(comparison) ? std::optional(Operator::greater) : std::nullopt;
    case Operator::greater:
        return is_totally_ordered(comparison) ? std::optional(Operator::less_equal) : std::nullopt;
    case Operator::greater_equal:
        return is_totally_ordered(comparison) ? std::optional(Operator::less) : std::nullopt;
    default: return std::nullopt;
    }
}

} // namespace realmsync::query
