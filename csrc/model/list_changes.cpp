#include "model/list_changes.hpp"

#include <algorithm>
#include <limits>

namespace realmsync::model {

namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

std::uint32_t narrow(std::size_t position) { return static_cast<std::uint32_t>(position); }

// Of the numbers that are not kNone, a longest ascending subsequence stays; the others become
// kNone. Patience sorting: `tails[k]` is where the subsequence of length k + 1 with the least end
// ends.
void keep_longest_ascending(std::vector<std::uint32_t>& numbers) {
    std::vector<std::uint32_t> tails, previous(numbers.size(), kNone);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (numbers[i] == kNone)
            continue;
        const auto tail =
            std::lower_bound(tails.begin(), tails.end(), numbers[i],
                             [&](std::uint32_t at, std::uint32_t n) { return numbers[at] < n; });
        if (tail != tails.begin())
            previous[i] = *(tail - 1);
        if (tail == tails.end())
            tails.push_back(narrow(i));
        else
            *tail = narrow(i);
    }
    std::vector<bool> is_kept(numbers.size());
    for (std::uint32_t at = tails.empty() ? kNone : tails.back(); at != kNone; at = previous[at])
        is_kept[at] = true;
    for (std::size_t i = 0; i < numbers.size(); ++i)
        if (!is_kept[i])
            numbers[i] = kNone;
}

// Where each of the keys `after`[first, end) stands in `before`, from position `first` on; kNone
// for those that are not there.
std::vector<std::uint32_t> origins(const KeyList& before, const KeyList& after, std::size_t first,
                                   std::size_t before_end, std::size_t after_end) {
    KeyList middle(before.type());
    for (std::size_t i = first; i < before_end; ++i)
        middle.append(before.at(i));
    std::vector<std::uint32_t> from;
    from.reserve(after_end - first);
    for (std::size_t i = first; i < after_end; ++i) {
        const std::size_t found = middle.find(after.at(i));
        from.push_back(found == KeyList::npos ? kNone : narrow(first + found));
    }
    return from;
}

} // namespace

ListChanges changes_between(const KeyList& before, const KeyList& after,
                            const std::function<bool(const Key&)>& is_modified) {
    ListChanges changes;
    auto kept = [&](std::size_t old_position, std::size_t new_position) {
        if (!is_modified(after.at(new_position)))
            return;
        changes.modifications_old.push_back(narrow(old_position));
        changes.modifications_new.push_back(narrow(new_position));
    };
    // Most of two lists is the same at both ends.
    std::size_t first = 0, before_end = before.size(), after_end = after.size();
    while (first < before_end && first < after_end && equal(before.at(first), after.at(first)))
        ++first;
    while (before_end > first && after_end > first &&
           equal(before.at(before_end - 1), after.at(after_end - 1))) {
        --before_end;
        --after_end;
    }
    for (std::size_t i = 0; i < first; ++i)
        kept(i, i);
    std::vector<std::uint32_t> from = origins(before, after, first, before_end, after_end);
    keep_longest_ascending(from);
    std::size_t next = first; // in the old list
    for (std::size_t i = first; i < after_end; ++i) {
        const std::uint32_t origin = from[i - first];
        if (origin == kNone) {
            changes.insertions.push_back(narrow(i));
            continue;
        }
        for (; next < origin; ++next)
            changes.deletions.push_back(narrow(next));
        kept(next++, i);
    }
    for (; next < before_end; ++next)
        changes.deletions.push_back(narrow(next));
    for (std::size_t i = after_end; i < after.size(); ++i)
        kept(before_end + i - after_end, i);
    return changes;
}

} // namespace realmsync::model
