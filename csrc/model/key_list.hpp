// The keys of many objects of one class, in an order, in little memory: eight bytes for an integer,
// the bytes of an id, the text of a string and eight bytes more. What a query has selected.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "model/value.hpp"

namespace realmsync::model {

// Null first, then as the values are ordered; both of one type, but for null.
bool is_less(const Key& a, const Key& b);

class KeyList {
  public:
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);

    // `type`: that of the class's keys; null keys are possible among them.
    explicit KeyList(Type type = Type::integer);

    Type type() const { return type_; }
    std::size_t size() const { return size_; }
    std::size_t bytes() const;          // of memory, about
    void append(const Key& key);        // of the type, or null; copies
    Key at(std::size_t position) const; // borrows its text from the list
    bool operator==(const KeyList& other) const;

    // Puts at each place what stood at the position that `order` names there; positions may be
    // left out.
    void reorder(std::span<const std::uint32_t> order);

    // Where the key stands first, or npos. The first call makes an index of the whole list,
    // O(size), the others are O(1).
    std::size_t find(const Key& key) const;

  private:
    std::size_t width() const; // of one key in bytes_; 0: text
    std::size_t place_of(const Key& key) const;
    void make_index() const;

    Type type_;
    std::size_t size_ = 0;
    std::string bytes_;
    std::vector<std::uint64_t> ends_;  // of texts in bytes_
    std::vector<std::uint32_t> nulls_; // positions, ascending; nearly always at most one
    // A hash table of positions + 1 that find() makes; a free place is 0, clashes go to the next.
    mutable std::vector<std::uint32_t> places_;
};

} // namespace realmsync::model
