#include "rules/filter.hpp"

#include <utility>
#include <vector>

#include "rules/comparison.hpp"
#include "rules/limits.hpp"
#include "rules/nodes.hpp"
#include "rules/predicates.hpp"
#include "rules/property_test.hpp"
#include "rules/terms.hpp"

namespace realmsync::rules {

namespace {

using query::PredicatePtr;

class FilterExpansion {
  public:
    FilterExpansion(const Tree& tree, const Context& context, const model::Class& cls,
                    query::Work& work)
        : resolver_(tree, context, {}, work), cls_(cls), work_(work) {}

    // As deep as the reader lets expressions be.
    PredicatePtr expand(const Node& node) {
        if (const auto* flag = std::get_if<bool>(&node.of))
            return truth(*flag);
        if (const auto* junction = std::get_if<Junction>(&node.of)) {
            std::vector<PredicatePtr> members;
            for (const Node& member : junction->members)
                members.push_back(expand(member));
            switch (junction->kind) {
            case Junction::Kind::all: return all_of(std::move(members));
            case Junction::Kind::any: return any_of(std::move(members));
            default: return negated(any_of(std::move(members)));
            }
        }
        return expand(std::get<Test>(node.of));
    }

  private:
    PredicatePtr expand(const Test& test) {
        const Resolved right = resolver_.resolve(test.right);
        const auto* field = std::get_if<Field>(test.subject.get());
        if (field == nullptr)
            return decided(left_of(*test.subject, resolver_), test, right);
        const std::size_t property = cls_.find(field->name);
        if (property == model::Class::npos)
            return decided({&null_}, test, right);
        return test_property(cls_, property, test.op, right, work_);
    }

    PredicatePtr decided(const Left& left, const Test& test, const Resolved& right) {
        return truth(holds(left, test.op, right, test.right.is_null(), work_));
    }

    Resolver resolver_;
    const model::Class& cls_;
    query::Work& work_;
    model::Value null_;
};

} // namespace

PredicatePtr expand(const Expression& filter, const Context& context, const model::Class& cls) {
    return within_limits([&](query::Work& work) {
        return FilterExpansion(filter.tree(), context, cls, work).expand(filter.tree().root);
    });
}

} // namespace realmsync::rules
