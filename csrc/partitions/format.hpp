// The server's internal tables (server-behaviour.md 19.3), as far as partition sync needs them, and
// the versions of their formats. Tables of classes and of the schema are tables/tables.hpp's.
#pragma once

#include "sqlite/sqlite.hpp"

namespace realmsync::partitions {

// Creates what is missing; inside a write transaction. Throws StoreError when a table was written
// by a version of this program that stores it differently.
void prepare_partition_tables(sqlite::Database& db);

} // namespace realmsync::partitions
