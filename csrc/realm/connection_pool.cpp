#include "realm/connection_pool.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <list>
#include <mutex>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "base/assert.hpp"

namespace realmsync::realm::connection_pool {

namespace {

// None of this is destroyed at the end of the process: threads may still run.
std::mutex mutex; // of everything here; never held while a file works or is destroyed

struct Entry { // a file with connections
    std::weak_ptr<PooledFile> file;
    std::size_t connections;
    bool is_warm;
};
using Order = std::list<Entry>; // most recently used first
Order &warm = *new Order, &cold = *new Order;
auto& places = *new std::unordered_map<const PooledFile*, Order::iterator>;
std::size_t connections = 0;

// A directory has several, as every lock walks through all that its file has already: with ten
// thousand on one file that took an eighth of the time that opening a synced realm takes.
constexpr off_t kLockFiles = 16;

struct LockFile {
    int fd = -1;
    std::size_t claims = 0;
};
auto& lock_files = *new std::unordered_map<std::string, LockFile>; // by path
struct Claim {
    std::string lock_file;
    off_t byte;
};
auto& claims = *new std::unordered_map<std::string, Claim>; // by path of the realm file

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

} // namespace

void using_connection(const std::shared_ptr<PooledFile>& file, bool opening,
                      const RealmTuning& tuning) {
    std::shared_ptr<PooledFile> cooled;
    std::vector<std::shared_ptr<PooledFile>> surplus;
    {
        std::lock_guard lock(mutex);
        auto [place, added] = places.try_emplace(file.get());
        if (added) {
            warm.push_front({file, 0, true});
            place->second = warm.begin();
        }
        const Order::iterator entry = place->second;
        warm.splice(warm.begin(), entry->is_warm ? warm : cold, entry);
        entry->is_warm = true;
        if (warm.size() > std::max<std::size_t>(tuning.warm, 1)) {
            cold.splice(cold.begin(), warm, std::prev(warm.end()));
            cold.front().is_warm = false;
            cooled = cold.front().file.lock();
        }
        if (opening) {
            ++entry->connections;
            if (++connections > tuning.connections) {
                // Somewhat more than needed, so that the next ones come for free.
                std::size_t excess = connections - (tuning.connections - tuning.connections / 8);
                for (auto e = cold.rbegin(); e != cold.rend() && excess != 0; ++e) {
                    excess -= std::min(excess, e->connections);
                    if (auto alive = e->file.lock())
                        surplus.push_back(std::move(alive));
                }
            }
        }
    }
    if (cooled)
        cooled->shrink_idle();
    for (auto& idle : surplus)
        idle->close_idle();
}

void closed(const PooledFile& file, std::size_t count) {
    if (count == 0)
        return;
    std::lock_guard lock(mutex);
    const auto place = places.find(&file);
    REALMSYNC_ASSERT(place != places.end());
    const Order::iterator entry = place->second;
    REALMSYNC_ASSERT(entry->connections >= count && connections >= count);
    connections -= count;
    entry->connections -= count;
    if (entry->connections != 0)
        return;
    (entry->is_warm ? warm : cold).erase(entry);
    places.erase(place);
}

bool claim(const std::string& path) {
    struct stat info = {};
    if (::stat(path.c_str(), &info) != 0)
        throw std::system_error(errno, std::generic_category(), path);
    const off_t byte = static_cast<off_t>(info.st_ino & 0x7fff'ffff'ffff'ffff);
    const std::string directory = std::filesystem::path(path).parent_path();
    const std::string name = directory + "/.realmsync.lock-" + std::to_string(byte % kLockFiles);
    std::lock_guard lock(mutex);
    LockFile& file = lock_files[name];
    if (file.fd < 0) {
        file.fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file.fd < 0) {
            lock_files.erase(name);
            throw std::system_error(errno, std::generic_category(), name);
        }
    }
    if (!set_lock(file.fd, F_WRLCK, byte))
        return false;
    if (claims.insert_or_assign(path, Claim{name, byte}).second)
        ++file.claims;
    return true;
}

void release_claim(const std::string& path) {
    std::lock_guard lock(mutex);
    const auto found = claims.find(path);
    if (found == claims.end())
        return;
    const auto file = lock_files.find(found->second.lock_file);
    set_lock(file->second.fd, F_UNLCK, found->second.byte);
    claims.erase(found);
    if (--file->second.claims == 0) {
        ::close(file->second.fd);
        lock_files.erase(file);
    }
}

void before_fork() { mutex.lock(); }

void after_fork() { mutex.unlock(); }

void forget_parent() {
    for (const auto& [name, file] : lock_files)
        ::close(file.fd); // the parent's lock lives in its own descriptor
    lock_files.clear();
    claims.clear();
    places.clear();
    warm.clear();
    cold.clear();
    connections = 0;
}

} // namespace realmsync::realm::connection_pool
