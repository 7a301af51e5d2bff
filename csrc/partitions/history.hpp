// The newest part of a partition's history in memory: recent entries, so that live traffic reads no
// SQL, and who sent which versions, so that a merge window is found without looking at every entry.
// Both forget their old end; rs_history has everything (server-behaviour.md 4.1, 19.9).
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "partitions/rows.hpp"

namespace realmsync::partitions {

// Consecutive entries up to the head.
class HistoryTail {
  public:
    void append(HistoryEntry entry) {
        bytes_ += entry.memory();
        entries_.push_back(std::move(entry));
    }
    void shrink(std::size_t bytes) { // drops the oldest until at most `bytes` are held
        while (bytes_ > bytes && !entries_.empty()) {
            bytes_ -= entries_.front().memory();
            entries_.pop_front();
        }
    }
    std::size_t memory() const { return bytes_; }
    // Whether every entry after `version` is here.
    bool reaches(std::uint64_t version, std::uint64_t head) const {
        return version >= head || (!entries_.empty() && entries_.front().version <= version + 1);
    }
    const HistoryEntry* find(std::uint64_t version) const { // nullptr: not here
        if (entries_.empty() || version < entries_.front().version ||
            version > entries_.back().version)
            return nullptr;
        return &entries_[version - entries_.front().version];
    }

  private:
    std::deque<HistoryEntry> entries_;
    std::size_t bytes_ = 0;
};

// Runs of versions received from one file. Empty entries take part in no merge and join whichever
// run is open. Covers the versions from start() + 1 on.
class OriginRuns {
  public:
    struct Range {
        std::uint64_t first, last;
    };

    explicit OriginRuns(std::uint64_t head) : start_(head), end_(head) {}

    std::uint64_t start() const { return start_; }
    std::size_t memory() const { return runs_.capacity() * sizeof(Run); }

    void append(std::uint64_t version, std::uint64_t via, bool empty) {
        if (runs_.empty() || (!empty && runs_.back().via != via))
            runs_.push_back({version, via});
        end_ = version;
    }
    // `older` ends where this starts.
    void prepend(OriginRuns older) {
        older.runs_.insert(older.runs_.end(), runs_.begin(), runs_.end());
        runs_ = std::move(older.runs_);
        start_ = older.start_;
    }
    void shrink(std::size_t bytes) { // drops the older half if it holds more than `bytes`
        if (runs_.size() * sizeof(Run) <= bytes)
            return;
        runs_.erase(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(runs_.size() / 2));
        runs_.shrink_to_fit();
        start_ = runs_.front().first - 1;
    }
    void truncate(std::uint64_t head) { // takes back what a rollback undid
        while (!runs_.empty() && runs_.back().first > head)
            runs_.pop_back();
        end_ = std::min(end_, head);
        start_ = std::min(start_, head);
    }
    // Ranges after `base` (not before start()) that did not come from the client file `ident`,
    // ascending.
    std::vector<Range> foreign(std::uint64_t base, std::uint64_t ident) const {
        std::vector<Range> result;
        auto run = std::upper_bound(runs_.begin(), runs_.end(), base + 1,
                                    [](std::uint64_t v, const Run& r) { return v < r.first; });
        if (run != runs_.begin())
            --run;
        for (; run != runs_.end(); ++run) {
            const std::uint64_t last = run + 1 == runs_.end() ? end_ : run[1].first - 1;
            if (run->via != ident && last > base)
                result.push_back({std::max(run->first, base + 1), last});
        }
        return result;
    }

  private:
    struct Run {
        std::uint64_t first, via;
    };
    std::uint64_t start_, end_;
    std::vector<Run> runs_;
};

} // namespace realmsync::partitions
