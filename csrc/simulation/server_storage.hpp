// A server's storage for tests and fuzzers: the real partition database on a disk in memory, with
// a clock and chance that repeat themselves, and calls that fail on command. What the disk itself
// can do wrong is disk.hpp's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "merge/transform.hpp"
#include "server/store.hpp"
#include "simulation/disk.hpp"
#include "sqlite/sqlite.hpp"
#include "tuning.hpp"

namespace realmsync::simulation {

// One-shot faults in calls of the store.
struct StoreFaults {
    enum class Commit : int { none, lost, unanswered }; // unanswered: stored, but throws
    std::atomic<Commit> commit{Commit::none};
    std::atomic<bool> page{false};
    std::atomic<bool> page_memory{false}; // is short, once
    std::atomic<bool> append{false};
};

class ServerStorage {
  public:
    explicit ServerStorage(std::uint64_t seed,
                           int checkpoint_pages = StoreTuning{}.checkpoint_pages);
    ~ServerStorage();

    Disk& disk() { return *disk_; }
    StoreFaults& faults() { return *faults_; }
    // Sets the wall clock, forwards or backwards, by so many ms.
    void jump_clock(std::int64_t ms) { *clock_ += ms; }
    // A server starts on the disk, and opens its stores. One that runs on it yet is killed: it can
    // do nothing any more, and what it has not committed is gone.
    using OpenStore =
        std::function<std::unique_ptr<server::ServerStore>(const std::string& app_id)>;
    OpenStore start(merge::Profile profile = merge::Profile::safe);
    // What is committed, as a backup would hold it.
    std::shared_ptr<ServerStorage> copy();

    // What another process would read of a partition. False when there is none.
    struct Entry {
        std::uint64_t file_ident = 0; // of the client it came from
        std::uint64_t client_version = 0;
        std::string changeset;
    };
    bool read_entries(const std::string& app_id, const std::string& key,
                      std::vector<Entry>& entries);
    struct File {
        std::uint64_t ident = 0;
        std::uint64_t client_version = 0, base_server_version = 0, locked_server_version = 0;
    };
    bool read_files(const std::string& app_id, const std::string& key, std::vector<File>& files);
    struct Compensation { // of flexible sync: the file has not been sent it yet, as far as is known
        std::uint64_t file_ident = 0, version = 0, client_version = 0;
        std::string cls, key, reason; // the key as it is stored: views::key_bytes()
    };
    bool read_compensations(const std::string& app_id, const std::string& key,
                            std::vector<Compensation>& compensations);

  private:
    ServerStorage(std::unique_ptr<Disk> disk, std::uint64_t seed, int checkpoint_pages);
    bool read(const std::string& app_id, const std::string& key, const char* sql,
              const std::function<void(sqlite::Statement&)>& row);

    const std::shared_ptr<Disk> disk_;
    const std::shared_ptr<StoreFaults> faults_;
    const std::shared_ptr<std::atomic<std::int64_t>> clock_; // ms since 1970; each look takes one
    const int checkpoint_pages_;
    const std::shared_ptr<std::uint64_t> seed_; // of the next store: each draws other salts
};

} // namespace realmsync::simulation
