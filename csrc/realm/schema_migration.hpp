// A file of flexible sync goes over to another version of the schema (flexible-sync.md 16): it
// begins anew, with the classes that its application declares by then. When that is due is decided
// by the session (client/sync_session.cpp). Nothing is noted before: of a file that is to go over,
// and has not, the server says so again.
#pragma once

#include "realm/realm_file.hpp"

namespace realmsync::realm {

// One commit: no class, no history, no subscription is left, and the file is no client yet. False,
// and nothing is done, while there is something that the server does not know. A migrated file
// (migration.hpp) belongs to its partition then, and hears that it is to migrate.
bool begin_anew(RealmFile& file);

} // namespace realmsync::realm
