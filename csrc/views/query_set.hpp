// A query set as a server understands it: the body of a QUERY or IDENT bound to the classes of the
// app, with every refusal of flexible-sync.md 11.3 and query-language.md 20.2. What it selects
// together with the rights of a user is view.hpp's.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "model/schema.hpp"
#include "query/tree/tree.hpp"

namespace realmsync::views {

// What subscriptions may ask about, by the app's configuration (app-configuration.md 4.5). The
// primary key is always askable.
struct QueryableFields {
    std::set<std::string, std::less<>> of_all;
    std::map<std::string, std::set<std::string, std::less<>>, std::less<>> of_class;
    // Every query ties it to constants.
    std::optional<std::string> indexed;
    // In development mode: whatever can be asked about is, and becomes queryable by it.
    bool takes_all = false;

    bool has(const model::Class& cls, std::string_view field) const;
};

struct QuerySet {
    // By class; without clauses.
    std::map<std::string, query::Query, std::less<>> queries;
    // Fields of `queries` that only development mode has made queryable, by class.
    std::map<std::string, std::set<std::string>, std::less<>> discovered;

    // Equal for query sets of equal meaning, as far as that is known (query/tree/normal_form.hpp).
    std::string canonical_bytes() const;
};

// `body`: what the client sent. Gives the text of a QUERY_ERROR when any of its classes is refused.
// O(n log n) in the size of the body, which is bounded here: 256 KiB a class, 1,000 classes.
std::variant<QuerySet, std::string> read_query_set(std::string_view body,
                                                   const model::SchemaPtr& schema,
                                                   const QueryableFields& fields);

} // namespace realmsync::views
