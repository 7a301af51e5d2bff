#include "bindings/realm/query_arguments.hpp"

#include <pybind11/stl.h>

#include "bindings/realm/place.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

// $n, for messages.
struct Name {
    explicit Name(std::size_t number) : text("$" + std::to_string(number)) {}
    Where where() const { return Where{text, kNoProperty}; }
    std::string text;
};

model::Value to_value(const RealmHandle& handle, py::handle given, const Name& name) {
    if (given.is_none())
        return {};
    if (is_managed(given)) {
        const py::object held = place_of(given);
        const auto& place = held.cast<const Place&>();
        if (!place.is_in(handle))
            raise_python("ObjectTypeMismatchError",
                         name.where().text() + ": the object is of another realm");
        return model::Value(std::make_unique<model::Link>(
            model::Link{handle.declared(place.cls()).name, model::ObjectKey(place.native_key())}));
    }
    Scratch scratch;
    return model::Value(to_scalar(given, kMixed, name.where(), scratch));
}

query::GeoPoint to_point(const py::tuple& given) {
    query::GeoPoint point{given[0].cast<double>(), given[1].cast<double>()};
    if (given.size() == 3) {
        point.has_altitude = true;
        point.altitude = given[2].cast<double>();
    }
    return point;
}

std::vector<query::GeoPoint> to_ring(py::handle given) {
    std::vector<query::GeoPoint> ring;
    for (const py::handle point : given)
        ring.push_back(to_point(py::reinterpret_borrow<py::tuple>(point)));
    return ring;
}

// ("box", low, high), ("circle", center, radius), ("polygon", rings) or a point.
query::Argument to_region(const py::tuple& given) {
    if (!py::isinstance<py::str>(given[0]))
        return to_point(given);
    const auto kind = given[0].cast<std::string>();
    if (kind == "box")
        return query::Region(query::GeoBox{to_point(given[1]), to_point(given[2])});
    if (kind == "circle")
        return query::Region(query::GeoCircle{to_point(given[1]), given[2].cast<double>()});
    query::GeoPolygon polygon;
    for (const py::handle ring : given[1])
        polygon.rings.push_back(to_ring(ring));
    return query::Region(std::move(polygon));
}

} // namespace

std::vector<query::Argument> to_arguments(const RealmHandle& handle, const py::list& given) {
    std::vector<query::Argument> arguments;
    for (const py::handle item : given) {
        const Name name(arguments.size());
        if (py::isinstance<py::tuple>(item)) {
            arguments.push_back(to_region(py::reinterpret_borrow<py::tuple>(item)));
        } else if (py::isinstance<py::list>(item)) {
            query::ArgumentList list;
            for (const py::handle member : item)
                list.items.push_back(to_value(handle, member, name));
            arguments.emplace_back(std::move(list));
        } else {
            arguments.emplace_back(to_value(handle, item, name));
        }
    }
    return arguments;
}

query::KeyPathMapping to_mapping_of_paths(const py::list& given) {
    query::KeyPathMapping mapping;
    for (const py::handle entry : given) {
        const auto parts = entry.cast<std::vector<std::string>>();
        if (parts.size() == 3)
            mapping.properties.push_back({parts[0], parts[1], parts[2]});
        else if (parts.size() == 2)
            mapping.classes.push_back({parts[0], parts[1]});
        else
            raise_python("ArgumentTypeError", "Expected (class, property, path) or (class, alias)");
    }
    return mapping;
}

} // namespace realmsync::bindings
