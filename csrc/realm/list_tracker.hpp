// Which elements of a list, as local changes name them, are which elements of the list that the
// server has: known are those alone that the same changes have inserted (client-session.md 13.6).
// As soon as another one is addressed, nothing can be said any more, and the list is copied whole.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace realmsync::realm {

class ListTracker {
  public:
    using Index = std::size_t;

    // The list is to be replaced by its local content; until clear() nothing else is possible.
    bool is_copy() const { return is_copy_; }

    // Each gives the index (or indexes) to use in the list of `size` elements that is there now, or
    // nothing when the change cannot be made.
    std::optional<Index> insert(Index local, Index size) {
        if (is_copy_)
            return std::nullopt;
        const Index remote = std::min(local, size);
        const auto at = shift_up(local);
        pairs_.insert(at, {local, remote});
        return remote;
    }
    // An element that is there locally and will not be here.
    void insert_nothing(Index local) {
        for (auto pair = lower_bound(local); pair != pairs_.end(); ++pair)
            ++pair->local;
    }
    std::optional<Index> update(Index local) {
        const auto pair = find(local);
        return pair ? std::optional((*pair)->remote) : std::nullopt;
    }
    std::optional<Index> remove(Index local) {
        const auto found = find(local);
        if (!found)
            return std::nullopt;
        const Index remote = (*found)->remote;
        for (auto pair = pairs_.erase(*found); pair != pairs_.end(); ++pair) {
            --pair->local;
            --pair->remote;
        }
        return remote;
    }
    std::optional<std::pair<Index, Index>> move(Index from, Index to) {
        const auto source = find(from), target = find(to);
        if (!source || !target)
            return std::nullopt;
        const std::pair<Index, Index> result{(*source)->remote, (*target)->remote};
        pairs_.erase(*source);
        for (Pair& pair : pairs_) {
            if (from < pair.local && pair.local <= to) {
                --pair.local;
                --pair.remote;
            } else if (to <= pair.local && pair.local < from) {
                ++pair.local;
                ++pair.remote;
            }
        }
        pairs_.insert(lower_bound(to), {to, result.second});
        return result;
    }
    void clear() {
        is_copy_ = false;
        pairs_.clear();
    }

  private:
    struct Pair {
        Index local, remote;
    };
    using At = std::vector<Pair>::iterator;

    At lower_bound(Index local) {
        return std::ranges::lower_bound(pairs_, local, {}, &Pair::local);
    }
    At shift_up(Index local) {
        const At first = lower_bound(local);
        for (auto pair = first; pair != pairs_.end(); ++pair) {
            ++pair->local;
            ++pair->remote;
        }
        return first;
    }
    // Nothing, and the list is to be copied, for an element that is not known.
    std::optional<At> find(Index local) {
        const At at = lower_bound(local);
        if (!is_copy_ && at != pairs_.end() && at->local == local)
            return at;
        is_copy_ = true;
        pairs_.clear();
        return std::nullopt;
    }

    std::vector<Pair> pairs_; // ascending by `local`
    bool is_copy_ = false;
};

} // namespace realmsync::realm
