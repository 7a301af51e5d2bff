// Whether a comparison of two values is true (app-configuration.md 6.3, 6.4). What a document's
// field does in the place of the left value is filter.hpp's, in the terms of the query language.
#pragma once

#include "model/value.hpp"
#include "query/work.hpp"
#include "rules/nodes.hpp"
#include "rules/terms.hpp"

namespace realmsync::rules {

// The left side of a comparison: a value, nothing (an expansion that is missing), or %%true and
// %%false, which equal nothing but themselves.
struct Left {
    const model::Value* value = nullptr;
    bool is_truth = false;
};

// Of a subject that is no field.
Left left_of(const Subject& subject, const Resolver& resolver);

// Linear in the size of both sides, or n log n where two arrays meet. Throws QueryFault (limit)
// when that is more than the work that is left.
bool holds(const Left& left, Comparator op, const Resolved& right, bool is_null_literal,
           query::Work& work);

// An array is equal to one of its elements, and the other way round.
bool equals(const model::Value& left, const model::Value& right, query::Work& work);

bool is_nan(const model::Value& value); // it equals nothing, and stands in no order

} // namespace realmsync::rules
