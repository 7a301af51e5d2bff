// A peer of a recorded or imagined conversation, in memory: history, reciprocals and objects, with
// the merge and the typed tables that realm files and the server use. For tests and inspection;
// what realms keep beyond that (cursors, progress, idents) is not here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "merge/transform.hpp"
#include "sqlite/sqlite.hpp"
#include "tables/tables.hpp"

namespace realmsync::realm {

struct ReceivedChangeset {
    std::uint64_t remote_version = 0;                // its version on the sender's side
    std::uint64_t last_integrated_local_version = 0; // the merge base
    std::uint64_t origin_timestamp = 0;
    std::uint64_t origin_file_ident = 0;
    std::shared_ptr<const std::string> changeset;
};

class MergePeer {
  public:
    MergePeer(std::uint64_t file_ident, merge::Profile profile);

    // Both throw ErrorException and change nothing then; they give the new version.
    std::uint64_t commit(std::string changeset, std::uint64_t timestamp);
    // Rebases and applies everything in one entry of the history. Returns the transformed
    // changesets, each encoded by itself, one after the other.
    std::string integrate(std::uint64_t remote_ident,
                          const std::vector<ReceivedChangeset>& changesets);

    std::uint64_t version() const;
    std::uint64_t file_ident() const { return file_ident_; }
    // `use` reads the objects.
    template <class Use> auto read(const Use& use) {
        std::lock_guard lock(mutex_);
        return use(tables_);
    }

  private:
    struct Entry { // several may share a version
        std::uint64_t version;
        std::uint64_t via; // peer it came from, 0: made here
        merge::Origin origin;
        std::shared_ptr<const std::string> changeset;
    };
    class PeerWindow;
    using Reciprocals = std::unordered_map<std::uint64_t, std::shared_ptr<const std::string>>;

    const std::uint64_t file_ident_;
    const merge::Profile profile_;
    mutable std::mutex mutex_;
    sqlite::Database db_;
    tables::Tables tables_;
    std::uint64_t version_ = 1;
    std::vector<Entry> entries_;
    std::map<std::uint64_t, Reciprocals> reciprocals_; // by peer, then position in entries_
};

} // namespace realmsync::realm
