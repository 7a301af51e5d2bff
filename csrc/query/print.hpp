// The text of a query as the client's serialiser writes it (query-language.md section 19): what a
// subscription sends to the server.
#pragma once

#include <string>

#include "query/tree.hpp"

namespace realmsync::query {

std::string print(const Predicate& predicate);
std::string print(const Query& query); // with its clauses
// Parts, for messages of errors.
std::string print(const Path& path);
std::string print(const Operand& operand);
std::string print(const model::Value& value);
std::string type_name(Type type); // int, bool, …, as messages say it (5.1); mixed for Mixed

} // namespace realmsync::query
