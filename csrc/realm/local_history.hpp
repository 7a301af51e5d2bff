// The sync state and the history of a realm file as SQL (merge-rules.md 7.1, 7.4): one row of
// rs_sync, one row of rs_history per version until it is trimmed, rs_reciprocal beside it. rs_sync
// tells the state as of its version: local commits behind that are in rs_history only, which saves
// each of them a page in the log. Plain functions inside the caller's transaction; who calls them
// when is realm_file.cpp's business.
#pragma once

#include <cstdint>
#include <string_view>

#include "client/store.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::store::local_history {

inline constexpr int kApplicationId = 0x5253'6631; // PRAGMA application_id of a realm file
inline constexpr int kFormat = 1;                  // PRAGMA user_version

void create(Database& db);

ClientState load(Database& db); // O(1): few versions are behind rs_sync; with uploaded_version
void store(Database& db, const ClientState& state);

struct Entry {
    std::uint64_t version = 0;
    std::uint64_t remote_version = 0; // newest server version integrated then
    std::uint64_t origin_ident = 0;   // 0: local
    std::uint64_t origin_timestamp = 0;
    std::string_view changeset; // empty: nothing to send
};
void append(Database& db, const Entry& entry);

// A local commit: the next version, which it gives back.
std::uint64_t append_local(Database& db, std::uint64_t timestamp, std::string_view changeset);

// Bytes of local changesets with after < version <= through.
std::uint64_t local_bytes(Database& db, std::uint64_t after, std::uint64_t through);
// Drops what no later merge can need, given the download cursor's client version.
void trim(Database& db, std::uint64_t integrated);

PendingUpload fetch(Database& db, const wire::UploadCursor& from, const UploadLimits& limits);

} // namespace realmsync::store::local_history
