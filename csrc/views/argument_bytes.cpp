#include "views/argument_bytes.hpp"

#include <utility>
#include <variant>

#include "base/assert.hpp"
#include "base/error.hpp"

namespace realmsync::views {

namespace {

enum Kind : std::uint8_t { plain_value, folded_value, circle, box, polygon };

void put_double(std::string& bytes, double number) { put_value(bytes, model::Value(number)); }

double read_double(ValueReader& reader) {
    const model::Value value = reader.value();
    const double* number = std::get_if<double>(&value.data);
    if (number == nullptr)
        corrupt("A region of a view is damaged");
    return *number;
}

void put_point(std::string& bytes, const query::GeoPoint& point) {
    put_double(bytes, point.longitude);
    put_double(bytes, point.latitude);
    put_number(bytes, point.has_altitude ? 1 : 0);
    put_double(bytes, point.altitude);
}

query::GeoPoint read_point(ValueReader& reader) {
    query::GeoPoint point;
    point.longitude = read_double(reader);
    point.latitude = read_double(reader);
    point.has_altitude = reader.number() != 0;
    point.altitude = read_double(reader);
    return point;
}

struct PutArgument {
    std::string& bytes;

    void operator()(const model::Value& value) const {
        put_number(bytes, plain_value);
        put_value(bytes, value);
    }
    void operator()(const query::Folded& folded) const {
        put_number(bytes, folded_value);
        put_value(bytes, folded.value);
    }
    void operator()(const query::Region& region) const { std::visit(*this, region); }
    void operator()(const query::GeoCircle& region) const {
        put_number(bytes, circle);
        put_point(bytes, region.center);
        put_double(bytes, region.radius);
    }
    void operator()(const query::GeoBox& region) const {
        put_number(bytes, box);
        put_point(bytes, region.low);
        put_point(bytes, region.high);
    }
    void operator()(const query::GeoPolygon& region) const {
        put_number(bytes, polygon);
        put_number(bytes, region.rings.size());
        for (const std::vector<query::GeoPoint>& ring : region.rings) {
            put_number(bytes, ring.size());
            for (const query::GeoPoint& point : ring)
                put_point(bytes, point);
        }
    }
    // What texts are bound with, and trees do not hold.
    void operator()(const query::ArgumentList&) const { REALMSYNC_ASSERT(false); }
    void operator()(const query::GeoPoint&) const { REALMSYNC_ASSERT(false); }
};

query::GeoPolygon read_polygon(ValueReader& reader) {
    query::GeoPolygon region;
    for (std::uint64_t rings = reader.number(); rings != 0; --rings) {
        std::vector<query::GeoPoint>& ring = region.rings.emplace_back();
        for (std::uint64_t points = reader.number(); points != 0; --points)
            ring.push_back(read_point(reader));
    }
    return region;
}

query::Argument read_argument(ValueReader& reader) {
    switch (reader.number()) {
    case plain_value: return reader.value();
    case folded_value: return query::Folded{reader.value()};
    case circle: {
        const query::GeoPoint center = read_point(reader);
        return query::Region(query::GeoCircle{center, read_double(reader)});
    }
    case box: {
        const query::GeoPoint low = read_point(reader);
        return query::Region(query::GeoBox{low, read_point(reader)});
    }
    case polygon: return query::Region(read_polygon(reader));
    default: corrupt("An argument of a view is damaged");
    }
}

} // namespace

void put_arguments(std::string& bytes, const std::vector<query::Argument>& arguments) {
    put_number(bytes, arguments.size());
    for (const query::Argument& argument : arguments)
        std::visit(PutArgument{bytes}, argument);
}

std::vector<query::Argument> read_arguments(ValueReader& reader) {
    std::vector<query::Argument> arguments;
    for (std::uint64_t left = reader.number(); left != 0; --left)
        arguments.push_back(read_argument(reader));
    return arguments;
}

} // namespace realmsync::views
