#include "query/geometry/orientation.hpp"

#include <array>
#include <cmath>
#include <cstddef>

namespace realmsync::query {

namespace {

// Rounding errors of a determinant of vectors of length 1 stay below a third of it.
constexpr double kDoubtful = 2e-15;

// A sum of doubles without rounding: parts that do not overlap, the smallest first (Shewchuk,
// Adaptive Precision Floating-Point Arithmetic, 1997).
template <std::size_t capacity> class ExactSum {
  public:
    void add(double value) {
        for (std::size_t i = 0; i < count_; ++i) {
            const double sum = value + parts_[i];
            const double added = sum - value;
            parts_[i] = (value - (sum - added)) + (parts_[i] - added); // what rounding took away
            value = sum;
        }
        parts_[count_++] = value;
    }
    void add_product(double a, double b) {
        const double product = a * b;
        add(std::fma(a, b, -product));
        add(product);
    }
    void add_product(double a, double b, double c) {
        const double product = a * b;
        add_product(std::fma(a, b, -product), c);
        add_product(product, c);
    }
    int sign() const {
        for (std::size_t i = count_; i-- > 0;)
            if (parts_[i] != 0)
                return parts_[i] > 0 ? 1 : -1;
        return 0;
    }

  private:
    std::array<double, capacity> parts_{};
    std::size_t count_ = 0;
};

int exact_determinant_sign(const Vector& a, const Vector& b, const Vector& c) {
    ExactSum<24> sum;
    sum.add_product(a.x, b.y, c.z);
    sum.add_product(a.y, b.z, c.x);
    sum.add_product(a.z, b.x, c.y);
    sum.add_product(-a.z, b.y, c.x);
    sum.add_product(-a.x, b.z, c.y);
    sum.add_product(-a.y, b.x, c.z);
    return sum.sign();
}

// Of the triangle's projection to a plane, by the two coordinates of each corner.
int exact_area_sign(double ax, double ay, double bx, double by, double cx, double cy) {
    ExactSum<12> sum;
    sum.add_product(ax, by);
    sum.add_product(bx, cy);
    sum.add_product(cx, ay);
    sum.add_product(-ay, bx);
    sum.add_product(-by, cx);
    sum.add_product(-cy, ax);
    return sum.sign();
}

// The determinant of three moved points grows by the area of their triangle's projections, in
// powers of e.
int moved_sign(const Vector& a, const Vector& b, const Vector& c) {
    if (const int sign = exact_area_sign(a.y, a.z, b.y, b.z, c.y, c.z))
        return sign;
    if (const int sign = exact_area_sign(a.z, a.x, b.z, b.x, c.z, c.x))
        return sign;
    if (const int sign = exact_area_sign(a.x, a.y, b.x, b.y, c.x, c.y))
        return sign;
    // On one straight line, as only neighbours at the limit of precision are: by their order.
    return ((a < b) == (b < c)) == (c < a) ? 1 : -1;
}

} // namespace

double length(const Vector& a) { return std::sqrt(dot(a, a)); }

int orientation(const Vector& a, const Vector& b, const Vector& c) {
    const double determinant = dot(a, cross(b, c));
    if (determinant > kDoubtful)
        return 1;
    if (determinant < -kDoubtful)
        return -1;
    if (a == b || b == c || c == a)
        return 0;
    if (const int sign = exact_determinant_sign(a, b, c))
        return sign;
    return moved_sign(a, b, c);
}

bool arcs_cross(const Vector& a, const Vector& b, const Vector& c, const Vector& d) {
    // The corners a, c, b, d are those of a quadrilateral whose diagonals the arcs are.
    const int turn = orientation(a, c, b);
    return turn != 0 && orientation(b, d, a) == turn && orientation(c, b, d) == turn &&
           orientation(d, a, c) == turn;
}

bool is_between(const Vector& center, const Vector& from, const Vector& x, const Vector& to) {
    if (x == from || x == to)
        return true;
    if (from == to)
        return false;
    auto is_left = [&](const Vector& of, const Vector& point) {
        return orientation(center, of, point) > 0;
    };
    if (is_left(from, to))
        return is_left(from, x) && is_left(x, to);
    return !(is_left(to, x) && is_left(x, from));
}

} // namespace realmsync::query
