#include "query/evaluation/evaluate.hpp"

#include <utility>

#include "query/evaluation/condition.hpp"

namespace realmsync::query {

Evaluator::Evaluator(model::SchemaPtr schema, PredicatePtr predicate)
    : schema_(std::move(schema)), predicate_(std::move(predicate)),
      condition_(prepare(*predicate_, *schema_)) {}
Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;

bool Evaluator::matches(const Image& object, Run& run) const {
    run.work().begin_object();
    return condition_->matches(object, run);
}

} // namespace realmsync::query
