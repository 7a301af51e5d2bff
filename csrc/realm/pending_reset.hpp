// The note in a file that it is being reset, or was and has not uploaded since: what a reset may
// not repeat for ever (client-session.md 13.5). Of another version of this program it means
// nothing.
#pragma once

#include "realm/client_reset.hpp"

namespace realmsync::realm::pending_reset {

// Notes the reset, in a commit of its own, and says whether it recovers. Throws ErrorException when
// it must not be tried.
bool begin(RealmFile& file, const ResetRequest& request);
void forget(RealmFile& file);
bool is_there(sqlite::Database& db); // in a transaction

} // namespace realmsync::realm::pending_reset
