#include "partitions/owner_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "sqlite/sqlite.hpp"

namespace realmsync::partitions {

OwnerLock::OwnerLock(const std::string& directory) {
    std::filesystem::create_directories(directory);
    const std::string path = directory + "/owner.lock";
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0)
        throw std::system_error(errno, std::generic_category(), path);
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        const int error = errno;
        ::close(fd_);
        if (error == EWOULDBLOCK)
            throw StoreError(StoreFault::busy,
                             "The data directory '" + directory +
                                 "' is in use by another server. Stop it, or choose another one.");
        throw std::system_error(error, std::generic_category(), path);
    }
}

OwnerLock::~OwnerLock() { ::close(fd_); }

} // namespace realmsync::partitions
