// Regions on the sphere and whether a point lies in one (query-language.md section 16): boxes,
// circles and polygons whose edges are arcs of great circles. Nothing about queries or objects.
#pragma once

#include <array>
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

} // namespace realmsync::query
