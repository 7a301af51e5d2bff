// The set of names defined so far while a changeset is parsed. The names come from strangers, so
// their hashes can be chosen to collide: once a probe sequence grows suspiciously long the set
// turns into an ordered one, and an insertion costs O(log n) at worst.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <set>
#include <string_view>
#include <vector>

namespace realmsync::changeset {

class StringSet {
  public:
    using Names = std::vector<std::string_view>; // every name so far, without repetition

    // Takes in names.back(), the only new one; false if it repeats an earlier name.
    bool insert(const Names& names) {
        std::size_t last = names.size() - 1;
        if (names.size() <= kLinear)
            return std::find(names.begin(), names.end() - 1, names.back()) == names.end() - 1;
        if (ordered_.empty()) {
            Outcome outcome = names.size() * 2 > slots_.size() ? rehash(names) : Outcome::inserted;
            if (outcome == Outcome::inserted)
                outcome = insert_hashed(names, last);
            if (outcome != Outcome::crowded)
                return outcome == Outcome::inserted;
            slots_ = {};
            ordered_.insert(names.begin(), names.end() - 1);
        }
        return ordered_.insert(names.back()).second;
    }

  private:
    enum class Outcome { inserted, repeated, crowded };
    struct Slot {
        std::uint32_t hash, id_plus_one; // 0: free
    };
    static constexpr std::size_t kLinear = 8;      // up to here comparing is faster than hashing
    static constexpr std::size_t kMaxProbes = 256; // not reached at half load unless provoked

    Outcome insert_hashed(const Names& names, std::size_t id) {
        auto hash = static_cast<std::uint32_t>(std::hash<std::string_view>{}(names[id]));
        for (std::size_t probe = 0; probe < kMaxProbes; ++probe) {
            Slot& slot = slots_[(hash + probe) & (slots_.size() - 1)];
            if (slot.id_plus_one == 0) {
                slot = {hash, static_cast<std::uint32_t>(id + 1)};
                return Outcome::inserted;
            }
            if (slot.hash == hash && names[slot.id_plus_one - 1] == names[id])
                return Outcome::repeated;
        }
        return Outcome::crowded;
    }

    // Takes in all names but the last.
    Outcome rehash(const Names& names) {
        slots_.assign(std::bit_ceil(names.size() * 4), Slot{0, 0});
        for (std::size_t id = 0; id + 1 < names.size(); ++id)
            if (insert_hashed(names, id) == Outcome::crowded)
                return Outcome::crowded;
        return Outcome::inserted;
    }

    std::vector<Slot> slots_; // open addressing, a power of two, at most half full
    std::set<std::string_view> ordered_;
};

} // namespace realmsync::changeset
