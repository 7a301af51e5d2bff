// What a predicate becomes when it is made ready: a tree of tests, each of the kind that is fastest
// for its operands. Inside the evaluator only; evaluate.hpp is its face.
#pragma once

#include <memory>

#include "query/evaluation/run.hpp"
#include "query/tree/tree.hpp"

namespace realmsync::query {

class Condition {
  public:
    virtual ~Condition() = default;
    virtual bool matches(const Image& object, Run& run) const = 0;
};

using ConditionPtr = std::unique_ptr<const Condition>;

// The predicate and the schema have to live as long. Recursion is as deep as the tree, which
// parse() bounds; members of a group are a loop.
ConditionPtr prepare(const Predicate& predicate, const model::Schema& schema);
ConditionPtr prepare(const Comparison& comparison, const model::Schema& schema); // comparison.cpp

} // namespace realmsync::query
