#include "realm/creation.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "realm/home_partition.hpp"
#include "realm/local_history.hpp"
#include "sqlite/sqlite.hpp"
#include "tables/tables.hpp"
#include "tuning.hpp"

namespace realmsync::realm {

namespace {

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

// The bytes of a file that say "write-ahead log", which one made with another journal lacks.
constexpr std::size_t kLogMark = 18;
constexpr std::string_view kLogMarkBytes = "\2\2";

class Descriptor {
  public:
    // What it creates is for its owner alone, as is what SQLite puts beside it (amalgamation.c).
    Descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags, 0600)) {
        if (fd_ < 0)
            fail(path);
    }
    ~Descriptor() { ::close(fd_); }
    Descriptor(const Descriptor&) = delete;
    int get() const { return fd_; }

  private:
    int fd_;
};

void sync(const std::string& path, int flags) {
    if (::fsync(Descriptor(path, flags | O_CLOEXEC).get()) != 0)
        fail(path);
}

void sync_folder_of(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path();
    sync(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
}

// The bytes of an empty realm, built once per process.
const std::string& image() {
    static const std::string bytes = [] {
        sqlite::DatabaseOptions options;
        options.page_size = RealmTuning{}.page_bytes;
        sqlite::Database db(":memory:", options);
        {
            sqlite::Transaction transaction(db);
            tables::Tables tables(db, tables::Layout::client);
            local_history::create(db);
            home_partition::create(db);
            transaction.commit();
        }
        std::string result = db.serialize();
        result.replace(kLogMark, kLogMarkBytes.size(), kLogMarkBytes);
        return result;
    }();
    return bytes;
}

// SQLite takes 512 bytes with the terminating zero and "-journal" behind the name.
constexpr std::size_t kMaxPath = 512 - 1 - 8;

// Whether `fd` is what the name stands for, and not deleted meanwhile.
bool is_named(int fd, const std::string& name) {
    struct ::stat opened{}, named{};
    return ::fstat(fd, &opened) == 0 && ::stat(name.c_str(), &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

} // namespace

std::string canonical(const std::string& path) {
    const std::filesystem::path absolute = std::filesystem::absolute(path);
    std::error_code vanished; // a part of it, between two steps of the search
    std::filesystem::path found = std::filesystem::weakly_canonical(absolute, vanished);
    return (vanished ? std::filesystem::weakly_canonical(absolute) : found).string();
}

void check_path(const std::string& path) {
    if (path.size() > kMaxPath)
        raise(ErrorKind::limit_exceeded, "the path of a realm file has at most " +
                                             std::to_string(kMaxPath) + " bytes, this one has " +
                                             std::to_string(path.size()) + ": " + path);
}

NewFile::NewFile(std::string name)
    : name_(std::move(name)),
      fd_(::open(name_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)) {
    if (fd_ < 0)
        fail(name_);
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 || !is_named(fd_, name_)) {
        ::close(fd_);
        throw StoreError(StoreFault::busy, name_ + " is being written by somebody else");
    }
    if (::ftruncate(fd_, 0) != 0) {
        const int reason = errno;
        ::close(fd_);
        errno = reason;
        fail(name_);
    }
}

NewFile::~NewFile() {
    ::unlink(name_.c_str());
    ::close(fd_);
}

void NewFile::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
        if (n < 0 && errno != EINTR)
            fail(name_);
        bytes.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
    }
}

void NewFile::finish(bool durable) {
    if (::pwrite(fd_, kLogMarkBytes.data(), kLogMarkBytes.size(), kLogMark) < 0 ||
        (durable && ::fsync(fd_) != 0))
        fail(name_);
}

bool NewFile::publish(const std::string& path, bool durable) {
    if (std::filesystem::exists(path))
        return false;
    // A log left behind by a deleted file would be replayed into the new one, and what was to
    // become of that would become of this.
    for (const char* suffix : {"-wal", "-shm", ".action"})
        ::unlink((path + suffix).c_str());
    if (::link(name_.c_str(), path.c_str()) != 0) {
        if (errno == EEXIST)
            return false;
        fail(path);
    }
    if (durable)
        sync_folder_of(path);
    return true;
}

void create_realm_file(const std::string& path, bool durable) {
    static std::atomic<unsigned> counter{0};
    NewFile file(path + ".new-" + std::to_string(::getpid()) + "-" + std::to_string(counter++));
    file.write(image());
    file.finish(durable);
    file.publish(path, durable);
}

void create_realm_file(sqlite::VirtualFiles& files, const std::string& path) {
    if (files.exists(path))
        return;
    const auto file = files.open(path, true);
    if (file->write(0, image()) != sqlite::Io::ok || file->sync() != sqlite::Io::ok) {
        files.remove(path);
        throw StoreError(StoreFault::other, path + " cannot be written");
    }
}

void remove_realm_file(const std::string& path) {
    // The database last: without it, what lies beside it means nothing. Before it what a client
    // reset (realmsync/sync/reset.py) or a copy that was interrupted has left, and with it the note
    // of what is to become of it (realmsync/sync/file_actions.py).
    for (const char* file : {".realmsync-fresh", ".realmsync-before", ".realmsync-copy", ""})
        for (const char* suffix : {"-wal", "-shm", "-journal", "", ".action", ".action.part"}) {
            const std::string name = path + file + suffix;
            if (::unlink(name.c_str()) != 0 && errno != ENOENT)
                fail(name);
        }
}

void copy_realm_file(const std::string& target,
                     const std::function<void(const std::string&)>& write) {
    const std::string part = target + ".part";
    ::unlink(part.c_str());
    write(part);
    sync(part, O_RDONLY);
    std::filesystem::rename(part, target);
    sync_folder_of(target);
}

namespace {

void copy(const std::string& from, const std::string& to) {
    copy_realm_file(to, [&](const std::string& part) { std::filesystem::copy_file(from, part); });
}

} // namespace

void move_realm_file(const std::string& path, const std::string& target) {
    const std::string log = path + "-wal", target_log = target + "-wal";
    if (std::filesystem::exists(path)) {
        // The log is in both places until the database is at its own: without it that lacks
        // commits. What a move that was interrupted has left there is older than this one.
        if (::unlink(target_log.c_str()) != 0 && errno != ENOENT)
            fail(target_log);
        if (std::filesystem::exists(log) && ::link(log.c_str(), target_log.c_str()) != 0)
            copy(log, target_log);
        if (::rename(path.c_str(), target.c_str()) != 0) {
            if (errno != EXDEV)
                fail(path);
            copy(path, target);
        }
    }
    remove_realm_file(path);
}

namespace {

// Says what a file is instead, as far as its beginning tells.
[[noreturn]] void not_a_realm(const std::string& path, std::string_view head) {
    const char* what = " is not a realm file";
    if (head.starts_with("SQLite format 3"))
        what = " is an SQLite database, but not a realm file";
    else if (head.size() >= 20 && head.substr(16, 4) == "T-DB")
        what = " is a file of a Realm SDK, whose format cannot be opened here: open another path, "
               "and let the SDK and this program synchronise with one server";
    raise(ErrorKind::invalid_database, path + what);
}

} // namespace

void check_realm_file(const std::string& path) {
    char head[72] = {};
    {
        // Before SQLite opens it: closing a descriptor would drop locks that it holds here.
        Descriptor file(path, O_RDONLY | O_CLOEXEC);
        const ssize_t n = ::read(file.get(), head, sizeof head);
        if (n < 0 && errno == EISDIR)
            raise(ErrorKind::invalid_database, path + " is a directory, not a realm file");
        if (n != sizeof head)
            not_a_realm(path, {head, n < 0 ? 0 : static_cast<std::size_t>(n)});
    }
    auto big_endian = [&](std::size_t at) {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < 4; ++i)
            value = value << 8 | static_cast<unsigned char>(head[at + i]);
        return value;
    };
    if (std::string_view(head, 16) != std::string_view("SQLite format 3\0", 16) ||
        big_endian(68) != static_cast<std::uint32_t>(local_history::kApplicationId))
        not_a_realm(path, {head, sizeof head});
    if (big_endian(60) != static_cast<std::uint32_t>(local_history::kFormat))
        raise(ErrorKind::invalid_database, path + " has realm file format " +
                                               std::to_string(big_endian(60)) +
                                               ", which this version cannot read");
}

} // namespace realmsync::realm
