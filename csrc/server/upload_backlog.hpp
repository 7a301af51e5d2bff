// Accepted uploads and query sets that the writer has not done yet, by user: whose connections are
// not read for a while, so that what waits is bounded and nobody waits for another's. Bytes of
// uploads are inflated ones.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "base/assert.hpp"
#include "server/job.hpp"

namespace realmsync::server {

class UploadBacklog {
  public:
    UploadBacklog(std::uint64_t user_limit, std::uint64_t total_limit)
        : user_limit_(user_limit), total_limit_(total_limit) {}

    std::uint64_t total() const { return total_; }
    void add(Flow user, std::uint64_t bytes) {
        total_ += bytes;
        by_user_[user] += bytes;
    }
    void remove(Flow user, std::uint64_t bytes) {
        if (bytes == 0) // of progress alone
            return;
        auto found = by_user_.find(user);
        REALMSYNC_ASSERT(found != by_user_.end() && found->second >= bytes);
        total_ -= bytes;
        if ((found->second -= bytes) == 0)
            by_user_.erase(found);
    }

    // The user has more than `times` what he may.
    bool is_above(Flow user, std::uint64_t times) const {
        return of(user) > times * limit(times * total_limit_);
    }
    // Little enough is left to read on.
    bool has_room(Flow user) const { return of(user) <= limit(total_limit_ / 2) / 2; }

  private:
    std::uint64_t of(Flow user) const {
        auto found = by_user_.find(user);
        return found == by_user_.end() ? 0 : found->second;
    }
    // While there is more than `total` in all, an equal share of what may be.
    std::uint64_t limit(std::uint64_t total) const {
        if (total_ <= total)
            return user_limit_;
        return std::min(user_limit_, total_limit_ / by_user_.size());
    }

    const std::uint64_t user_limit_, total_limit_;
    std::uint64_t total_ = 0;
    std::unordered_map<Flow, std::uint64_t> by_user_; // none of them is 0
};

} // namespace realmsync::server
