#include "sqlite/ofd_locks.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace realmsync::sqlite {

#ifdef F_OFD_SETLK

namespace {

// SQLite keeps its lock counts per inode, for all connections of the process together, and may
// unlock through another descriptor than it locked through. So all locks of an inode are taken on
// one open file description of our own, which lives as long as SQLite has the inode open.
//
// The reverse: close() of any descriptor of ours would drop the POSIX locks that another copy in
// this process holds on the file. While it holds some, our descriptors are kept, for the next
// opening or until the next close() that finds the file free.
struct Inode {
    std::pair<dev_t, ino_t> id;
    int lock_fd;
    int users;             // descriptors of SQLite's
    std::vector<int> kept; // those that it has closed
};

struct Registry {
    std::mutex mutex;
    std::map<std::pair<dev_t, ino_t>, Inode> inodes;
    std::unordered_map<int, Inode*> by_fd; // null: a parent's, in the child of a fork
};

Registry& registry() {
    static Registry* const kept = new Registry; // SQLite may close files during exit
    return *kept;
}

using Fcntl = int (*)(int, int, ...);
using Close = int (*)(int);
using Open = int (*)(const char*, int, int);
Fcntl next_fcntl = nullptr;
Close next_close = nullptr;
Open next_open = nullptr;

int open_again(int fd) { // another open file description of the same file, writable if it may be
    std::string path = "/proc/self/fd/" + std::to_string(fd);
    int again = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (again < 0)
        again = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    return again >= 0 ? again : ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

int lock_fd_of(int fd) { // -1 and errno on failure
    Registry& all = registry();
    std::lock_guard guard(all.mutex);
    auto known = all.by_fd.find(fd);
    if (known != all.by_fd.end()) {
        if (known->second == nullptr) {
            errno = EBADF;
            return -1;
        }
        return known->second->lock_fd;
    }
    struct stat status;
    if (::fstat(fd, &status) != 0)
        return -1;
    std::pair<dev_t, ino_t> id{status.st_dev, status.st_ino};
    auto [entry, added] = all.inodes.try_emplace(id, Inode{id, -1, 0, {}});
    Inode& inode = entry->second;
    if (added)
        inode.lock_fd = open_again(fd);
    if (inode.lock_fd < 0) {
        all.inodes.erase(entry);
        return -1;
    }
    inode.users++;
    all.by_fd.emplace(fd, &inode);
    return inode.lock_fd;
}

int ofd_fcntl(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    auto* argument = va_arg(arguments, void*);
    va_end(arguments);
    int ofd = command == F_SETLK    ? F_OFD_SETLK
              : command == F_SETLKW ? F_OFD_SETLKW
              : command == F_GETLK  ? F_OFD_GETLK
                                    : -1;
    if (ofd < 0)
        return next_fcntl(fd, command, argument);
    int lock_fd = lock_fd_of(fd);
    if (lock_fd < 0)
        return -1;
    auto* lock = static_cast<struct flock*>(argument);
    struct flock copy = *lock;
    copy.l_pid = 0; // demanded for OFD locks
    int result = ::fcntl(lock_fd, ofd, &copy);
    if (command == F_GETLK)
        *lock = copy;
    return result;
}

// Whether another copy of SQLite, or anybody else in this process, holds POSIX locks on the file.
bool has_posix_locks(const Inode& inode) {
    struct flock any{};
    any.l_type = F_WRLCK;
    any.l_whence = SEEK_SET;
    if (::fcntl(inode.lock_fd, F_OFD_GETLK, &any) != 0 || any.l_type == F_UNLCK)
        return false;
    std::ifstream locks("/proc/locks"); // what was told may be only the first of many
    if (!locks)
        return true;
    const std::string file = ":" + std::to_string(inode.id.second);
    for (std::string line; std::getline(locks, line);) {
        std::istringstream words(line);
        std::string number, kind, enforced, mode, place;
        pid_t holder = 0;
        if (words >> number >> kind >> enforced >> mode >> holder >> place && kind == "POSIX" &&
            holder == ::getpid() && place.ends_with(file))
            return true;
    }
    return false;
}

// Closes what is kept for no reason any more; the mutex is held.
void close_kept(Registry& all) {
    std::vector<std::pair<dev_t, ino_t>> unused;
    for (auto& [id, inode] : all.inodes) {
        if (inode.kept.empty() || has_posix_locks(inode))
            continue;
        for (int fd : inode.kept)
            next_close(fd);
        inode.kept.clear();
        if (inode.users == 0) {
            ::close(inode.lock_fd);
            unused.push_back(id);
        }
    }
    for (const auto& id : unused)
        all.inodes.erase(id);
}

int ofd_close(int fd) {
    Registry& all = registry();
    std::lock_guard guard(all.mutex);
    auto known = all.by_fd.find(fd);
    if (known == all.by_fd.end())
        return next_close(fd);
    Inode* const inode = known->second;
    all.by_fd.erase(known);
    if (inode == nullptr)
        return next_close(fd);
    if (--inode->users == 0) { // SQLite leaves some to the close
        struct flock everything{};
        everything.l_type = F_UNLCK;
        everything.l_whence = SEEK_SET;
        ::fcntl(inode->lock_fd, F_OFD_SETLK, &everything);
    }
    inode->kept.push_back(fd);
    close_kept(all);
    return 0;
}

int ofd_open(const char* path, int flags, int mode) {
    Registry& all = registry();
    {
        std::lock_guard guard(all.mutex);
        struct stat status;
        if ((flags & (O_EXCL | O_TRUNC)) == 0 && ::stat(path, &status) == 0) {
            auto known = all.inodes.find({status.st_dev, status.st_ino});
            if (known != all.inodes.end()) {
                std::vector<int>& kept = known->second.kept;
                auto fits = std::find_if(kept.begin(), kept.end(), [&](int fd) {
                    return (::fcntl(fd, F_GETFL) & O_ACCMODE) == (flags & O_ACCMODE);
                });
                if (fits != kept.end()) {
                    const int fd = *fits;
                    kept.erase(fits);
                    known->second.users++;
                    all.by_fd.emplace(fd, &known->second);
                    return fd;
                }
            }
        }
    }
    return next_open(path, flags, mode);
}

// A forked child shares our open file descriptions and would keep the locks of a dead parent. It
// cannot use the connections anyway: it gives them up at once, and their locks fail from then on.
// What it opens itself must share nothing with them, though SQLite keeps its state by inode: so in
// the child every inode is another one. Nobody holds a mutex of SQLite's during a fork.
constexpr int kMutexes[] = {
    // in an order in which SQLite itself may take them
    SQLITE_MUTEX_STATIC_VFS1, SQLITE_MUTEX_STATIC_VFS2, SQLITE_MUTEX_STATIC_VFS3,
    SQLITE_MUTEX_STATIC_APP1, SQLITE_MUTEX_STATIC_APP2, SQLITE_MUTEX_STATIC_APP3,
    SQLITE_MUTEX_STATIC_MAIN, SQLITE_MUTEX_STATIC_OPEN, SQLITE_MUTEX_STATIC_LRU,
    SQLITE_MUTEX_STATIC_PMEM, SQLITE_MUTEX_STATIC_PRNG, SQLITE_MUTEX_STATIC_MEM,
};
dev_t generation = 0;

void before_fork() {
    for (const int mutex : kMutexes)
        sqlite3_mutex_enter(sqlite3_mutex_alloc(mutex));
    registry().mutex.lock();
}
void after_fork() {
    registry().mutex.unlock();
    for (const int mutex : kMutexes)
        sqlite3_mutex_leave(sqlite3_mutex_alloc(mutex));
}
void after_fork_in_child() {
    Registry& all = registry();
    for (const auto& [id, inode] : all.inodes) {
        for (const int fd : inode.kept)
            next_close(fd);
        ::close(inode.lock_fd);
    }
    all.inodes.clear();
    for (auto& [fd, inode] : all.by_fd)
        inode = nullptr;
    ++generation;
    after_fork();
}

int distinct_stat(const char* path, struct stat* status) {
    const int result = ::stat(path, status);
    status->st_dev += generation;
    return result;
}

int distinct_fstat(int fd, struct stat* status) {
    const int result = ::fstat(fd, status);
    status->st_dev += generation;
    return result;
}

} // namespace

void install_ofd_locks() {
    sqlite3_vfs* vfs = sqlite3_vfs_find("unix");
    if (vfs == nullptr || vfs->iVersion < 3)
        return;
    auto* fcntl_now = vfs->xGetSystemCall(vfs, "fcntl");
    auto* close_now = vfs->xGetSystemCall(vfs, "close");
    auto* open_now = vfs->xGetSystemCall(vfs, "open");
    if (fcntl_now == nullptr || close_now == nullptr || open_now == nullptr)
        return;
    next_fcntl = reinterpret_cast<Fcntl>(fcntl_now);
    next_close = reinterpret_cast<Close>(close_now);
    next_open = reinterpret_cast<Open>(open_now);
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
    vfs->xSetSystemCall(vfs, "stat", reinterpret_cast<sqlite3_syscall_ptr>(distinct_stat));
    vfs->xSetSystemCall(vfs, "fstat", reinterpret_cast<sqlite3_syscall_ptr>(distinct_fstat));
    vfs->xSetSystemCall(vfs, "close", reinterpret_cast<sqlite3_syscall_ptr>(ofd_close));
    vfs->xSetSystemCall(vfs, "open", reinterpret_cast<sqlite3_syscall_ptr>(ofd_open));
    vfs->xSetSystemCall(vfs, "fcntl", reinterpret_cast<sqlite3_syscall_ptr>(ofd_fcntl));
}

#else

void install_ofd_locks() {} // only Linux has them

#endif

} // namespace realmsync::sqlite
