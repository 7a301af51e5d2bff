// Flexible sync: which sessions a commit wakes, and what each of them may skip
// (flexible-sync.md 17.3, 17.10). Whom a version concerns is told by the store; here it is
// remembered, for each group of sessions with equal views and for each client file, so that an idle
// session costs no commit anything and reads later what is its own alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <vector>

namespace realmsync::server {

class Session;

// The versions that concern somebody, since one moment; the oldest are forgotten when there are
// too many.
class ConcernedVersions {
  public:
    explicit ConcernedVersions(std::uint64_t since = 0) : since_(since) {}

    void add(std::uint64_t version) { // ascending
        if (!versions_.empty() && versions_.back() >= version)
            return;
        versions_.push_back(version);
        if (versions_.size() <= kKept)
            return;
        const auto middle = versions_.begin() + kKept / 2;
        since_ = *(middle - 1);
        versions_.erase(versions_.begin(), middle);
    }
    // Nobody asks about what is before it any more.
    void forget_up_to(std::uint64_t version) {
        versions_.erase(versions_.begin(), std::ranges::upper_bound(versions_, version));
    }

    // Whether all after `version` are known.
    bool know_after(std::uint64_t version) const { return version >= since_; }
    // How far one who has what is up to `version` may go without seeing anything, `end` at most.
    std::uint64_t free_until(std::uint64_t version, std::uint64_t end) const {
        if (!know_after(version))
            return version;
        const auto next = std::ranges::upper_bound(versions_, version);
        return next == versions_.end() ? end : std::min(end, *next - 1);
    }
    // Those after `version`, which are known, at the end of `result`.
    void copy_after(std::uint64_t version, std::vector<std::uint64_t>& result) const {
        result.insert(result.end(), std::ranges::upper_bound(versions_, version), versions_.end());
    }

  private:
    static constexpr std::size_t kKept = 1000;

    std::uint64_t since_;
    std::vector<std::uint64_t> versions_;
};

// The sessions of one view group in one partition.
struct Audience {
    explicit Audience(std::uint64_t since) : concerned(since) {}

    std::unordered_set<Session*> sessions;
    ConcernedVersions concerned;
};

} // namespace realmsync::server
