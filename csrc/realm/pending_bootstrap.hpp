// The messages of a bootstrap that has not been applied (flexible-sync.md 7.3), as they came, in
// rs_bootstrap: one row each, and the progress of the last one when it is there. Plain functions
// inside the caller's transaction; when it is applied is bootstrap.cpp's business.
#pragma once

#include <cstdint>

#include "client/received.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::realm::pending_bootstrap {

void create(sqlite::Database& db);
void drop(sqlite::Database& db);

struct Stored {
    std::uint32_t parts = 0;
    std::uint64_t bytes = 0; // of changesets
    std::int64_t query_version = 0;
    bool is_whole = false; // the last one is there
};
Stored find(sqlite::Database& db); // O(parts)

// The first part begins anew. Throws ErrorException, bad_progress, for one whose predecessors are
// not there. `bytes`: of its changesets.
void add(sqlite::Database& db, const client::ReceivedDownload& part, std::uint64_t bytes);
// Part `number`, without limits.
client::ReceivedDownload read(sqlite::Database& db, std::uint32_t number);
void clear(sqlite::Database& db);

} // namespace realmsync::realm::pending_bootstrap
