// Which realm files of the process are open, and the bound on their connections: above it the least
// recently used files close theirs and open them again on demand, so that a thousand open realms
// fit into a thousand descriptors. Also the descriptors that hold "one protocol session per file
// over all processes": one per directory, not one per file, for the same reason.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace realmsync::store {

class RealmFile;

namespace connection_pool {

// The process's RealmFile of a path; null when there is none.
std::shared_ptr<RealmFile> find(const std::string& path);
// The same, made by `make` when there is none.
std::shared_ptr<RealmFile> find_or_make(const std::string& path,
                                        const std::function<std::shared_ptr<RealmFile>()>& make);

// Counts connections. opening() makes room first, where other files are idle.
void opening(std::size_t limit);
void closed(std::size_t connections);
std::uint64_t tick(); // for RealmFile::last_used()

// Takes or gives back the claim on the file at `path` (its inode's byte of the directory's lock
// file). False when another process has it. One claim per file and process: the caller's care.
bool claim(const std::string& path);
void release_claim(const std::string& path);

} // namespace connection_pool
} // namespace realmsync::store
