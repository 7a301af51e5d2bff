#include "query/geometry/ring_check.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>

namespace realmsync::query {

namespace {

// An arc and a box around it. Between its ends an arc leaves their box by less than a quarter of
// the square of its chord.
struct Edge {
    std::size_t ring, index;
    Vector from, to;
    Vector low, high;
};

Edge make_edge(std::size_t ring, std::size_t index, const Vector& from, const Vector& to) {
    const double chord = length(to - from);
    const double slack = chord * chord / 4 + 1e-15;
    auto low = [&](double a, double b) { return std::min(a, b) - slack; };
    auto high = [&](double a, double b) { return std::max(a, b) + slack; };
    return {ring,
            index,
            from,
            to,
            {low(from.x, to.x), low(from.y, to.y), low(from.z, to.z)},
            {high(from.x, to.x), high(from.y, to.y), high(from.z, to.z)}};
}

std::string fixed(double value) {
    std::array<char, 40> text{};
    char* const begin = text.data();
    return {begin,
            std::to_chars(begin, begin + text.size(), value, std::chars_format::fixed, 7).ptr};
}

std::string degrees(const Vector& at) { // latitude first
    constexpr double kDegrees = 180 / std::numbers::pi;
    return "[" + fixed(std::atan2(at.z, std::hypot(at.x, at.y)) * kDegrees) + ", " +
           fixed(std::atan2(at.y, at.x) * kDegrees) + "]";
}

const Vector& vertex_at(const std::vector<Vector>& line, std::size_t index) {
    return line[index == line.size() ? 0 : index];
}

} // namespace

RingCheck::RingCheck(std::vector<std::vector<Vector>> lines)
    : lines_(std::move(lines)), own_crossings_(lines_.size(), kNone),
      leaves_first_(lines_.size(), false) {
    rings_.reserve(lines_.size());
    find_crossings();
}

// Edges from pole to pole: each is compared with those that begin before it ends.
void RingCheck::find_crossings() {
    std::vector<Edge> edges;
    for (std::size_t ring = 0; ring < lines_.size(); ++ring)
        for (std::size_t i = 0; i < lines_[ring].size(); ++i)
            edges.push_back(make_edge(ring, i, lines_[ring][i], vertex_at(lines_[ring], i + 1)));
    std::sort(edges.begin(), edges.end(),
              [](const Edge& a, const Edge& b) { return a.low.z < b.low.z; });
    for (std::size_t i = 0; i < edges.size(); ++i) {
        const Edge& a = edges[i];
        for (std::size_t j = i + 1; j < edges.size() && edges[j].low.z <= a.high.z; ++j) {
            const Edge& b = edges[j];
            const bool may_meet = a.low.x <= b.high.x && b.low.x <= a.high.x &&
                                  a.low.y <= b.high.y && b.low.y <= a.high.y;
            if (may_meet && arcs_cross(a.from, a.to, b.from, b.to))
                note_crossing({a.ring, a.index}, {b.ring, b.index});
        }
    }
}

void RingCheck::note_crossing(const Place& a, const Place& b) {
    if (a.ring == b.ring) {
        Pair& known = own_crossings_[a.ring];
        known = std::min(known, Pair(std::minmax(a.vertex, b.vertex)));
        return;
    }
    const Pair rings = std::minmax(a.ring, b.ring);
    if (rings.first == 0)
        leaves_first_[rings.second] = true;
    else
        crossing_ = std::min(crossing_, rings);
}

std::optional<std::string> RingCheck::fault_of_line(std::size_t number) const {
    const std::vector<Vector>& line = lines_[number];
    const std::string beginning = "Ring " + std::to_string(number) + " is not valid: '";
    std::map<Vector, std::size_t> seen;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const auto [at, is_new] = seen.emplace(line[i], i);
        if (!is_new)
            return beginning + "Duplicate vertices: " + std::to_string(at->second) + " and " +
                   std::to_string(i) + "'";
    }
    const Pair& edges = own_crossings_[number];
    if (edges == kNone)
        return std::nullopt;
    auto ends = [&](std::size_t edge) {
        return degrees(line[edge]) + "-" + degrees(vertex_at(line, edge + 1));
    };
    return beginning + "Edges " + std::to_string(edges.first) + " and " +
           std::to_string(edges.second) +
           " cross. Edge locations in degrees: " + ends(edges.first) + " and " +
           ends(edges.second) + "'";
}

std::optional<std::string> RingCheck::next_fault() {
    const std::size_t number = rings_.size();
    if (std::optional<std::string> fault = fault_of_line(number))
        return fault;
    rings_.emplace_back(lines_[number]);
    meet_others(number);
    if (number > 0 && (leaves_first_[number] || !rings_[0].contains(rings_[number])))
        return "Secondary ring " + std::to_string(number) +
               " not contained by first exterior ring - secondary rings must be holes in the "
               "first ring";
    return std::nullopt;
}

// Lines may cross in a vertex that they share.
void RingCheck::meet_others(std::size_t number) {
    const Ring& ring = rings_[number];
    for (std::size_t i = 0; i < ring.vertices().size(); ++i) {
        std::vector<Place>& places = places_[ring.vertices()[i]];
        for (const Place& place : places) {
            if (place.ring == 0 && !rings_[0].holds_corner(place.vertex, ring, i))
                leaves_first_[number] = true;
            else if (place.ring != 0 && ring.crosses_at(i, rings_[place.ring], place.vertex))
                crossing_ = std::min(crossing_, Pair(place.ring, number));
        }
        places.push_back({number, i});
    }
}

std::optional<std::string> RingCheck::fault_of_all() const {
    std::optional<std::string> fault = duplicate_edge();
    if (!fault && crossing_ != kNone)
        fault = "Ring " + std::to_string(crossing_.first) + " crosses ring " +
                std::to_string(crossing_.second);
    if (fault)
        return "Polygon isn't valid: '" + *fault + "'";
    return nested_ring();
}

std::optional<std::string> RingCheck::duplicate_edge() const {
    std::map<std::pair<Vector, Vector>, Place> seen; // in both directions
    for (std::size_t ring = 0; ring < rings_.size(); ++ring)
        for (std::size_t i = 0; i < rings_[ring].vertices().size(); ++i) {
            const Vector& from = rings_[ring].vertices()[i];
            const Vector& to = rings_[ring].next(i);
            auto found = seen.find({from, to});
            if (found != seen.end())
                return "Duplicate edge: ring " + std::to_string(ring) + ", edge " +
                       std::to_string(i) + " and ring " + std::to_string(found->second.ring) +
                       ", edge " + std::to_string(found->second.vertex);
            seen.emplace(std::pair(from, to), Place{ring, i});
            seen.emplace(std::pair(to, from), Place{ring, i});
        }
    return std::nullopt;
}

// The reference numbers rings anew before it looks: each stands before those within it.
std::optional<std::string> RingCheck::nested_ring() const {
    std::vector<bool> is_within(rings_.size()), has_within(rings_.size());
    for (std::size_t outer = 1; outer < rings_.size(); ++outer)
        for (std::size_t inner = 1; inner < rings_.size(); ++inner)
            if (outer != inner && rings_[outer].contains(rings_[inner]))
                has_within[outer] = is_within[inner] = true;
    std::size_t number = 1;
    for (std::size_t ring = 1; ring < rings_.size(); ++ring) {
        if (is_within[ring])
            continue;
        ++number;
        if (has_within[ring])
            return "Polygon interior rings cannot be nested: " + std::to_string(number);
    }
    return std::nullopt;
}

} // namespace realmsync::query
