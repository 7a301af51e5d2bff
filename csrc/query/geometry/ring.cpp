#include "query/geometry/ring.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace realmsync::query {

namespace {

// Where the lines begin that count how often a ring is crossed: no vertex, because no rounded
// degrees lead here.
const Vector kOrigin = [] {
    const Vector direction{0.0131, 0.9817, 0.0463};
    return (1 / length(direction)) * direction;
}();

// A direction at a point, by which a vertex belongs to one of the areas around it. The one that the
// reference's geometry has, so that vertices belong to the same areas.
Vector own_direction(const Vector& at) {
    const double x = std::abs(at.x), y = std::abs(at.y), z = std::abs(at.z);
    Vector beside{0.012, 0.0053, 0.00457};
    if (x > y && x > z)
        beside.z = 1;
    else if (y > z)
        beside.x = 1;
    else
        beside.y = 1;
    const Vector direction = cross(at, beside);
    return (1 / length(direction)) * direction;
}

// a × b, precise for neighbours, too.
Vector normal(const Vector& a, const Vector& b) { return 0.5 * cross(b - a, b + a); }

} // namespace

Ring::Ring(std::vector<Vector> vertices) : vertices_(std::move(vertices)) {
    // From the origin to the first vertex: over the edges that do not end there, and in.
    const Vector& first = vertices_[0];
    bool is_inside = has_in_corner(0, kOrigin);
    for (std::size_t i = 1; i + 1 < vertices_.size(); ++i)
        is_inside ^= arcs_cross(kOrigin, first, vertices_[i], vertices_[i + 1]);
    has_origin_inside_ = is_inside;
    if (turning() < -1e-14) {
        std::reverse(vertices_.begin(), vertices_.end());
        has_origin_inside_ = !has_origin_inside_;
    }
    bound();
}

// How far the ring turns to the left altogether: a full turn less the area on its left (Gauss and
// Bonnet), so that a half of the sphere has 0.
double Ring::turning() const {
    double sum = 0;
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
        const Vector in = normal(previous(i), vertices_[i]);
        const Vector out = normal(vertices_[i], next(i));
        const double angle = std::atan2(length(cross(in, out)), dot(in, out));
        sum += orientation(previous(i), vertices_[i], next(i)) * angle;
    }
    return sum;
}

// If a cap of less than half of the sphere holds the vertices, then it holds the edges and the
// smaller area, too.
void Ring::bound() {
    Vector sum;
    for (const Vector& vertex : vertices_)
        sum = sum + vertex;
    const double size = length(sum);
    if (size < 1e-9)
        return;
    axis_ = (1 / size) * sum;
    double least = 1;
    for (const Vector& vertex : vertices_)
        least = std::min(least, dot(axis_, vertex));
    if (least > 1e-9)
        least_ = least - 1e-12;
}

std::size_t Ring::find(const Vector& vertex) const {
    const auto found = std::find(vertices_.begin(), vertices_.end(), vertex);
    return found == vertices_.end() ? npos : static_cast<std::size_t>(found - vertices_.begin());
}

bool Ring::has_in_corner(std::size_t vertex, const Vector& point) const {
    return is_between(vertices_[vertex], next(vertex), point, previous(vertex));
}

bool Ring::contains(const Vector& point) const {
    if (dot(axis_, point) < least_)
        return false;
    if (const std::size_t vertex = find(point); vertex != npos)
        return has_in_corner(vertex, own_direction(point));
    bool is_inside = has_origin_inside_;
    int before = orientation(kOrigin, point, vertices_.back());
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
        const int side = orientation(kOrigin, point, vertices_[i]);
        if (side != before) // else both ends lie on one side of the line
            is_inside ^= arcs_cross(kOrigin, point, previous(i), vertices_[i]);
        before = side;
    }
    return is_inside;
}

bool Ring::contains(const Ring& other) const {
    for (const Vector& vertex : other.vertices_)
        if (find(vertex) == npos)
            return contains(vertex);
    return holds_corner(find(other.vertices_[0]), other, 0);
}

// The corner of `other` lies within this one's: turning left from our next vertex, its next one
// comes first, its previous one then, our previous one last.
bool Ring::holds_corner(std::size_t vertex, const Ring& other, std::size_t other_vertex) const {
    const Vector& center = vertices_[vertex];
    return has_in_corner(vertex, other.previous(other_vertex)) &&
           is_between(center, next(vertex), other.next(other_vertex), other.previous(other_vertex));
}

bool Ring::misses_corner(std::size_t vertex, const Ring& other, std::size_t other_vertex) const {
    const Vector& center = vertices_[vertex];
    return is_between(center, previous(vertex), other.previous(other_vertex), next(vertex)) &&
           is_between(center, previous(vertex), other.next(other_vertex),
                      other.previous(other_vertex));
}

bool Ring::crosses_at(std::size_t vertex, const Ring& other, std::size_t other_vertex) const {
    return !holds_corner(vertex, other, other_vertex) &&
           !other.holds_corner(other_vertex, *this, vertex) &&
           !misses_corner(vertex, other, other_vertex);
}

} // namespace realmsync::query
