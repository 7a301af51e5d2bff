// A disk in memory that fails on command, for the real stores in tests and fuzzers. It knows the
// difference between written and synced: when the power is cut, what was not synced is gone. One
// machine at a time works on it; nothing here knows SQLite (sqlite/virtual_files.hpp does).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "sqlite/virtual_files.hpp"

namespace realmsync::simulation {

class Disk final : public sqlite::VirtualFiles {
  public:
    // What the files hold, as a backup would; without faults.
    std::unique_ptr<Disk> copy();

    // Faults
    void fail_write(int count) { set(failing_write_, count); } // the count-th from now fails, once
    void fail_sync(int count) { set(failing_sync_, count); }
    void limit(std::uint64_t bytes); // in all files together; more does not fit. 0: no limit

    std::uint64_t used();
    std::uint64_t writes(); // so far

    // The process ends: what it has open is dead, what it has written is there for the next one.
    void kill();
    // The machine stops: the same, and what was not synced is lost. With a `chance` other than 0,
    // any of it may be there all the same, also the first sectors of a write alone: disks write
    // what they like, when they like.
    void cut_power(std::uint64_t chance = 0);
    // At the count-th write or sync from now on what has files open is dead, as above, and that
    // write or sync does not happen; kill() or cut_power() has to follow. 0: not after all.
    void doom(int count) { set(dooming_, count); }

    std::shared_ptr<sqlite::VirtualFile> open(const std::string& path, bool create) override;
    bool exists(const std::string& path) override;
    void remove(const std::string& path) override;

  private:
    struct Content {
        struct Undo { // what a write that is not synced has replaced
            std::uint64_t offset;
            std::string bytes;
            std::uint64_t size; // of the file before it
            std::size_t written;
        };
        std::string bytes;
        std::vector<Undo> unsynced;

        void replace(std::uint64_t offset, std::string_view with);
        void resize(std::uint64_t size);
        void revert(std::uint64_t& chance);
    };
    class File;

    void set(int& counter, int count) {
        std::lock_guard lock(mutex_);
        counter = count;
    }
    static bool strikes(int& counter) { return counter != 0 && --counter == 0; }
    bool fails(int& counter);    // a write or a sync, whose faults are counted there
    std::uint64_t total() const; // bytes in all files

    std::mutex mutex_; // guards everything below
    std::map<std::string, std::shared_ptr<Content>> files_;
    std::uint64_t machine_ = 0; // number of the one that works on the disk
    std::uint64_t limit_ = 0, writes_ = 0;
    int failing_write_ = 0, failing_sync_ = 0, dooming_ = 0; // 0: none
};

} // namespace realmsync::simulation
