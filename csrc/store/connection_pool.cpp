#include "store/connection_pool.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "store/realm_file.hpp"

namespace realmsync::store::connection_pool {

namespace {

std::mutex mutex; // of the two maps; never held while a file works or is destroyed
std::unordered_map<std::string, std::weak_ptr<RealmFile>> files;
std::mutex making; // one new file at a time
std::atomic<std::size_t> connections{0};
std::atomic<std::uint64_t> ticks{0};

struct LockFile { // of one directory
    int fd = -1;
    std::unordered_map<std::string, off_t> claims; // byte by path
};
std::unordered_map<std::string, LockFile> lock_files;

bool set_lock(int fd, short type, off_t byte) {
    struct flock lock = {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = byte;
    lock.l_len = 1;
    // An open-file-description lock: unlike POSIX locks it does not vanish when somebody else in
    // this process opens and closes the same file.
    if (::fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return true;
    if (errno == EAGAIN || errno == EACCES)
        return false;
    throw std::system_error(errno, std::generic_category(), "lock of a realm file");
}

std::vector<std::shared_ptr<RealmFile>> by_use() {
    std::vector<std::shared_ptr<RealmFile>> open;
    {
        std::lock_guard lock(mutex);
        for (auto& [path, file] : files)
            if (auto alive = file.lock())
                open.push_back(std::move(alive));
    }
    std::vector<std::pair<std::uint64_t, std::size_t>> order;
    for (std::size_t i = 0; i < open.size(); ++i)
        order.emplace_back(open[i]->last_used(), i);
    std::sort(order.begin(), order.end());
    std::vector<std::shared_ptr<RealmFile>> sorted;
    for (auto& [used, i] : order)
        sorted.push_back(std::move(open[i]));
    return sorted;
}

} // namespace

std::shared_ptr<RealmFile> find(const std::string& path) {
    std::lock_guard lock(mutex);
    auto found = files.find(path);
    return found == files.end() ? nullptr : found->second.lock();
}

std::shared_ptr<RealmFile> find_or_make(const std::string& path,
                                        const std::function<std::shared_ptr<RealmFile>()>& make) {
    std::lock_guard one(making);
    if (auto file = find(path))
        return file;
    auto file = make();
    std::lock_guard lock(mutex);
    std::erase_if(files, [](const auto& entry) { return entry.second.expired(); });
    files[path] = file;
    return file;
}

void opening(std::size_t limit) {
    if (connections.fetch_add(1) < limit)
        return;
    // Somewhat more than needed, so that the next ones come for free.
    const std::size_t target = limit - limit / 8;
    for (auto& file : by_use()) {
        if (connections.load() <= target)
            break;
        file->close_idle();
    }
}

void closed(std::size_t count) { connections.fetch_sub(count); }

std::uint64_t tick() { return ticks.fetch_add(1, std::memory_order_relaxed) + 1; }

bool claim(const std::string& path) {
    struct stat info = {};
    if (::stat(path.c_str(), &info) != 0)
        throw std::system_error(errno, std::generic_category(), path);
    const off_t byte = static_cast<off_t>(info.st_ino & 0x7fff'ffff'ffff'ffff);
    const std::string directory = std::filesystem::path(path).parent_path();
    std::lock_guard lock(mutex);
    LockFile& file = lock_files[directory];
    if (file.fd < 0) {
        const std::string name = directory + "/.realmsync.lock";
        file.fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (file.fd < 0) {
            lock_files.erase(directory);
            throw std::system_error(errno, std::generic_category(), name);
        }
    }
    if (!set_lock(file.fd, F_WRLCK, byte))
        return false;
    file.claims[path] = byte;
    return true;
}

void release_claim(const std::string& path) {
    std::lock_guard lock(mutex);
    auto file = lock_files.find(std::filesystem::path(path).parent_path());
    if (file == lock_files.end())
        return;
    auto found = file->second.claims.find(path);
    if (found == file->second.claims.end())
        return;
    set_lock(file->second.fd, F_UNLCK, found->second);
    file->second.claims.erase(found);
    if (file->second.claims.empty()) {
        ::close(file->second.fd);
        lock_files.erase(file);
    }
}

} // namespace realmsync::store::connection_pool
