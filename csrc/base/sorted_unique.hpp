// A vector as a set: in order, each of what is equal once.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

namespace realmsync {

/// Sorts `items` by `is_before`, of what `key` gives of each, and keeps one of those of which
/// neither is before the other. O(n log n).
template <class T, class Before = std::ranges::less, class Key = std::identity>
void sort_unique(std::vector<T>& items, Before is_before = {}, Key key = {}) {
    std::ranges::sort(items, is_before, key);
    const auto is_same = [&](const T& a, const T& b) {
        return !std::invoke(is_before, std::invoke(key, a), std::invoke(key, b));
    };
    items.erase(std::unique(items.begin(), items.end(), is_same), items.end());
}

} // namespace realmsync
