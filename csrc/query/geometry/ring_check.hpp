// What speaks against rings as a polygon (query-language.md section 16): lines that cross
// themselves or each other, rings outside of the first one or within each other. The reasons are in
// the words of the reference and found in its order; rings themselves are ring.hpp.
#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "query/geometry/ring.hpp"

namespace realmsync::query {

class RingCheck {
  public:
    // Each at least three vertices, the first one not repeated. Finds all crossings at once.
    explicit RingCheck(std::vector<std::vector<Vector>> lines);

    // Of the next ring, by itself and within the first one. Once for each in order, until one has a
    // fault.
    std::optional<std::string> next_fault();
    // Afterwards: of all rings with each other.
    std::optional<std::string> fault_of_all() const;

  private:
    using Pair = std::pair<std::size_t, std::size_t>; // ascending
    static constexpr Pair kNone{std::numeric_limits<std::size_t>::max(), 0};
    struct Place {
        std::size_t ring, vertex;
    };

    void find_crossings();
    void note_crossing(const Place& a, const Place& b);
    void meet_others(std::size_t number);
    std::optional<std::string> fault_of_line(std::size_t number) const;
    std::optional<std::string> duplicate_edge() const;
    std::optional<std::string> nested_ring() const;

    std::vector<std::vector<Vector>> lines_;
    std::vector<Ring> rings_;         // those that have been checked, of the same numbers
    std::vector<Pair> own_crossings_; // by ring: the first two edges that cross, or kNone
    std::vector<bool> leaves_first_;  // by ring: crosses the first one, or touches it from
                                      //   outside
    Pair crossing_ = kNone;           // the first two other rings that cross
    std::map<Vector, std::vector<Place>> places_; // of the vertices of rings_
};

} // namespace realmsync::query
