// Copies of the parts of a tree that hold values, which are not copied by themselves. Predicates
// are shared instead.
#pragma once

#include "query/tree/tree.hpp"

namespace realmsync::query {

inline Constant copy(const Constant& constant) {
    return {constant.value.clone(), constant.type_mask};
}

inline std::vector<Constant> copy(const std::vector<Constant>& constants) {
    std::vector<Constant> copies;
    copies.reserve(constants.size());
    for (const Constant& constant : constants)
        copies.push_back(copy(constant));
    return copies;
}

inline Operand copy(const Operand& operand) {
    Operand out;
    out.quantifier = operand.quantifier;
    out.type = operand.type;
    out.is_multiple = operand.is_multiple;
    if (const auto* constant = std::get_if<Constant>(&operand.of))
        out.of = copy(*constant);
    else if (const auto* list = std::get_if<ConstantList>(&operand.of))
        out.of = ConstantList{copy(list->items)};
    else if (const auto* path = std::get_if<PathOperand>(&operand.of))
        out.of = *path;
    else if (const auto* count = std::get_if<SubqueryCount>(&operand.of))
        out.of = *count;
    else
        out.of = std::get<Arithmetic>(operand.of);
    return out;
}

template <class Kind> PredicatePtr make_predicate(Kind kind) {
    auto predicate = std::make_shared<Predicate>();
    predicate->of = std::move(kind);
    return predicate;
}

} // namespace realmsync::query
