// Which properties of which classes a query reads: what must be filled in images and subscribed to
// in changes.
#pragma once

#include <map>
#include <set>
#include <utility>

#include "query/tree/tree.hpp"

namespace realmsync::query {

struct Needs {
    // Read of objects of these classes, embedded ones too.
    std::map<const model::Class*, std::set<std::size_t>> properties;
    // Pairs of class and property that are followed backwards: every source is read, too.
    std::set<std::pair<const model::Class*, std::size_t>> backlinks;
    // Whether other objects decide, too, if only by being there: embedded ones are none.
    bool follows_links = false;
    bool totals_backlinks = false; // @links.@count: every link of every class
    // A key of what a Mixed holds may be the name of a property of any object that it links to.
    bool follows_mixed = false;
};

Needs needs_of(const Predicate& predicate);
Needs needs_of(const Query& query); // with its clauses, and those of what it is asked of

} // namespace realmsync::query
