// The elements of a list or set in chunks: like a vector, but that an element in the midst of many
// comes and goes at the cost of a chunk. Access by index takes a step per chunk; iterate where all
// elements are wanted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace realmsync::model {

template <class T> class Sequence {
    template <class Owner, class Element> class Iterator {
      public:
        using iterator_category = std::forward_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using pointer = Element*;
        using reference = Element&;

        Iterator() = default;
        Iterator(Owner* owner, std::size_t chunk) : owner_(owner), chunk_(chunk) {}
        reference operator*() const { return owner_->chunks_[chunk_][offset_]; }
        pointer operator->() const { return &**this; }
        Iterator& operator++() {
            if (++offset_ == owner_->chunks_[chunk_].size()) {
                ++chunk_;
                offset_ = 0;
            }
            return *this;
        }
        Iterator operator++(int) {
            Iterator before = *this;
            ++*this;
            return before;
        }
        bool operator==(const Iterator& other) const {
            return chunk_ == other.chunk_ && offset_ == other.offset_;
        }

      private:
        Owner* owner_ = nullptr;
        std::size_t chunk_ = 0, offset_ = 0;
    };

  public:
    using value_type = T;
    static constexpr std::size_t kChunk = 512; // elements at most

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T& operator[](std::size_t index) {
        const Place at = find(index);
        return chunks_[at.chunk][at.offset];
    }
    const T& operator[](std::size_t index) const {
        const Place at = find(index);
        return chunks_[at.chunk][at.offset];
    }
    auto begin() { return Iterator<Sequence, T>(this, 0); }
    auto end() { return Iterator<Sequence, T>(this, chunks_.size()); }
    auto begin() const { return Iterator<const Sequence, const T>(this, 0); }
    auto end() const { return Iterator<const Sequence, const T>(this, chunks_.size()); }

    void reserve(std::size_t size) {
        if (chunks_.empty() && size != 0)
            chunks_.reserve(size / kChunk + 1);
    }
    void push_back(T value) {
        if (chunks_.empty() || chunks_.back().size() == kChunk)
            chunks_.emplace_back();
        chunks_.back().push_back(std::move(value));
        ++size_;
    }
    void insert(std::size_t index, T value) { // index <= size()
        if (index == size_)
            return push_back(std::move(value));
        const Place at = find(index);
        auto& chunk = chunks_[at.chunk];
        chunk.insert(chunk.begin() + static_cast<std::ptrdiff_t>(at.offset), std::move(value));
        ++size_;
        if (chunk.size() > kChunk)
            split(at.chunk);
    }
    void erase(std::size_t index) {
        const Place at = find(index);
        auto& chunk = chunks_[at.chunk];
        chunk.erase(chunk.begin() + static_cast<std::ptrdiff_t>(at.offset));
        --size_;
        if (chunk.empty())
            chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(at.chunk));
        else if (chunk.size() < kChunk / 4)
            join(at.chunk);
    }
    void move(std::size_t from, std::size_t to) { // to: the index that it has afterwards
        T value = std::move((*this)[from]);
        erase(from);
        insert(to, std::move(value));
    }
    // The first element that is not before what is looked for, of ascending ones.
    template <class IsBefore> std::size_t lower_bound(IsBefore is_before) const {
        std::size_t index = 0;
        auto chunk = chunks_.begin();
        // All chunks before the one that ends with the first such element.
        for (; chunk != chunks_.end() && is_before(chunk->back()); ++chunk)
            index += chunk->size();
        if (chunk == chunks_.end())
            return index;
        const auto at = std::partition_point(chunk->begin(), chunk->end(), is_before);
        return index + static_cast<std::size_t>(at - chunk->begin());
    }
    template <class Visit> void each_backwards(Visit visit) const { // visit(index, element)
        std::size_t index = size_;
        for (auto chunk = chunks_.rbegin(); chunk != chunks_.rend(); ++chunk)
            for (auto element = chunk->rbegin(); element != chunk->rend(); ++element)
                visit(--index, *element);
    }
    template <class Predicate> void erase_if(Predicate predicate) {
        for (auto& chunk : chunks_)
            size_ -= std::erase_if(chunk, predicate);
        std::erase_if(chunks_, [](const auto& chunk) { return chunk.empty(); });
    }

  private:
    struct Place {
        std::size_t chunk, offset;
    };
    Place find(std::size_t index) const {
        REALMSYNC_ASSERT(index < size_);
        std::size_t chunk = 0;
        while (index >= chunks_[chunk].size())
            index -= chunks_[chunk++].size();
        return {chunk, index};
    }
    void split(std::size_t chunk) {
        auto& full = chunks_[chunk];
        const auto middle = full.begin() + static_cast<std::ptrdiff_t>(full.size() / 2);
        std::vector<T> rest(std::make_move_iterator(middle), std::make_move_iterator(full.end()));
        full.erase(middle, full.end());
        chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(chunk) + 1, std::move(rest));
    }
    void join(std::size_t chunk) { // with the next one, if both are small
        if (chunk + 1 == chunks_.size() ||
            chunks_[chunk].size() + chunks_[chunk + 1].size() > kChunk / 2)
            return;
        auto& next = chunks_[chunk + 1];
        std::move(next.begin(), next.end(), std::back_inserter(chunks_[chunk]));
        chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(chunk) + 1);
    }

    std::vector<std::vector<T>> chunks_; // none is empty
    std::size_t size_ = 0;
};

} // namespace realmsync::model
