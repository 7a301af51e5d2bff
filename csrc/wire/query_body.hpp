// Bodies of flexible sync: the query set of QUERY and IDENT, and the data of BIND
// (flexible-sync.md 4 and 5.1). What a query text means is query/'s.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace realmsync::wire {

// By class: one text each, the alternatives of the class joined by OR. A class that is not there
// has no subscription.
using QueryBody = std::map<std::string, std::string, std::less<>>;

// Errors: bad_message.
Result<QueryBody> parse_query_body(std::string_view json);
// What clients send for the distinct texts of each class; `{}` for none.
std::string
format_query_body(const std::map<std::string, std::set<std::string>, std::less<>>& texts);

struct FlexibleBind {
    std::optional<std::string> migrated_partition; // as the client serialised it; from protocol 9
    std::uint64_t schema_version = 0;              // 0: unversioned; from protocol 11
    // Behind a client reset or within it. The session may upload all the same (recordings, fact 3).
    bool is_after_reset = false; // from protocol 10
};

// An empty text is a client of protocol 9. Keys that are not known are left alone.
Result<FlexibleBind> parse_flexible_bind(std::string_view json);
// For protocol 11 and above.
std::string format_flexible_bind(const FlexibleBind& bind);

} // namespace realmsync::wire
