// What decides whether a query may be subscribed to: the fields that it reads, those that it ties
// to constants, and whether it is more than a question to one object (query-language.md 20.2).
// Which fields are queryable is the application's configuration, and not known here.
#pragma once

#include <set>
#include <string>

#include "query/tree/tree.hpp"

namespace realmsync::rules {

struct SubscribedQuery {
    std::set<std::string> fields; // top-level properties that it reads
    // Those that every object which it selects has one of some constants in: compared with == or
    // IN, in each alternative of an OR, not within NOT. An indexed queryable field must be among
    // them.
    std::set<std::string> pinned;
    std::set<std::string> geo_fields; // of `fields`: asked for where they are, and nothing else
    // What other objects than the one that is asked about decide, or its place among them; empty:
    // nothing of that kind.
    std::string unsupported;
};

// O(size of the query).
SubscribedQuery subscribed(const query::Query& query);

} // namespace realmsync::rules
