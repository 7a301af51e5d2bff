// Exclusive ownership of a server's data directory: two servers must never share one, since each
// keeps part of its state in memory. The kernel drops the lock when the process ends.
//
// A server process takes a lock of its own on the same directory (realmsync/server/process.py)
// before it opens the key and the users, which this one does not guard. This one guards the
// partitions whoever opens them, with a server process around them or not.
#pragma once

#include <string>

namespace realmsync::partitions {

class OwnerLock {
  public:
    // Creates the directory if it is missing. Throws StoreError when another server holds it.
    explicit OwnerLock(const std::string& directory);
    ~OwnerLock();
    OwnerLock(const OwnerLock&) = delete;
    OwnerLock& operator=(const OwnerLock&) = delete;

  private:
    int fd_ = -1;
};

} // namespace realmsync::partitions
