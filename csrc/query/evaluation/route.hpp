// The way from an object to others: the hops of a path, made ready to be gone (query-language.md
// section 7). Null and dangling links lead nowhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "query/evaluation/callable.hpp"
#include "query/evaluation/run.hpp"
#include "query/tree/tree.hpp"

namespace realmsync::query {

class Route {
  public:
    // Of the first `count` hops of the path, which has to live as long.
    Route(const Path& path, std::size_t count);

    bool is_empty() const { return count_ == 0; }
    // Whether it leads to one object at most, by single links alone.
    bool is_single() const { return is_single_; }

    // Calls `visit` for every object at the end, as often as it is reached, in order; stops when
    // that gives false. The image lives during the call; those that are not embedded, as long as
    // the graph says.
    void each(const Image& from, Run& run, Callable<bool(const Image&)> visit) const;
    // Every different object once, with the number of ways to it: O(links between those that are
    // met) for each hop, where each() takes as long as there are ways. Numbers beyond the largest
    // are that one.
    void each_once(const Image& from, Run& run,
                   Callable<bool(const Image&, std::int64_t)> visit) const;

  private:
    // An object on the way. Embedded ones are known by what they hold.
    using Step = Callable<bool(const Image&, const void* identity)>;
    void step(std::size_t hop, const Image& from, Run& run, Step visit) const;
    bool descend(std::size_t hop, const Image& from, Run& run,
                 Callable<bool(const Image&)> visit) const;

    const Path* path_;
    std::size_t count_;
    bool is_single_;
    bool may_meet_again_; // it goes through several collections
};

// Of numbers of ways, which are not negative: the largest number, if the sum is larger.
std::int64_t sum_within_range(std::int64_t a, std::int64_t b);

// The stored value of a property, or what a new object has there.
const model::Value& value_of(const Image& object, std::size_t property);

// Which objects a hop forward leads to: calls `visit` for the value of each link or embedded object
// that `elements` choose of the property (all, if there are none). Stops when that gives false.
void each_member(const model::Value& value, std::span<const Element> elements,
                 Callable<bool(const model::Value&)> visit);

} // namespace realmsync::query
