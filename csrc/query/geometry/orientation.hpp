// Which way three points of the sphere turn, and what follows from it: whether arcs cross, in which
// order directions leave a point. Exact, so that every question about the same points gets answers
// that fit together, however near to each other or to a pole they lie.
//
// Three points that lie on one great circle turn, too: as if all points were moved by the same
// infinitely small (e, e², e³). So an arc never passes through a point, but left or right of it.
#pragma once

#include <compare>

namespace realmsync::query {

struct Vector {
    double x = 0, y = 0, z = 0;
    auto operator<=>(const Vector&) const = default;
};

inline Vector operator+(const Vector& a, const Vector& b) {
    return {a.x + b.x, a.y + b.y, a.z + b.z};
}
inline Vector operator-(const Vector& a, const Vector& b) {
    return {a.x - b.x, a.y - b.y, a.z - b.z};
}
inline Vector operator*(double by, const Vector& a) { return {by * a.x, by * a.y, by * a.z}; }
inline double dot(const Vector& a, const Vector& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vector cross(const Vector& a, const Vector& b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
double length(const Vector& a);

// 1 if c lies left of the arc from a to b, seen from outside, -1 if right of it; 0 only if two of
// them are equal. For points of length 1 without components below 1e-60 but zero.
int orientation(const Vector& a, const Vector& b, const Vector& c);

// Whether the arc from a to b and the one from c to d have a point in common. Common ends are none.
bool arcs_cross(const Vector& a, const Vector& b, const Vector& c, const Vector& d);

// Whether a turn to the left about `center` from the direction of `from` meets that of `x` no later
// than that of `to`.
bool is_between(const Vector& center, const Vector& from, const Vector& x, const Vector& to);

} // namespace realmsync::query
