// Whether an object matches a query, and in which order objects stand: on images in memory, without
// SQL (query-language.md section 22). The other evaluator, for rows of SQL, is sql.hpp; both read
// the same tree and must agree on every object.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "query/evaluation/run.hpp"
#include "query/tree/tree.hpp"
#include "query/values/image.hpp"

namespace realmsync::query {

class Condition; // condition.hpp

// A predicate made ready to be asked of many objects: needles are folded, shapes sorted out once.
// Immutable, so that many threads may ask one at a time of their own images and graphs.
class Evaluator {
  public:
    // The schema tells the classes that links inside a Mixed name; both are kept alive.
    Evaluator(model::SchemaPtr schema, PredicatePtr predicate);
    // Of the predicate of the query alone: neither its clauses nor what it stands on (`of`).
    explicit Evaluator(const Query& query) : Evaluator(query.schema, query.predicate) {}
    ~Evaluator();
    Evaluator(Evaluator&&) noexcept;
    Evaluator& operator=(Evaluator&&) noexcept;

    // O(size of the predicate and of the collections that it reads, and at each hop of a path those
    // that it leads through). Allocates nothing for columns. Throws QueryFault (limit) when the
    // work of the run is used up.
    bool matches(const Image& object, Run& run) const;

  private:
    model::SchemaPtr schema_;
    PredicatePtr predicate_;
    std::unique_ptr<const Condition> condition_;
};

// The objects that a query selects of `objects` (in natural order), in its order: positions in
// `objects`. O(n log n) with a SORT or DISTINCT, else O(n).
// Throws QueryFault (limit) as the evaluator does.
std::vector<std::size_t> select(const Query& query, std::span<const Image> objects, Graph& graph);

// What stands behind the filter alone: sorts, thins out and cuts `selected` (positions in
// `objects`) as the clauses say (section 15).
void apply_clauses(std::span<const Clause> clauses, const model::SchemaPtr& schema,
                   std::span<const Image> objects, Run& run, std::vector<std::size_t>& selected);

} // namespace realmsync::query
