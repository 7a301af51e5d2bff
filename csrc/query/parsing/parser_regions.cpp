// What GEOWITHIN asks for, for the parser (query-language.md sections 3 and 16): spelling only, as
// geometry.hpp knows what a region is.
#include "query/parsing/parser.hpp"

namespace realmsync::query {

using namespace syntax;
using enum TokenKind;

Region Parser::region() {
    Region region;
    Token word = take();
    region.position = word.position;
    require(left_parenthesis);
    switch (word.kind) {
    case geo_box: {
        region.kind = Region::Kind::box;
        std::vector<Point>& corners = region.rings.emplace_back();
        corners.push_back(point());
        require(comma);
        corners.push_back(point());
        break;
    }
    case geo_circle:
        region.kind = Region::Kind::circle;
        region.rings.emplace_back().push_back(point());
        require(comma);
        region.radius = coordinate(false);
        break;
    default:
        region.kind = Region::Kind::polygon;
        do {
            region.rings.push_back(ring());
        } while (accept(comma));
    }
    if (!sees(right_parenthesis))
        region.kind == Region::Kind::polygon ? refuse({right_parenthesis, comma})
                                             : refuse({right_parenthesis});
    take();
    region.text = lexer_.text().substr(region.position, end_ - region.position);
    return region;
}

std::vector<Point> Parser::ring() {
    require(left_brace);
    std::vector<Point> points;
    do {
        points.push_back(point());
    } while (accept(comma));
    if (!accept(right_brace))
        refuse({comma, right_brace});
    return points;
}

Point Parser::point() {
    Point point;
    point.position = require(left_bracket).position;
    point.coordinates.push_back(coordinate(false));
    require(comma);
    point.coordinates.push_back(coordinate(false));
    if (accept(comma))
        point.coordinates.push_back(coordinate(true));
    if (!accept(right_bracket))
        refuse({comma, right_bracket});
    return point;
}

// Altitudes have a point in the grammar, other numbers none or no sign.
Coordinate Parser::coordinate(bool is_altitude) {
    bool any_number = options_.is_subscription;
    bool is_accepted = sees(floating) || (sees(number) && any_number) ||
                       (sees(natural) && (any_number || !is_altitude)) ||
                       (sees(TokenKind::argument) && !is_altitude);
    if (!is_accepted)
        is_altitude ? refuse({floating}) : refuse({natural, floating, TokenKind::argument});
    return std::move(*literal());
}

// What is refused is said in the words of a whole query, where an argument could stand too.
Region Parser::lone_region() {
    if (!sees(geo_box) && !sees(geo_polygon) && !sees(geo_circle))
        refuse({geo_box, geo_polygon, geo_circle, TokenKind::argument});
    Region lone = region();
    require(end);
    return lone;
}

} // namespace realmsync::query
