// The sync state and the history of a realm file as SQL (merge-rules.md 7.1, 7.4): one row of
// rs_sync, one row of rs_history per version until it is trimmed, rs_reciprocal beside it. rs_sync
// tells the state as of its version: local commits behind that are in rs_history only, which saves
// each of them a page in the log. Plain functions inside the caller's transaction; who calls them
// when is realm_file.cpp's business.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/store.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::realm::local_history {

inline constexpr int kApplicationId = 0x5253'6631; // PRAGMA application_id of a realm file
inline constexpr int kFormat = 1;                  // PRAGMA user_version

void create(sqlite::Database& db);
void mark(sqlite::Database& db); // as a realm file; part of create()

client::ClientState
load(sqlite::Database& db); // O(1): few versions are behind rs_sync; with uploaded_version
void store(sqlite::Database& db, const client::ClientState& state);
std::uint64_t newest_version(sqlite::Database& db);

// What objects are numbered from that the version after the newest one creates
// (Tables::FirstNumber).
std::uint64_t first_number(sqlite::Database& db);
// After the copy of a file of that state, whose objects came along: its versions begin anew, and
// new objects stand behind the copied ones all the same.
void continue_numbers(sqlite::Database& db, std::uint64_t source_version);

// Whether all that the file holds is known to the server or in the history: not in a copy that was
// made without either (file_copy.hpp), whose history begins behind its first version.
bool is_whole(sqlite::Database& db);

struct Entry {
    std::uint64_t version = 0;
    std::uint64_t remote_version = 0; // newest server version integrated then
    std::uint64_t origin_ident = 0;   // 0: local
    std::uint64_t origin_timestamp = 0;
    std::string_view changeset; // empty: nothing to send
};
void append(sqlite::Database& db, const Entry& entry);

// A local commit: the next version, which it gives back.
std::uint64_t append_local(sqlite::Database& db, std::uint64_t timestamp,
                           std::string_view changeset);

// Bytes of local changesets with after < version <= through.
std::uint64_t local_bytes(sqlite::Database& db, std::uint64_t after, std::uint64_t through);
// Drops what no later merge can need, given the download cursor's client version.
void trim(sqlite::Database& db, std::uint64_t integrated);

// The local changesets after `version` that have something to send, ascending, as the server sees
// them: after merging there may be nothing left of one.
using TakeLocal = std::function<void(std::uint64_t version, std::uint64_t timestamp,
                                     std::shared_ptr<const std::string> changeset)>;
void local_changes(sqlite::Database& db, std::uint64_t after, const TakeLocal& take);

// Everything that is kept, ascending, with how the server sees it where that differs.
struct KeptEntry {
    std::uint64_t version = 0;
    std::uint64_t remote_version = 0;
    std::uint64_t origin_ident = 0;
    std::uint64_t origin_timestamp = 0;
    std::string changeset;
    std::optional<std::string> reciprocal;
};
std::vector<KeptEntry> entries(sqlite::Database& db);

// After a client reset: the file is a new client with the state of `server`, and has uploaded
// nothing. Of the history stay the versions from the first recovered one on. The new version,
// whose entry is empty.
struct Recovered {
    std::uint64_t version = 0;
    std::string changeset; // empty: nothing is left of it
};
std::uint64_t restart(sqlite::Database& db, const client::ClientState& server,
                      std::span<const Recovered> recovered);

// The same of a file that has nothing, and is no client yet.
std::uint64_t begin_anew(sqlite::Database& db);

// `version` has done what no changeset tells: what was before it is of no use. The file is whole no
// more (is_whole).
void forget_before(sqlite::Database& db, std::uint64_t version);

// Nothing beyond the version `through`.
client::PendingUpload fetch(sqlite::Database& db, const wire::UploadCursor& from,
                            const client::UploadLimits& limits, std::uint64_t through = UINT64_MAX);

} // namespace realmsync::realm::local_history
