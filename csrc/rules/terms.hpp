// What the terms of an expression stand for in one context: literals as they are, expansions looked
// up, conversions done, results of functions put in (app-configuration.md 6.1 to 6.3).
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "query/work.hpp"
#include "rules/context.hpp"
#include "rules/expression.hpp"
#include "rules/nodes.hpp"

namespace realmsync::rules {

// A value, or nothing: what is missing is not null.
struct Resolved {
    const model::Value* value = nullptr; // as long as the Resolver lives
    // An array that lacks elements which are missing.
    bool lacks_elements = false;
};

// Of one expression and one context, which have to live as long.
class Resolver {
  public:
    // `results` of the calls of the expression, in their order. The work of copies is counted.
    Resolver(const Tree& tree, const Context& context,
             std::span<const std::optional<model::Value>> results, query::Work& work);

    Resolved resolve(const Term& term);
    Resolved resolve(const Expansion& expansion) const;

    // The distinct calls of the expression. Does not need results.
    std::vector<Call> calls();

  private:
    Resolved convert(const Term::Converted& conversion);
    Resolved array(const Term::Array& array);
    Resolved result(std::size_t site);
    void number_calls();
    const model::Value* keep(model::Value value);
    model::Value copied(const model::Value& value);

    const Tree& tree_;
    const Context& context_;
    std::span<const std::optional<model::Value>> results_;
    query::Work& work_;
    std::deque<model::Value> kept_;
    std::vector<Call> calls_;
    std::vector<std::size_t> call_of_site_; // index into calls_; empty until it is needed
};

// What a walk over a value costs, in steps of work.
std::size_t weight(const model::Value& value);

} // namespace realmsync::rules
