// Pages that readers were sent, packed. Those who catch up with the same history, as new devices
// do, get the same bytes: what comes after a version does not change, and nothing in a page is the
// reader's own unless he has uploaded some of it. Packing takes ten times as long as all else.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "server/store.hpp"
#include "wire/body.hpp"

namespace realmsync::partitions {

struct PackedPage {
    wire::PackedBody body;
    std::size_t entries = 0;
    std::uint64_t last = 0; // newest version
    std::int64_t last_salt = 0;
    std::uint64_t cumulative_bytes = 0; // of the history, at `last`
    std::vector<std::uint64_t> senders; // client files, ascending
    // Flexible sync: through which it is shown; here, so that no other view has its address.
    std::shared_ptr<const views::View> view;

    bool has_nothing_of(std::uint64_t ident) const {
        return !std::binary_search(senders.begin(), senders.end(), ident);
    }
    std::size_t memory() const { return body.bytes.capacity() + 8 * senders.capacity() + 256; }
};

// Used by all readers.
class PageCache {
  public:
    explicit PageCache(std::size_t bytes) : capacity_(bytes) {}

    // Histories have begun anew: what was read before, or is being read, is of no use.
    void clear() {
        std::lock_guard lock(mutex_);
        ++epoch_;
        by_key_.clear();
        pages_.clear();
        bytes_ = 0;
    }
    std::uint64_t epoch() { // to be asked before a page is read
        std::lock_guard lock(mutex_);
        return epoch_;
    }

    // The page that answers the request, if its file has uploaded nothing of it.
    std::shared_ptr<const PackedPage> find(const server::PageRequest& request) {
        std::lock_guard lock(mutex_);
        auto found = by_key_.find(Key(request));
        if (found == by_key_.end() || !found->second->page->has_nothing_of(request.file_ident))
            return nullptr;
        pages_.splice(pages_.begin(), pages_, found->second);
        return found->second->page;
    }

    // In partition sync only of pages that are full: others grow.
    void add(const server::PageRequest& request, std::shared_ptr<const PackedPage> page,
             std::uint64_t epoch) {
        const std::size_t bytes = page->memory();
        std::lock_guard lock(mutex_);
        if (epoch != epoch_)
            return;
        auto [at, is_new] = by_key_.try_emplace(Key(request));
        if (!is_new)
            return;
        pages_.push_front({at->first, std::move(page)});
        at->second = pages_.begin();
        for (bytes_ += bytes; bytes_ > capacity_; pages_.pop_back()) {
            bytes_ -= pages_.back().page->memory();
            by_key_.erase(pages_.back().key);
        }
    }

  private:
    struct Key {
        Key(const server::PageRequest& r)
            : partition(r.partition), view(r.view.get()), cursor(r.cursor.server_version),
              client_version(r.cursor.client_version), byte_limit(r.byte_limit) {}
        server::PartitionId partition;
        const views::View* view;
        std::uint64_t cursor, client_version, byte_limit;
        auto operator<=>(const Key&) const = default;
    };
    struct Cached {
        Key key;
        std::shared_ptr<const PackedPage> page;
    };
    const std::size_t capacity_;
    std::mutex mutex_;
    std::uint64_t epoch_ = 0;
    std::size_t bytes_ = 0;
    std::list<Cached> pages_; // most recently used first
    std::map<Key, std::list<Cached>::iterator> by_key_;
};

} // namespace realmsync::partitions
