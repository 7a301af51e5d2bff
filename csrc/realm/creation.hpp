// Makes and removes realm files. On the disk a new file is written whole under another name, made
// durable and linked to its own, so that no half-made file can ever be opened; that takes two
// fsyncs, where letting SQLite build it would take a dozen.
#pragma once

#include <functional>
#include <string>

#include "sqlite/virtual_files.hpp"

namespace realmsync::realm {

// Throws std::system_error. A file that appears meanwhile is left as it is.
void create_realm_file(const std::string& path, bool durable);
// The same among the files of a simulation, if it is missing. Throws StoreError.
void create_realm_file(sqlite::VirtualFiles& files, const std::string& path);
// The database and what lies beside it. A missing file is no error.
void remove_realm_file(const std::string& path);
// The database and its log, to where nothing is; what else lies beside it is removed. A missing
// file is no error, and one that was interrupted can be made again. Throws std::system_error.
void move_realm_file(const std::string& path, const std::string& target);
// What `write` makes of the name that it is given appears as `target` once it is whole and durable.
void copy_realm_file(const std::string& target,
                     const std::function<void(const std::string&)>& write);
// Throws ErrorException unless an existing, non-empty file is a realm.
void check_realm_file(const std::string& path);

} // namespace realmsync::realm
