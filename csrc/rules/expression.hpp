// Expressions of rules, compiled once: what they may say, and whether they are true for a user
// (app-configuration.md section 6). An expression about documents becomes a predicate of the query
// language in filter.hpp; the rights that a role gives are in rights.hpp.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/value.hpp"
#include "rules/context.hpp"
#include "rules/fault.hpp"

namespace realmsync::rules {

// Where an expression stands decides what it may speak of.
enum class Use : unsigned char {
    apply_when,   // user, values, environment, functions; documents make a role unusable (5.4)
    filter,       // and fields of the document; no functions
    partition,    // %%partition, user, values, environment, functions (5.6)
    can_evaluate, // %%request, user, values, environment, functions (9.1)
};

// A function that an expression calls, with its arguments for one context. An argument that is
// missing is null.
struct Call {
    std::string function;
    std::vector<model::Value> arguments;
};

struct Tree; // nodes.hpp

// Immutable and cheap to copy. Deep and huge expressions are refused: 100 levels, 100,000 nodes.
class Expression {
  public:
    // `json`: true, false, text or a dictionary, with extended JSON decoded. Throws
    // ExpressionFault.
    Expression(const model::Value& json, Use use);

    // Properties that it speaks of, sorted, each once.
    const std::vector<std::string>& fields() const;
    // Names of functions that it calls, sorted, each once.
    const std::vector<std::string>& functions() const;
    // Of apply_when: whether it can only be decided by looking at a document, or at what is not
    // there when a session begins (%%root, %%partition, %%request, …).
    bool speaks_of_document() const;

    // The calls that evaluate() needs, each distinct one once.
    std::vector<Call> calls(const Context& context) const;
    // Whether it is true. `results`: of calls(), in their order; missing ones (a function that
    // failed or is not there) make their comparison false. O(size of the expression and of what it
    // compares). What needs a document is false. Throws ExpressionFault when the context is so
    // large that the work is too much.
    bool evaluate(const Context& context,
                  std::span<const std::optional<model::Value>> results = {}) const;

    const Tree& tree() const { return *tree_; }

  private:
    std::shared_ptr<const Tree> tree_;
};

} // namespace realmsync::rules
