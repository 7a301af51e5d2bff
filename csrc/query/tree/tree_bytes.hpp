// Trees as bytes: equal bytes are equal trees, on every machine and in every process, since names
// stand for classes and properties. What a tree means is not looked at; that is normal_form.hpp's.
#pragma once

#include <string>

#include "query/tree/tree.hpp"

namespace realmsync::query {

std::string tree_bytes(const Predicate& predicate);
std::string tree_bytes(const Operand& operand);
std::string tree_bytes(const Path& path);
std::string tree_bytes(const Constant& constant);
std::string tree_bytes(const Query& query); // with the class, the clauses and what it is asked of

} // namespace realmsync::query
