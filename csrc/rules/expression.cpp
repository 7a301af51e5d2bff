#include "rules/expression.hpp"

#include <algorithm>

#include "rules/comparison.hpp"
#include "rules/limits.hpp"
#include "rules/nodes.hpp"
#include "rules/reader.hpp"
#include "rules/terms.hpp"

namespace realmsync::rules {

namespace {

class Evaluation {
  public:
    Evaluation(Resolver& resolver, query::Work& work) : resolver_(resolver), work_(work) {}

    // As deep as the reader lets expressions be.
    bool is_true(const Node& node) {
        if (const auto* flag = std::get_if<bool>(&node.of))
            return *flag;
        if (const auto* junction = std::get_if<Junction>(&node.of)) {
            auto test = [this](const Node& member) { return is_true(member); };
            const auto& members = junction->members;
            switch (junction->kind) {
            case Junction::Kind::all: return std::all_of(members.begin(), members.end(), test);
            case Junction::Kind::any: return std::any_of(members.begin(), members.end(), test);
            default: return std::none_of(members.begin(), members.end(), test);
            }
        }
        return is_true(std::get<Test>(node.of));
    }

  private:
    bool is_true(const Test& test) {
        if (std::holds_alternative<Field>(*test.subject))
            return false;
        return holds(left_of(*test.subject, resolver_), test.op, resolver_.resolve(test.right),
                     test.right.is_null(), work_);
    }

    Resolver& resolver_;
    query::Work& work_;
};

} // namespace

Expression::Expression(const model::Value& json, Use use)
    : tree_(std::make_shared<const Tree>(read(json, use))) {}

const std::vector<std::string>& Expression::fields() const { return tree_->fields; }
const std::vector<std::string>& Expression::functions() const { return tree_->functions; }
bool Expression::speaks_of_document() const { return tree_->speaks_of_document; }

std::vector<Call> Expression::calls(const Context& context) const {
    return within_limits(
        [&](query::Work& work) { return Resolver(*tree_, context, {}, work).calls(); });
}

bool Expression::evaluate(const Context& context,
                          std::span<const std::optional<model::Value>> results) const {
    if (tree_->speaks_of_document)
        return false;
    return within_limits([&](query::Work& work) {
        Resolver resolver(*tree_, context, results, work);
        return Evaluation(resolver, work).is_true(tree_->root);
    });
}

} // namespace realmsync::rules
