#include "sqlite/virtual_files.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <new>
#include <sqlite3.h>
#include <thread>
#include <vector>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "sqlite/library.hpp"

namespace realmsync::sqlite {

struct VirtualFiles::Shared {
    struct Slot { // one lock of the shared memory
        int readers = 0;
        bool is_exclusive = false;
    };
    std::mutex mutex;
    // Locks of the database file: SHARED by many, RESERVED and PENDING by one, who is EXCLUSIVE
    // when nobody else reads.
    int readers = 0;
    const void* reserved = nullptr;
    const void* pending = nullptr;
    std::array<Slot, SQLITE_SHM_NLOCK> slots;
    std::vector<std::unique_ptr<std::string>> regions;
};

struct VirtualFiles::Registration {
    sqlite3_vfs vfs{};
};

namespace {

using Shared = VirtualFiles::Shared;

// What SQLite allocates and passes around; made in open_file, destroyed in close_file.
struct Handle {
    sqlite3_file base;
    VirtualFiles* files;
    std::shared_ptr<VirtualFile> file;
    std::shared_ptr<Shared> shared;
    std::string temporary; // name of a file to be removed when it is closed
    int level = SQLITE_LOCK_NONE;
    unsigned shm_shared = 0, shm_exclusive = 0; // bits of the slots held
};

Handle& of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }
VirtualFiles& of(sqlite3_vfs* vfs) { return *static_cast<VirtualFiles*>(vfs->pAppData); }

int code(Io result, int failed) {
    switch (result) {
    case Io::ok: return SQLITE_OK;
    case Io::full: return SQLITE_FULL;
    case Io::failed: break;
    }
    return failed;
}

// Bytes

int read_file(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
    std::size_t got = 0;
    auto* bytes = static_cast<char*>(out);
    const Io result = of(file).file->read(static_cast<std::uint64_t>(offset), bytes,
                                          static_cast<std::size_t>(size), got);
    if (result != Io::ok)
        return SQLITE_IOERR_READ;
    if (got == static_cast<std::size_t>(size))
        return SQLITE_OK;
    std::memset(bytes + got, 0, static_cast<std::size_t>(size) - got);
    return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    return code(
        of(file).file->write(static_cast<std::uint64_t>(offset),
                             {static_cast<const char*>(bytes), static_cast<std::size_t>(size)}),
        SQLITE_IOERR_WRITE);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    return code(of(file).file->truncate(static_cast<std::uint64_t>(size)), SQLITE_IOERR_TRUNCATE);
}

int sync_file(sqlite3_file* file, int) { return code(of(file).file->sync(), SQLITE_IOERR_FSYNC); }

int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>(of(file).file->size());
    return SQLITE_OK;
}

// Locks of the database file

int unlock_file(sqlite3_file* file, int level) {
    Handle& handle = of(file);
    std::lock_guard guard(handle.shared->mutex);
    if (handle.level <= level)
        return SQLITE_OK;
    if (handle.shared->reserved == &handle)
        handle.shared->reserved = nullptr;
    if (handle.shared->pending == &handle)
        handle.shared->pending = nullptr;
    if (level == SQLITE_LOCK_NONE) {
        REALMSYNC_ASSERT(handle.shared->readers > 0);
        --handle.shared->readers;
    }
    handle.level = level;
    return SQLITE_OK;
}

int lock_file(sqlite3_file* file, int level) {
    Handle& handle = of(file);
    if (!handle.file->is_alive())
        return SQLITE_IOERR_LOCK; // SQLite would tidy up otherwise
    Shared& shared = *handle.shared;
    std::lock_guard guard(shared.mutex);
    const auto is_others = [&](const void* holder) { return holder && holder != &handle; };
    if (handle.level >= level)
        return SQLITE_OK;
    if (is_others(shared.pending) || (level > SQLITE_LOCK_SHARED && is_others(shared.reserved)))
        return SQLITE_BUSY;
    if (level == SQLITE_LOCK_SHARED) {
        ++shared.readers;
    } else if (level == SQLITE_LOCK_RESERVED) {
        shared.reserved = &handle;
    } else {
        shared.pending = &handle;
        handle.level = SQLITE_LOCK_PENDING;
        if (shared.readers > 1)
            return SQLITE_BUSY;
    }
    handle.level = level;
    return SQLITE_OK;
}

int check_reserved(sqlite3_file* file, int* result) {
    Handle& handle = of(file);
    std::lock_guard guard(handle.shared->mutex);
    *result = handle.shared->reserved != nullptr || handle.shared->pending != nullptr;
    return SQLITE_OK;
}

// Shared memory of the write-ahead log

int map_memory(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
    Shared& shared = *of(file).shared;
    std::lock_guard guard(shared.mutex);
    const auto index = static_cast<std::size_t>(region);
    while (extend != 0 && shared.regions.size() <= index)
        shared.regions.push_back(
            std::make_unique<std::string>(static_cast<std::size_t>(size), '\0'));
    *out = index < shared.regions.size() ? shared.regions[index]->data() : nullptr;
    return SQLITE_OK;
}

int lock_memory(sqlite3_file* file, int first, int count, int flags) {
    Handle& handle = of(file);
    Shared& shared = *handle.shared;
    std::lock_guard guard(shared.mutex);
    const unsigned mask = ((1u << count) - 1) << first;
    const auto each = [&](const auto& use) {
        for (int i = first; i < first + count; ++i)
            use(shared.slots[static_cast<std::size_t>(i)], 1u << i);
    };
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        each([&](Shared::Slot& slot, unsigned bit) {
            if ((handle.shm_shared & bit) != 0)
                --slot.readers;
            if ((handle.shm_exclusive & bit) != 0)
                slot.is_exclusive = false;
        });
        handle.shm_shared &= ~mask;
        handle.shm_exclusive &= ~mask;
        return SQLITE_OK;
    }
    const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    bool is_free = true;
    each([&](Shared::Slot& slot, unsigned bit) {
        if (((handle.shm_shared | handle.shm_exclusive) & bit) == 0)
            is_free &= !slot.is_exclusive && !(exclusive && slot.readers != 0);
    });
    if (!is_free)
        return SQLITE_BUSY;
    each([&](Shared::Slot& slot, unsigned bit) {
        if (((handle.shm_shared | handle.shm_exclusive) & bit) != 0)
            return;
        if (exclusive)
            slot.is_exclusive = true;
        else
            ++slot.readers;
        (exclusive ? handle.shm_exclusive : handle.shm_shared) |= bit;
    });
    return SQLITE_OK;
}

void barrier(sqlite3_file*) { std::atomic_thread_fence(std::memory_order_seq_cst); }

int unmap_memory(sqlite3_file* file, int remove) {
    lock_memory(file, 0, SQLITE_SHM_NLOCK, SQLITE_SHM_UNLOCK);
    Shared& shared = *of(file).shared;
    std::lock_guard guard(shared.mutex);
    if (remove != 0)
        shared.regions.clear();
    return SQLITE_OK;
}

int control_file(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 4096; }
int characteristics(sqlite3_file*) { return 0; }

int close_file(sqlite3_file* file) {
    Handle& handle = of(file);
    unlock_file(file, SQLITE_LOCK_NONE);
    if (!handle.temporary.empty())
        handle.files->remove(handle.temporary);
    handle.~Handle();
    return SQLITE_OK;
}

constexpr sqlite3_io_methods kMethods{2,
                                      close_file,
                                      read_file,
                                      write_file,
                                      truncate_file,
                                      sync_file,
                                      size_of_file,
                                      lock_file,
                                      unlock_file,
                                      check_reserved,
                                      control_file,
                                      sector_size,
                                      characteristics,
                                      map_memory,
                                      lock_memory,
                                      barrier,
                                      unmap_memory,
                                      nullptr,
                                      nullptr};

// The file system

int open_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* out, int flags, int* out_flags) {
    static std::atomic<int> temporaries{0};
    out->pMethods = nullptr;
    VirtualFiles& files = of(vfs);
    const std::string temporary = path ? "" : "temporary-" + std::to_string(++temporaries);
    const std::string name = path ? path : temporary;
    auto file = files.open(name, (flags & SQLITE_OPEN_CREATE) != 0);
    if (!file)
        return SQLITE_CANTOPEN;
    new (out) Handle{{&kMethods}, &files, std::move(file), files.shared(name), temporary};
    if (out_flags)
        *out_flags = flags;
    return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* path, int) {
    of(vfs).remove(path);
    return SQLITE_OK;
}

int access_file(sqlite3_vfs* vfs, const char* path, int, int* result) {
    *result = of(vfs).exists(path);
    return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* path, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", path);
    return SQLITE_OK;
}

// SQLite's own chance and time decide nothing that the store tells anybody.
int randomness(sqlite3_vfs*, int size, char* out) {
    std::memset(out, 0, static_cast<std::size_t>(size));
    return size;
}

int sleep_for(sqlite3_vfs*, int microseconds) {
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
    return microseconds;
}

int julian_day(sqlite3_vfs*, double* day) {
    *day = 2440587.5; // 1970
    return SQLITE_OK;
}

int last_error(sqlite3_vfs*, int, char*) { return 0; }

std::string next_name() {
    static std::atomic<int> count{0};
    return "realmsync-virtual-" + std::to_string(++count);
}

} // namespace

VirtualFiles::VirtualFiles() : name_(next_name()), registration_(new Registration) {
    initialise();
    sqlite3_vfs& vfs = registration_->vfs;
    vfs.iVersion = 1;
    vfs.szOsFile = sizeof(Handle);
    vfs.mxPathname = 512;
    vfs.zName = name_.c_str();
    vfs.pAppData = this;
    vfs.xOpen = open_file;
    vfs.xDelete = delete_file;
    vfs.xAccess = access_file;
    vfs.xFullPathname = full_path;
    vfs.xRandomness = randomness;
    vfs.xSleep = sleep_for;
    vfs.xCurrentTime = julian_day;
    vfs.xGetLastError = last_error;
    const int result = sqlite3_vfs_register(&vfs, 0);
    if (result != SQLITE_OK)
        throw StoreError(result, "cannot register a VFS");
}

VirtualFiles::~VirtualFiles() { sqlite3_vfs_unregister(&registration_->vfs); }

std::shared_ptr<VirtualFiles::Shared> VirtualFiles::shared(const std::string& path) {
    std::lock_guard guard(mutex_);
    auto result = shared_[path].lock();
    if (!result)
        shared_[path] = result = std::make_shared<Shared>();
    return result;
}

void VirtualFiles::forget_openers() {
    std::lock_guard guard(mutex_);
    shared_.clear();
}

} // namespace realmsync::sqlite
