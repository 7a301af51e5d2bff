// Regions of the Earth without a query.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/testbed/bind.hpp"
#include "query/geometry/geometry.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

using Place = std::tuple<double, double>; // longitude, latitude

query::GeoPoint point(const Place& place) { return {std::get<0>(place), std::get<1>(place)}; }

// Throws ValueError for what is no region.
py::list contains(const query::Region& region, const std::vector<Place>& places) {
    if (std::optional<std::string> fault = query::fault(region))
        throw py::value_error(*fault);
    const query::GeoArea area(region);
    py::list inside;
    for (const Place& place : places)
        inside.append(area.contains(point(place)));
    return inside;
}

} // namespace

void bind_regions(py::module_& m) {
    m.def(
        "places_in_polygon",
        [](const std::vector<std::vector<Place>>& rings, const std::vector<Place>& places) {
            query::GeoPolygon polygon;
            for (const std::vector<Place>& ring : rings) {
                std::vector<query::GeoPoint>& points = polygon.rings.emplace_back();
                for (const Place& place : ring)
                    points.push_back(point(place));
            }
            return contains(polygon, places);
        },
        py::arg("rings"), py::arg("places"));
    m.def(
        "places_in_box",
        [](const Place& low, const Place& high, const std::vector<Place>& places) {
            return contains(query::GeoBox{point(low), point(high)}, places);
        },
        py::arg("low"), py::arg("high"), py::arg("places"));
    m.def(
        "places_in_circle",
        [](const Place& center, double radius, const std::vector<Place>& places) {
            return contains(query::GeoCircle{point(center), radius}, places);
        },
        py::arg("center"), py::arg("radius"), py::arg("places"));
}

} // namespace realmsync::bindings::testbed
