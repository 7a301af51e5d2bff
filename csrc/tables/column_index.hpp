// The indexes that applications declare (`indexed: true`; at a server, the app's indexed queryable
// field): which there are, how they are made and dropped. SQLite keeps them right. No part of what
// is synchronised, and never in a changeset. Full-text indexes are another matter.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "model/schema.hpp"
#include "sqlite/sqlite.hpp"
#include "tables/tables.hpp"

namespace realmsync::tables::column_index {

// Whether one is made for a property that is declared so: single values of top-level classes, but
// not the primary key, which is one already.
bool is_possible(const model::Class& cls, const model::Property& property);

// Class and property of each.
using Names = std::set<std::pair<std::string, std::string>>;
Names list(sqlite::Database& db, const model::Schema& schema);

// In the caller's transaction. Nothing when it is there. O(rows of the class). The order of
// creation is in it, so that equal values come out of the index in natural order.
void create(Tables& tables, const model::Class& cls, const model::Property& property);
// Nothing when there is none.
void drop(sqlite::Database& db, const model::Class& cls, const model::Property& property);

// For copies: the statements that made the indexes of an attached database.
std::set<std::string> statements(sqlite::Database& db, const std::string& database);

} // namespace realmsync::tables::column_index
