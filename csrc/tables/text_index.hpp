// The full-text indexes of a client's file: which there are, how they are made, filled and dropped.
// Triggers keep them right whoever writes: applications, integrations, resets. How SQL asks them:
// query/sql/text_index.hpp; what a token is: query/strings/text_search.hpp.
//
// An index is no part of what is synchronised and never in a changeset; rs_text_index has the
// properties that one is declared for. Only tokens are stored, and what is deleted leaves no trace
// (FTS5's secure-delete, as SQLITE_SECURE_DELETE for the rows).
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "model/schema.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::tables::text_index {

// Before a connection writes rows: the triggers call it.
void define_functions(sqlite::Database& db);

// Class and property of each.
using Names = std::set<std::pair<std::string, std::string>>;
Names list(sqlite::Database& db);

// Makes an index and fills it, O(rows of the class); nothing when it is there. A single string
// property; that of an embedded class, whose values lie in other rows, is only noted. In the
// caller's transaction, as the next.
void create(sqlite::Database& db, const model::Class& cls, const model::Property& property);
// Nothing when there is none.
void drop(sqlite::Database& db, const model::Class& cls, const model::Property& property);

// For copies: whether a table of this name is a part of an index, and not to be copied.
bool is_part(std::string_view table);
// Makes all of them again, once the other tables are there.
void fill_copy(sqlite::Database& db, const model::Schema& schema);

} // namespace realmsync::tables::text_index
