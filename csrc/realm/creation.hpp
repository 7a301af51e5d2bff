// Makes and removes realm files on the disk. A new file is written whole under another name, made
// durable and linked to its own, so that no half-made file can ever be opened; that takes two
// fsyncs, where letting SQLite build it would take a dozen.
#pragma once

#include <string>

namespace realmsync::realm {

// Throws std::system_error. A file that appears meanwhile is left as it is.
void create_realm_file(const std::string& path, bool durable);
// The database and what SQLite keeps beside it. A missing file is no error.
void remove_realm_file(const std::string& path);
// Throws ErrorException unless an existing, non-empty file is a realm.
void check_realm_file(const std::string& path);

} // namespace realmsync::realm
