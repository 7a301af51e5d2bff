// All that a realm file holds as local changesets, as if a new client had just written it: how
// objects that no history has get to a server (data-model.md 24.3, changeset-format.md 11).
// Changes of a transaction are recorded where they are made (write_transaction.hpp).
#pragma once

#include <cstdint>

#include "model/schema.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::realm {

// Appends them to the history: the schema first, then the objects, several to a changeset. Links go
// as they are stored, also to objects that are not there. In a transaction. Throws ErrorException,
// limit_exceeded, for an object that fits no message. `now`: ms since 2015. O(bytes).
void append_content(sqlite::Database& db, const model::Schema& schema, std::uint64_t now);

} // namespace realmsync::realm
