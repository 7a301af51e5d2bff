// Which realm files of the process are open, and what their connections may hold. In order of use:
// the warm files keep pages and prepared statements, the files behind them a bare connection, and
// above the limit the last ones close theirs and open them again on demand, so that a thousand open
// realms fit into a thousand descriptors and little memory. Also the descriptors that hold "one
// protocol session per file over all processes": one per directory, not one per file, likewise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tuning.hpp"

namespace realmsync::realm {

class RealmFile;

namespace connection_pool {

// The process's RealmFile of a path; null when there is none.
std::shared_ptr<RealmFile> find(const std::string& path);
// The same, made by `make` when there is none.
std::shared_ptr<RealmFile> find_or_make(const std::string& path,
                                        const std::function<std::shared_ptr<RealmFile>()>& make);

// A file is about to use a connection and becomes the most recently used one. `opening`: it opens
// one more, for which room is made where other files are idle.
void using_connection(RealmFile& file, bool opening, const RealmTuning& tuning);
void closed(const RealmFile& file, std::size_t connections);

// Takes or gives back the claim on the file at `path` (its inode's byte of the directory's lock
// file). False when another process has it. One claim per file and process: the caller's care.
bool claim(const std::string& path);
void release_claim(const std::string& path);

} // namespace connection_pool
} // namespace realmsync::realm
