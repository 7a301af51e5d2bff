// How many or how long: .@size and its synonyms (query-language.md 11.3), .length of an element
// (section 7), and all links to an object (section 13).
#pragma once

#include "query/evaluation/run.hpp"
#include "query/tree/tree.hpp"
#include "query/values/value_view.hpp"

namespace realmsync::query {

// Of what a value is: entries of a collection, bytes of a string or binary. Null of all else.
ValueView size_of(const ValueView& value);
// Bytes of a string or binary, else null.
ValueView length_of(const ValueView& value);
// Of links or embedded objects of `object` by one hop. Null never counts; a dangling link counts
// only when the object was reached through a link itself, which is how the reference counts.
std::int64_t count_members(const Hop& hop, const Image& object, Run& run, bool counts_dangling);
// Links of every class and property to the object.
std::int64_t count_backlinks(const model::Schema& schema, const Image& object, Run& run);

} // namespace realmsync::query
