#include "query/geometry/geometry.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>
#include <utility>

#include "query/geometry/ring_check.hpp"

namespace realmsync::query {

namespace {

std::string number(double value) {
    std::array<char, 40> text{};
    char* const begin = text.data();
    return {begin,
            std::to_chars(begin, begin + text.size(), value, std::chars_format::general, 6).ptr};
}

bool is_on_globe(const GeoPoint& point) {
    return std::abs(point.longitude) <= 180 && std::abs(point.latitude) <= 90;
}

std::optional<std::string> fault_of(const GeoPoint& point) {
    if (is_on_globe(point))
        return std::nullopt;
    return "Longitude/latitude is out of bounds, lng: " + number(point.longitude) +
           " lat: " + number(point.latitude);
}

bool is_same(const GeoPoint& a, const GeoPoint& b) {
    return a.longitude == b.longitude && a.latitude == b.latitude &&
           a.has_altitude == b.has_altitude && (!a.has_altitude || a.altitude == b.altitude);
}

// Computed as the reference does, so that the same degrees give the same point.
Vector on_sphere(const GeoPoint& point) {
    constexpr double kRadians = std::numbers::pi / 180;
    const double latitude = point.latitude * kRadians, longitude = point.longitude * kRadians;
    const double parallel = std::cos(latitude);
    auto without_dust = [](double value) { return std::abs(value) < 1e-60 ? 0 : value; };
    return {without_dust(std::cos(longitude) * parallel),
            without_dust(std::sin(longitude) * parallel), without_dust(std::sin(latitude))};
}

// One point of the globe has one spelling then: a circle of radius 0 holds just its centre.
GeoPoint canonical(GeoPoint point) {
    if (std::abs(point.latitude) == 90)
        point.longitude = 0;
    else if (point.longitude == -180)
        point.longitude = 180;
    return point;
}

// The vertices of a ring without its repetitions, or what speaks against it by itself.
std::variant<std::vector<Vector>, std::string> line_of(const std::vector<GeoPoint>& ring,
                                                       std::size_t index) {
    for (const GeoPoint& point : ring)
        if (std::optional<std::string> fault = fault_of(point))
            return *fault;
    if (ring.empty())
        return "Ring has no vertices";
    if (!is_same(ring.front(), ring.back()))
        return "Ring is not closed, first vertex 'GeoPoint(" + to_text(ring.front()) +
               ")' does not equal last vertex 'GeoPoint(" + to_text(ring.back()) + ")'";
    std::vector<Vector> line;
    line.reserve(ring.size());
    for (const GeoPoint& point : ring)
        line.push_back(on_sphere(point));
    line.erase(std::unique(line.begin(), line.end()), line.end());
    line.pop_back();
    if (line.size() < 3)
        return "Ring " + std::to_string(index) + " must have at least 3 different vertices, " +
               std::to_string(line.size()) + " unique vertices were provided";
    return line;
}

std::optional<std::string> fault_of(const GeoPolygon& polygon) {
    std::size_t vertices = 0;
    for (const std::vector<GeoPoint>& ring : polygon.rings)
        vertices += ring.size();
    if (vertices > kMaxVertices)
        return "Polygon has more than " + std::to_string(kMaxVertices) + " vertices";

    // Faults are told in the order of the rings; those behind a malformed one do not count.
    std::vector<std::vector<Vector>> lines;
    std::optional<std::string> malformed;
    for (std::size_t i = 0; i < polygon.rings.size() && !malformed; ++i) {
        std::variant<std::vector<Vector>, std::string> line = line_of(polygon.rings[i], i);
        if (std::string* fault = std::get_if<std::string>(&line))
            malformed = std::move(*fault);
        else
            lines.push_back(std::get<std::vector<Vector>>(std::move(line)));
    }
    const std::size_t count = lines.size();
    RingCheck check(std::move(lines));
    for (std::size_t i = 0; i < count; ++i)
        if (std::optional<std::string> fault = check.next_fault())
            return fault;
    if (malformed)
        return malformed;
    if (count == 0)
        return "Polygon has no rings.";
    return check.fault_of_all();
}

struct Disc {
    Vector center;
    double chord_square = 0; // of the points on its edge
    bool is_everything = false;
};

Disc disc_of(const GeoCircle& circle) {
    const double half = std::sin(std::min(circle.radius, std::numbers::pi) / 2);
    return {on_sphere(canonical(circle.center)), 4 * half * half,
            circle.radius >= std::numbers::pi};
}

} // namespace

GeoPolygon polygon_of(const GeoBox& box) {
    GeoPoint upper_left = box.low, lower_right = box.low;
    upper_left.latitude = box.high.latitude;
    lower_right.longitude = box.high.longitude;
    return {{{box.low, upper_left, box.high, lower_right, box.low}}};
}

std::string to_text(const GeoPoint& point) {
    return "[" + number(point.longitude) + ", " + number(point.latitude) +
           (point.has_altitude ? ", " + number(point.altitude) : "") + "]";
}

std::string to_text(const Region& region) {
    if (const GeoCircle* circle = std::get_if<GeoCircle>(&region))
        return "GeoCircle(" + to_text(circle->center) + ", " + number(circle->radius) + ")";
    const GeoBox* box = std::get_if<GeoBox>(&region);
    const GeoPolygon polygon = box != nullptr ? polygon_of(*box) : std::get<GeoPolygon>(region);
    std::string text = "GeoPolygon(";
    for (std::size_t i = 0; i < polygon.rings.size(); ++i) {
        text += i > 0 ? ", {" : "{";
        for (std::size_t j = 0; j < polygon.rings[i].size(); ++j)
            text += (j > 0 ? ", " : "") + to_text(polygon.rings[i][j]);
        text += "}";
    }
    return text + ")";
}

std::optional<std::string> fault(const Region& region) {
    if (const GeoCircle* circle = std::get_if<GeoCircle>(&region)) {
        if (std::optional<std::string> fault = fault_of(circle->center))
            return fault;
        if (!(circle->radius >= 0))
            return "The radius of a circle must be a non-negative number";
        return std::nullopt;
    }
    const GeoBox* box = std::get_if<GeoBox>(&region);
    return fault_of(box != nullptr ? polygon_of(*box) : std::get<GeoPolygon>(region));
}

struct GeoArea::Shape {
    std::variant<Disc, std::vector<Ring>> of;

    bool contains(const GeoPoint& place) const {
        if (const Disc* disc = std::get_if<Disc>(&of)) {
            const Vector chord = on_sphere(canonical(place)) - disc->center;
            return disc->is_everything || dot(chord, chord) <= disc->chord_square;
        }
        const Vector point = on_sphere(place);
        bool is_inside = false; // of the outer ring, then not of a hole
        for (const Ring& ring : std::get<std::vector<Ring>>(of))
            is_inside ^= ring.contains(point);
        return is_inside;
    }
};

GeoArea::GeoArea(const Region& region) {
    auto shape = std::make_unique<Shape>();
    if (const GeoCircle* circle = std::get_if<GeoCircle>(&region)) {
        shape->of = disc_of(*circle);
    } else {
        const GeoBox* box = std::get_if<GeoBox>(&region);
        const GeoPolygon polygon = box != nullptr ? polygon_of(*box) : std::get<GeoPolygon>(region);
        std::vector<Ring> rings;
        for (const std::vector<GeoPoint>& ring : polygon.rings)
            rings.emplace_back(std::get<std::vector<Vector>>(line_of(ring, 0)));
        shape->of = std::move(rings);
    }
    shape_ = std::move(shape);
}

GeoArea::~GeoArea() = default;
GeoArea::GeoArea(GeoArea&&) noexcept = default;
GeoArea& GeoArea::operator=(GeoArea&&) noexcept = default;

bool GeoArea::contains(GeoPoint point) const {
    return is_on_globe(point) && shape_->contains(point);
}

} // namespace realmsync::query
