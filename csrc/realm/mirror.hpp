// Makes the objects of one realm file equal to those of another (client-session.md 13.8). Nothing
// of it is recorded in a history.
#pragma once

#include "realm/realm_file.hpp"
#include "realm/touched_objects.hpp"

namespace realmsync::realm {

// Both inside of transactions, the one of `to` a writing one. Only rows and columns that differ are
// written; the objects that were. Throws ErrorException, schema, when the classes of `to` are not
// all in `from`, or not the same. O(objects) of both.
TouchedObjects mirror(RealmConnection& from, RealmConnection& to);

} // namespace realmsync::realm
