// What an expression says once the user and all else that expansions stand for is put in, as bytes:
// a change of them is a change of the role, whatever the classes are (flexible-sync.md 10.3).
#pragma once

#include <string>

#include "rules/context.hpp"
#include "rules/expression.hpp"

namespace realmsync::rules {

// Equal bytes: the filter lets the same objects through, in every class. Of the context only what
// the expression makes of it is in them. Stable across processes. Throws ExpressionFault when they
// would be too large.
std::string meaning(const Expression& filter, const Context& context);

} // namespace realmsync::rules
