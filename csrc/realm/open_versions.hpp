// With which versions of the schema a file is open in this process: all with one, or all with none
// (data-model.md 15.6). Threads: any.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "base/assert.hpp"

namespace realmsync::realm {

class OpenVersions {
  public:
    using Version = std::optional<std::int64_t>;

    // False, and nothing has been entered, when the others have another one: `other`.
    bool enter(const Version& version, Version& other) {
        const std::lock_guard lock(mutex_);
        if (!openers_.empty() && !openers_.contains(version)) {
            other = openers_.begin()->first;
            return false;
        }
        ++openers_[version];
        return true;
    }
    void leave(const Version& version) {
        const std::lock_guard lock(mutex_);
        const auto found = openers_.find(version);
        REALMSYNC_ASSERT(found != openers_.end());
        if (--found->second == 0)
            openers_.erase(found);
    }

  private:
    std::mutex mutex_;
    std::map<Version, int> openers_; // with each
};

} // namespace realmsync::realm
