// A closed line of arcs on the sphere, the area within it, and how such areas lie to each other.
// What a ring must not do is found by ring_check.hpp, regions are geometry.hpp.
#pragma once

#include <cstddef>
#include <vector>

#include "query/geometry/orientation.hpp"

namespace realmsync::query {

class Ring {
  public:
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);

    // Three or more different vertices; the last one is joined to the first one. Its area is the
    // smaller of the two that it parts the sphere in; of halves, that on its left.
    explicit Ring(std::vector<Vector> vertices);

    // Turned round if what is left of the given order was the larger area.
    const std::vector<Vector>& vertices() const { return vertices_; }

    // A vertex itself is inside of just one of the areas that meet there. O(1) far from the ring,
    // else O(vertices).
    bool contains(const Vector& point) const;
    // Of a ring that this one does not cross; common vertices are allowed. O(product of both).
    bool contains(const Ring& other) const;

    std::size_t find(const Vector& vertex) const; // index or npos
    // Of the corner at a vertex, both included: where `point` lies, seen from the vertex.
    bool has_in_corner(std::size_t vertex, const Vector& point) const;
    const Vector& next(std::size_t vertex) const {
        return vertices_[vertex + 1 == vertices_.size() ? 0 : vertex + 1];
    }
    const Vector& previous(std::size_t vertex) const {
        return vertices_[vertex == 0 ? vertices_.size() - 1 : vertex - 1];
    }
    // At a common vertex: whether the other one's corner lies within this one's.
    bool holds_corner(std::size_t vertex, const Ring& other, std::size_t other_vertex) const;
    // Whether the corners overlap in part only: the lines cross there.
    bool crosses_at(std::size_t vertex, const Ring& other, std::size_t other_vertex) const;

  private:
    double turning() const;
    bool misses_corner(std::size_t vertex, const Ring& other, std::size_t other_vertex) const;
    void bound();

    std::vector<Vector> vertices_;
    bool has_origin_inside_ = false;
    // The area lies where the product with the axis is as large.
    Vector axis_;
    double least_ = -2;
};

} // namespace realmsync::query
