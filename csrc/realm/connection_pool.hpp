// What the connections of the process's realm files may hold. In order of use: the warm files keep
// pages and prepared statements, the files behind them a bare connection, and above the limit the
// last ones close theirs and open them again on demand, so that a thousand open realms fit into a
// thousand descriptors and little memory. Also the descriptors that hold "one protocol session per
// file over all processes": one per directory, not one per file, likewise.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "tuning.hpp"

namespace realmsync::realm {

// What the pool asks of a file, as far as nobody uses its connections at that moment.
class PooledFile {
  public:
    virtual std::size_t close_idle() = 0; // closes them; how many
    virtual void shrink_idle() = 0;       // leaves one, without pages and statements

  protected:
    ~PooledFile() = default;
};

namespace connection_pool {

// A file is about to use a connection and becomes the most recently used one. `opening`: it opens
// one more, for which room is made where other files are idle.
void using_connection(const std::shared_ptr<PooledFile>& file, bool opening,
                      const RealmTuning& tuning);
void closed(const PooledFile& file, std::size_t connections);

// Takes or gives back the claim on the file at `path` (its inode's byte of the directory's lock
// file). False when another process has it. One claim per file and process: the caller's care.
bool claim(const std::string& path);
void release_claim(const std::string& path);

// Around a fork: nobody is at work here meanwhile. The child begins anew; the claims stay with the
// parent, whose they are as long as it lives and no longer.
void before_fork();
void after_fork();
void forget_parent();

} // namespace connection_pool
} // namespace realmsync::realm
