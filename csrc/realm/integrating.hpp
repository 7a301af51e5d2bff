// One transaction in which what a server has sent is rebased, applied and stored with its progress
// (merge-rules.md 7.3). What goes into one is decided in integrate.cpp and, of flexible sync,
// bootstrap.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "base/work.hpp"
#include "client/store.hpp"
#include "merge/transform.hpp"
#include "realm/realm_file.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::realm {

class Integrating {
  public:
    // `stop`: when it is set, all that follows may fail.
    Integrating(RealmConnection& connection, const std::atomic<bool>* stop);

    // As the file was before.
    const client::ClientState& state() const { return state_; }
    // Throws ErrorException, bad_progress, for what would take a cursor back, or beyond this file's
    // history.
    void check(const wire::SyncProgress& next) const;
    // The merge to go on with; made when it is missing or cannot.
    void use_merge(std::unique_ptr<merge::Transformer> merge) { merge_ = std::move(merge); }
    std::unique_ptr<merge::Transformer> take_merge() { return std::move(merge_); }

    // Rebases and applies; throws ErrorException, which says which of it failed.
    void apply(std::span<client::IncomingChangeset> changesets);
    // Stores the progress: the version that this makes of the file. Nothing may follow.
    client::ClientState finish(const wire::SyncProgress& progress, std::uint64_t downloadable);

  private:
    RealmConnection& connection_;
    client::ClientState state_;
    Work work_; // unlimited: the server is trusted with what it costs
    sqlite::Watch watch_;
    std::unique_ptr<merge::Transformer> merge_;
    client::IncomingChangeset last_; // its head; nothing applied yet: server version 0
};

} // namespace realmsync::realm
