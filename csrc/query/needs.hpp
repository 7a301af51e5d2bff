// Which properties of which classes a query reads: what must be filled in images and subscribed to
// in changes.
#pragma once

#include <map>
#include <set>

#include "query/tree.hpp"

namespace realmsync::query {

struct Needs {
    std::map<const model::Class*, std::set<std::size_t>> properties;
    // Pairs of class and property that are followed backwards.
    std::set<std::pair<const model::Class*, std::size_t>> backlinks;
    bool follows_links = false;    // whether other objects decide, too
    bool totals_backlinks = false; // @links.@count: every link of every class
};

Needs needs_of(const Predicate& predicate);
Needs needs_of(const Query& query);

} // namespace realmsync::query
