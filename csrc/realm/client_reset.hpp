// A client reset: the file becomes what the server has, with what it had not uploaded replayed on
// top of it or without (client-session.md 13.4 to 13.8). When one is due, and how the fresh copy of
// the server's state is made, is decided by the session (client/sync_session.cpp).
#pragma once

#include <cstdint>
#include <string>

#include "realm/realm_file.hpp"

namespace realmsync::realm {

enum class ResetMode : std::uint8_t { discard, recover, recover_or_discard };
// The server has gone over to the other mode, and takes the file along (flexible-sync.md 15).
enum class Migration : std::uint8_t { none, to_flexible, to_partition };

struct ResetRequest {
    ResetMode mode = ResetMode::recover;
    bool may_recover = true; // the server lets this client upload its changes again
    std::int32_t status = 0; // why it is due: code and message
    std::string message;
    std::string copy;        // where the file as it was goes, if changes are lost
    std::int64_t now_ms = 0; // since 1970
    Migration migration = Migration::none;
    std::string partition_query = {}; // to_flexible: what the partition was
    bool has_forgotten = false;       // what the server has acknowledged may be lost
};

// Two commits of `file`: a note that a reset was tried, which stands until forget_reset() so that
// one that does not help is not tried for ever, and the result. `fresh` is what a new client has
// downloaded; it is not changed. Throws ErrorException, of which the file has the note at most, and
// StoreError. O(objects) and local changes.
struct ResetOutcome {
    bool recovered = false; // else the changes that were not uploaded are discarded
    bool is_copied = false; // since some of them are lost
};
ResetOutcome reset(RealmFile& file, RealmFile& fresh, const ResetRequest& request);

// Before that, in flexible sync: what the active set of `source` asks for, as the latest set of its
// fresh copy, `target`. That set's version; 0, which asks for nothing, if there is none. `now`: ms
// since 2015-01-01.
std::int64_t import_subscriptions(RealmFile& source, RealmFile& target, std::uint64_t now);
// The same where the server has gone over to flexible sync: the query for each class of the copy.
std::int64_t subscribe_to_all(RealmFile& target, const std::string& query, std::uint64_t now);

// Everything recovered is uploaded, and everything of then downloaded.
// Until then RealmFile::has_reset().
void forget_reset(RealmFile& file);

} // namespace realmsync::realm
