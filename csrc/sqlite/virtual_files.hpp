// Databases on files that are objects of ours, through a VFS of SQLite's: what a simulation needs
// to put a disk under the real store (simulation/disk.hpp). An implementation keeps bytes and may
// fail; locks and the shared memory of a write-ahead log, which exist between the connections of
// one process only, are kept here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace realmsync::sqlite {

enum class Io : std::uint8_t { ok, failed, full };

class VirtualFile {
  public:
    virtual ~VirtualFile() = default;
    // How many bytes there were of those asked for.
    virtual Io read(std::uint64_t offset, char* out, std::size_t size, std::size_t& got) = 0;
    virtual Io write(std::uint64_t offset, std::string_view bytes) = 0;
    virtual Io truncate(std::uint64_t size) = 0;
    virtual Io sync() = 0;
    virtual std::uint64_t size() = 0;
    // False once the machine that had opened it is gone: it can do nothing any more.
    virtual bool is_alive() = 0;
};

class VirtualFiles {
  public:
    VirtualFiles(); // registers the VFS
    // No connection may be open any more.
    virtual ~VirtualFiles();
    VirtualFiles(const VirtualFiles&) = delete;

    const std::string& vfs() const { return name_; } // for DatabaseOptions

    // Null when the file is missing and `create` is false. Called on any thread, like all below.
    virtual std::shared_ptr<VirtualFile> open(const std::string& path, bool create) = 0;
    virtual bool exists(const std::string& path) = 0;
    virtual void remove(const std::string& path) = 0;

    struct Shared; // locks and shared memory of one file
    std::shared_ptr<Shared> shared(const std::string& path);

  protected:
    // Whoever opens a file from now on meets no lock of those that have it open.
    void forget_openers();

  private:
    struct Registration;
    const std::string name_;
    std::unique_ptr<Registration> registration_;
    std::mutex mutex_;
    std::map<std::string, std::weak_ptr<Shared>> shared_; // guarded by mutex_
};

} // namespace realmsync::sqlite
