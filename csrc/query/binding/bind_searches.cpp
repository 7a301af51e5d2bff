// TEXT and GEOWITHIN (query-language.md 10.7 and section 16): searches whose right side is no
// value. What regions and search texts are is geometry.hpp's and text_search.hpp's.
#include "query/binding/binder.hpp"
#include "query/binding/spelling.hpp"
#include "query/geometry/geometry.hpp"
#include "query/parsing/parse.hpp"
#include "query/printing/print.hpp"
#include "query/strings/text_search.hpp"

namespace realmsync::query {

namespace {

std::string type_of_argument(const Argument& argument) {
    if (const auto* value = std::get_if<model::Value>(&argument))
        return name(kind_of(*value));
    return "list";
}

// A point: an embedded object with a string `type` and a list of doubles `coordinates`.
bool set_point_properties(const model::Class& cls, GeoWithin& made) {
    made.type_property = cls.find("type");
    made.coordinates_property = cls.find("coordinates");
    if (!cls.embedded() || made.type_property == model::Class::npos ||
        made.coordinates_property == model::Class::npos)
        return false;
    const model::Property& type = cls.properties[made.type_property];
    const model::Property& coordinates = cls.properties[made.coordinates_property];
    return type.type == Type::string && type.collection == Collection::single &&
           coordinates.type == Type::float64 && coordinates.collection == Collection::list;
}

} // namespace

PredicatePtr Binder::text_match(const syntax::Comparison& text) {
    auto [left, right] = sides(text);
    const Path* path = left.path();
    if (right.kind != Kind::string && right.kind != Kind::mixed && right.kind != Kind::nothing)
        refuse("Unsupported comparison operator 'text' against type '" + name(right.kind) +
                   "', right side must be a string or binary type",
               text.position);
    bool is_string = path && left.kind == Kind::string && path->end_kind == Path::End::property &&
                     path->definition().collection == Collection::single;
    std::string full_name = is_string ? path->cls->name + "." + path->definition().name : "";
    const std::vector<std::string>& indexed = options_.full_text;
    if (std::find(indexed.begin(), indexed.end(), full_name) == indexed.end())
        refuse("Column has no fulltext index", left.position);
    const auto* constant = std::get_if<Constant>(&right.operand.of);
    const std::string* words = constant ? std::get_if<std::string>(&constant->value.data) : nullptr;
    if (!constant || (!words && !constant->value.is_null()))
        refuse("The right side of 'text' must be a string", right.position);
    TextMatch made;
    made.path = *path;
    made.text = words ? *words : "";
    auto search = read_search(made.text);
    if (const auto* fault = std::get_if<std::string>(&search))
        refuse(*fault, right.position);
    made.search = std::move(std::get<TextSearch>(search));
    return make_predicate(std::move(made));
}

PredicatePtr Binder::geo_within(const syntax::GeoWithin& text) {
    Bound left = property(text.left);
    if (left.kind != Kind::link)
        refuse("The left hand side of 'geoWithin' must be a link to geoJSON formatted data. But "
               "the provided type is '" +
                   name(left.kind) + "'",
               left.position);
    GeoWithin made;
    made.quantifier = text.left.quantifier;
    if (const auto* spelled = std::get_if<syntax::Region>(&text.right))
        made.region = region(*spelled);
    else
        made.region = region_argument(std::get<syntax::Literal>(text.right));
    made.area = std::make_shared<const GeoArea>(made.region);
    made.path = std::move(std::get<PathOperand>(left.operand.of).path);
    Path& path = made.path;
    if (path.end_kind == Path::End::property)
        make_objects_end(path);
    if (!set_point_properties(*path.cls, made)) {
        std::string shown = print(Predicate{std::move(made)});
        refuse("Query '" + shown + "' links to data in the wrong format for a geoWithin query",
               left.position);
    }
    return make_predicate(std::move(made));
}

// A number, or an argument that is one.
double Binder::coordinate(const syntax::Coordinate& text) {
    if (text.kind == syntax::Literal::Kind::natural || text.kind == syntax::Literal::Kind::number)
        return static_cast<double>(spelled_integer(text.text));
    if (text.kind != syntax::Literal::Kind::argument) {
        std::string_view digits = text.text;
        digits.remove_suffix(digits.ends_with('f') || digits.ends_with('F'));
        return spelled_double(digits);
    }
    std::string shown = "$" + std::to_string(text.argument);
    const Argument& argument = argument_at(text.argument, text.position);
    const auto* value = std::get_if<model::Value>(&argument);
    if (value && value->is_null())
        refuse("NULL cannot be used in coordinate at argument '" + shown + "'", text.position);
    if (std::holds_alternative<ArgumentList>(argument))
        refuse("A list cannot be used in a coordinate at argument '" + shown + "'", text.position);
    if (value) {
        if (const auto* integer = std::get_if<std::int64_t>(&value->data))
            return static_cast<double>(*integer);
        if (const auto* number = std::get_if<double>(&value->data))
            return *number;
        if (const auto* number = std::get_if<float>(&value->data))
            return static_cast<double>(*number);
    }
    refuse("Invalid parameter '" + (value ? name(kind_of(*value)) : "geospatial") +
               "' used in coordinate at argument '" + shown + "'",
           text.position);
}

GeoPoint Binder::point(const syntax::Point& text) {
    GeoPoint point;
    point.longitude = coordinate(text.coordinates[0]);
    point.latitude = coordinate(text.coordinates[1]);
    point.has_altitude = text.coordinates.size() > 2;
    if (point.has_altitude)
        point.altitude = coordinate(text.coordinates[2]);
    return point;
}

// Of the shape that the text has; whether it is a region is not asked yet.
Region Binder::shape(const syntax::Region& text) {
    switch (text.kind) {
    case syntax::Region::Kind::box: return GeoBox{point(text.rings[0][0]), point(text.rings[0][1])};
    case syntax::Region::Kind::circle:
        return GeoCircle{point(text.rings[0][0]), coordinate(*text.radius)};
    case syntax::Region::Kind::polygon: break;
    }
    GeoPolygon polygon;
    for (const std::vector<syntax::Point>& ring : text.rings) {
        polygon.rings.emplace_back();
        for (const syntax::Point& corner : ring)
            polygon.rings.back().push_back(point(corner));
    }
    return polygon;
}

Region Binder::region(const syntax::Region& text) {
    Region region = shape(text);
    if (std::optional<std::string> reason = fault(region))
        refuse_argument("Invalid region in GEOWITHIN query for parameter '" + to_text(region) +
                            "': '" + *reason + "'",
                        text.position);
    return region;
}

// A region, or a text that spells one.
Region Binder::region_argument(const syntax::Literal& text) {
    const Argument& argument = argument_at(text.argument, text.position);
    if (const auto* point = std::get_if<GeoPoint>(&argument))
        refuse_argument("Invalid region in GEOWITHIN query for parameter 'GeoPoint(" +
                            to_text(*point) +
                            ")': 'A point cannot be used on the right hand side of GEOWITHIN "
                            "query'",
                        text.position);
    const auto* value = std::get_if<model::Value>(&argument);
    const std::string* spelled = value ? std::get_if<std::string>(&value->data) : nullptr;
    const auto* given = std::get_if<Region>(&argument);
    if (!given && !spelled)
        refuse("The right hand side of 'geoWithin' must be a geospatial constant value. But the "
               "provided type is '" +
                   type_of_argument(argument) + "'",
               text.position);
    Region region;
    if (given) {
        region = *given;
    } else {
        try {
            region = shape(parse_region(*spelled));
        } catch (const QueryFault& fault) {
            refuse("Invalid syntax in serialized geospatial object at argument " +
                       std::to_string(text.argument) + ": '" + fault.what() + "'",
                   text.position);
        }
    }
    if (std::optional<std::string> reason = fault(region))
        refuse("The Geospatial query argument region is invalid: '" + *reason + "'", text.position);
    return region;
}

} // namespace realmsync::query
