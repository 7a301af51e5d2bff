// The text of a query as the client's serialiser writes it (query-language.md section 19): what a
// subscription sends to the server. That text does not always say what the query does (19.3): a
// second form is exact.
#pragma once

#include <string>
#include <vector>

#include "query/tree/argument.hpp"
#include "query/tree/tree.hpp"

namespace realmsync::query {

std::string print(const Predicate& predicate);
// With its clauses; what the query is asked of (`of`) has a text of its own.
std::string print(const Query& query);
// Parts, for messages of errors.
std::string print(const Path& path);
std::string print(const Operand& operand);
std::string print(const model::Value& value);
std::string type_name(Type type); // int, bool, …, as messages say it (5.1); mixed for Mixed

// A text that reads back as the same tree, with the arguments that it is bound with. Most texts
// need none; they stand for what no text says (a float that meets a double, a link to an object
// without primary key, names that are keywords).
struct ExactText {
    std::string text;
    std::vector<Argument> arguments;
};
ExactText print_exact(const Query& query);

} // namespace realmsync::query
