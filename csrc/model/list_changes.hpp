// How one list of keys becomes another: what a listener is told when the results of a query have
// changed. Keys stand in each list at most once.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "model/key_list.hpp"

namespace realmsync::model {

// Positions, ascending. Taking away the deletions, from behind, and then putting in the insertions,
// from the front, makes the new list of the old one. A key that moves is deleted and inserted; as
// few move as possible. Modified ones are neither, and stand at the same place of both lists of
// modifications.
struct ListChanges {
    std::vector<std::uint32_t> deletions;         // in the old list
    std::vector<std::uint32_t> insertions;        // in the new one
    std::vector<std::uint32_t> modifications_old; // in the old one
    std::vector<std::uint32_t> modifications_new; // in the new one, ascending

    bool empty() const {
        return deletions.empty() && insertions.empty() && modifications_new.empty();
    }
};

// O(n) time, and O(m log m) for m keys between the first and the last that differ. `is_modified` is
// asked of keys that are in both lists and have not moved.
ListChanges changes_between(const KeyList& before, const KeyList& after,
                            const std::function<bool(const Key&)>& is_modified);

} // namespace realmsync::model
