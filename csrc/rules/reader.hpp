// From the JSON of an expression to its tree, or to what is wrong with it (app-configuration.md
// 6.1).
#pragma once

#include "rules/expression.hpp"
#include "rules/nodes.hpp"

namespace realmsync::rules {

// Throws ExpressionFault. O(size of the expression), which is bounded.
Tree read(const model::Value& json, Use use);

} // namespace realmsync::rules
