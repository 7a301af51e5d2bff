// Merges in progress, kept between the uploads of one client file: a client that was away long
// sends many uploads against the same long window, which is read and indexed once. The writer's
// alone.
#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "merge/transform.hpp"
#include "server/store.hpp"

namespace realmsync::partitions {

class WindowCache {
  public:
    explicit WindowCache(std::size_t bytes) : capacity_(bytes) {}

    // What is kept for the file, if batches from `base` on can follow; else a new one.
    std::unique_ptr<merge::Transformer> take(server::PartitionId partition, std::uint64_t ident,
                                             std::uint64_t base, merge::Profile profile) {
        std::unique_ptr<merge::Transformer> found;
        for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
            if (entry->partition == partition && entry->ident == ident) {
                found = std::move(entry->transformer);
                bytes_ -= entry->bytes;
                entries_.erase(entry);
                break;
            }
        if (!found || found->base() > base)
            found = std::make_unique<merge::Transformer>(profile);
        return found;
    }

    // After a batch that went well.
    void keep(server::PartitionId partition, std::uint64_t ident,
              std::unique_ptr<merge::Transformer> transformer) {
        if (!transformer->is_worth_keeping(capacity_))
            return;
        const std::size_t bytes = transformer->memory();
        for (bytes_ += bytes; bytes_ > capacity_; entries_.pop_back())
            bytes_ -= entries_.back().bytes;
        entries_.push_front({partition, ident, bytes, std::move(transformer)});
    }

    // What the file was shown is another by now.
    void forget(server::PartitionId partition, std::uint64_t ident) {
        std::erase_if(entries_, [&](const Entry& entry) {
            const bool goes = entry.partition == partition && entry.ident == ident;
            bytes_ -= goes ? entry.bytes : 0;
            return goes;
        });
    }

    void clear() { // after a rollback
        entries_.clear();
        bytes_ = 0;
    }

  private:
    struct Entry {
        server::PartitionId partition;
        std::uint64_t ident;
        std::size_t bytes;
        std::unique_ptr<merge::Transformer> transformer;
    };
    const std::size_t capacity_;
    std::size_t bytes_ = 0;
    std::list<Entry> entries_; // most recently used first
};

} // namespace realmsync::partitions
