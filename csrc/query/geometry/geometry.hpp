// Regions on the sphere and whether a point lies in one (query-language.md section 16): boxes,
// circles and polygons whose edges are arcs of great circles. Nothing about queries or objects.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace realmsync::query {

struct GeoPoint { // degrees
    double longitude = 0, latitude = 0;
    bool has_altitude = false;
    double altitude = 0; // printed, else ignored
};
struct GeoCircle {
    GeoPoint center;
    double radius = 0; // radians
};
struct GeoBox {
    GeoPoint low, high;
};
struct GeoPolygon {
    std::vector<std::vector<GeoPoint>> rings; // outer first, each closed
};
using Region = std::variant<GeoCircle, GeoBox, GeoPolygon>;

inline constexpr std::size_t kMaxVertices = 10'000; // of all rings of a region

// The polygon that a box is.
GeoPolygon polygon_of(const GeoBox& box);

// As the language prints them: [x, y], [x, y, altitude]; GeoCircle(…) and, of a box too,
// GeoPolygon(…). Six significant digits, so the text may name another place.
std::string to_text(const GeoPoint& point);
std::string to_text(const Region& region);

// Why this is no region, in the reference's words without the frame of the message; nothing if it
// is one. O(n log n) for n vertices of ordinary shapes, O(n²) at worst.
std::optional<std::string> fault(const Region& region);

// A region made ready for many questions. O(vertices) to make, as for each question whose point is
// near the region; O(1) for others.
class GeoArea {
  public:
    explicit GeoArea(const Region& region); // one without fault()
    ~GeoArea();
    GeoArea(GeoArea&&) noexcept;
    GeoArea& operator=(GeoArea&&) noexcept;

    // False for points that are off the globe or not a number.
    bool contains(GeoPoint point) const;

  private:
    struct Shape;
    std::unique_ptr<const Shape> shape_;
};

} // namespace realmsync::query
