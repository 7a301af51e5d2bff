"""GEOWITHIN: circles and polygons on a sphere, as vectors (16).

Sections are those of query-language.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from query.naive import syntax
from query.naive.constants import Constants
from query.naive.dataset import Class
from query.naive.errors import Refused, invalid, invalid_argument
from query.naive.values import Float, Object, Value, kind

Point = tuple[float, ...]
Vector = tuple[float, float, float]


@dataclass
class Shape:
    """A region as arguments hold it: `box`, `circle`, `polygon` or `point`, and its numbers."""

    name: str
    rings: list[list[Point]]
    radius: float = 0.0


class Wrong(Exception):
    """A region that is none; the message tells why."""


def unit(point: Point) -> Vector:
    """Longitude and latitude as a direction."""
    lng, lat = math.radians(point[0]), math.radians(point[1])
    return (math.cos(lat) * math.cos(lng), math.cos(lat) * math.sin(lng), math.sin(lat))


def cross(a: Vector, b: Vector) -> Vector:
    """The vector product."""
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def dot(a: Vector, b: Vector) -> float:
    """The scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def angle(a: Vector, b: Vector) -> float:
    """The arc between two directions."""
    product = cross(a, b)
    return math.atan2(math.sqrt(dot(product, product)), dot(a, b))


def turned(corners: list[Vector], at: Vector) -> float:
    """By how much the direction to the corners turns, seen from a point: fully when inside."""
    total = 0.0
    for i, corner in enumerate(corners):
        a, b = cross(at, corner), cross(at, corners[(i + 1) % len(corners)])
        total += math.atan2(dot(at, cross(a, b)), dot(a, b))
    return total


def area(corners: list[Vector]) -> float:
    """The signed area of a ring: positive when it runs against the clock."""
    total = 0.0
    a = corners[0]
    for b, c in zip(corners[1:], corners[2:], strict=False):
        total += 2 * math.atan2(dot(a, cross(b, c)), 1 + dot(a, b) + dot(b, c) + dot(c, a))
    return total


def inside_ring(corners: list[Vector], at: Vector) -> bool:
    """Whether a point is inside a ring; the smaller part of the sphere is the inside.

    Seen from inside, the ring turns against the clock; from the opposite side, with it.
    """
    if area(corners) % (4 * math.pi) > 2 * math.pi:
        corners = corners[::-1]
    return turned(corners, at) > math.pi


def crossing(a: Vector, b: Vector, c: Vector, d: Vector) -> bool:
    """Whether two arcs cross in their inner parts."""
    ab, cd = cross(a, b), cross(c, d)
    acb, bda = -dot(ab, c), dot(ab, d)
    cbd, dac = -dot(cd, b), dot(cd, a)
    signs = [0 if abs(n) < 1e-14 else math.copysign(1, n) for n in (acb, bda, cbd, dac)]
    return signs[0] != 0 and signs.count(signs[0]) == 4


@dataclass
class Region:
    """A region that can be asked for objects."""

    shape: Shape

    def contains(self, place: Object) -> bool:
        """Whether an object is a point inside."""
        numbers = place.values["coordinates"]
        if str(place.values["type"]).lower() != "point" or len(numbers) < 2:
            return False
        if not bounded(numbers):
            return False
        at = unit(tuple(numbers))
        if self.shape.name == "circle":
            reach = angle(unit(self.shape.rings[0][0]), at)
            return reach <= self.shape.radius if self.shape.radius else reach == 0
        rings = [[unit(p) for p in ring[:-1]] for ring in self.shape.rings]
        return inside_ring(rings[0], at) and not any(inside_ring(r, at) for r in rings[1:])

    def text(self) -> str:
        """The description."""
        return shape_text(self.shape)


def shape_text(shape: Shape) -> str:
    """A region with coordinates of six digits."""
    if shape.name == "circle":
        return f"GeoCircle({point_text(shape.rings[0][0])}, {shape.radius:g})"
    rings = ["{" + ", ".join(map(point_text, ring)) + "}" for ring in shape.rings]
    return f"GeoPolygon({', '.join(rings)})"


def point_text(point: Point) -> str:
    """`[lng, lat]`."""
    return "[" + ", ".join(f"{n:g}" for n in point) + "]"


def bounded(point: Any) -> bool:
    """Whether a point is on the sphere at all."""
    return bool(abs(point[0]) <= 180 and abs(point[1]) <= 90)


def box(low: Point, high: Point) -> list[Point]:
    """A box as a ring."""
    return [low, (low[0], high[1]), high, (high[0], low[1]), low]


def check(shape: Shape) -> None:
    """Raise Wrong for a region that is none."""
    if shape.name == "point":
        raise Wrong("A point cannot be used on the right hand side of GEOWITHIN query")
    if not shape.rings:
        raise Wrong("Polygon has no rings.")
    if shape.name == "circle" and not shape.radius >= 0:
        raise Wrong("The radius of a circle must be a non-negative number")
    for at, ring in enumerate(shape.rings):
        check_ring(shape, at, ring)
    if shape.name != "circle":
        check_crossings(shape)


def check_ring(shape: Shape, at: int, ring: list[Point]) -> None:
    """One ring, or the centre of a circle."""
    if shape.name != "circle":
        if not ring:
            raise Wrong("Ring has no vertices")
        if ring[0][:2] != ring[-1][:2]:
            raise Wrong(
                f"Ring is not closed, first vertex 'GeoPoint({point_text(ring[0])})' "
                f"does not equal last vertex 'GeoPoint({point_text(ring[-1])})'"
            )
    for point in ring:
        if not bounded(point):
            raise Wrong(f"Longitude/latitude is out of bounds, lng: {point[0]:g} lat: {point[1]:g}")
    unique = len({point[:2] for point in ring})
    if shape.name != "circle" and unique < 3:
        raise Wrong(
            f"Ring {at} must have at least 3 different vertices, "
            f"{unique} unique vertices were provided"
        )


def check_crossings(shape: Shape) -> None:
    """No ring crosses itself or another; holes are inside the outer ring and not nested."""
    rings = [[unit(p) for p in ring] for ring in shape.rings]
    edges = [
        (i, a, b) for i, ring in enumerate(rings) for a, b in zip(ring, ring[1:], strict=False)
    ]
    for n, (i, a, b) in enumerate(edges):
        for j, c, d in edges[n + 1 :]:
            if crossing(a, b, c, d):
                which = f"Ring {i} crosses ring {j}" if i != j else f"Edges of ring {i} cross"
                raise Wrong(f"Polygon isn't valid: '{which}'")
    for i, ring in enumerate(rings[1:], 1):
        if not inside_ring(rings[0][:-1], ring[0]):
            raise Wrong("Polygon isn't valid: 'a hole is outside'")
        if any(j != i and inside_ring(r[:-1], ring[0]) for j, r in enumerate(rings) if j):
            raise Wrong("Polygon isn't valid: 'holes are nested'")


def suits(owner: Class) -> bool:
    """Whether objects of a class may be points."""
    form, numbers = owner.properties.get("type"), owner.properties.get("coordinates")
    if form is None or numbers is None:
        return False
    return (
        form.type == "string"
        and not form.collection
        and (numbers.type, numbers.collection) == ("double", "list")
    )


def region(node: syntax.Region | syntax.Literal, constants: Constants) -> Region:
    """The right side, checked."""
    if isinstance(node, syntax.Literal):
        number = int(node.text[1:])
        shape = constants.argument(number)
        parsed = isinstance(shape, str)
        if parsed:
            shape = from_text(shape, number)
        if not isinstance(shape, Shape):
            raise invalid(
                "The right hand side of 'geoWithin' must be a geospatial constant value. "
                f"But the provided type is '{kind(shape)}'"
            )
        if shape.name == "point":
            try:
                check(shape)
            except Wrong as wrong:
                raise in_text(f"GeoPoint({point_text(shape.rings[0][0])})", wrong) from None
        try:
            check(shape)
        except Wrong as wrong:
            raise invalid(f"The Geospatial query argument region is invalid: '{wrong}'") from None
        return Region(shape)
    shape = shape_of(node, constants)
    try:
        check(shape)
    except Wrong as wrong:
        raise in_text(shape_text(shape), wrong) from None
    return Region(shape)


def in_text(shown: str, wrong: Wrong) -> Refused:
    """A region of the text that is none."""
    return invalid_argument(f"Invalid region in GEOWITHIN query for parameter '{shown}': '{wrong}'")


def from_text(text: str, number: int) -> Shape:
    """A string argument in the form of the language."""
    from query.naive.parser import parse

    try:
        query = parse(f"p geoWithin {text}").query
    except Refused as refused:
        raise invalid(
            f"Invalid syntax in serialized geospatial object at argument {number}: '{refused}'"
        ) from None
    assert isinstance(query, syntax.Within) and isinstance(query.region, syntax.Region)
    return shape_of(query.region, None)


def shape_of(node: syntax.Region, constants: Constants | None) -> Shape:
    """The numbers of a region of the text."""
    rings = [
        [tuple(coordinate(c, constants) for c in point) for point in loop] for loop in node.loops
    ]
    if node.shape == "geobox":
        low, high = rings[0]
        return Shape("polygon", [box(low, high)])
    if node.radius is not None:
        return Shape("circle", rings, coordinate(node.radius, constants))
    return Shape("polygon", rings)


def coordinate(literal: syntax.Literal, constants: Constants | None) -> float:
    """One number (6)."""
    if literal.name != "argument":
        return float(literal.text.rstrip(b"f"))
    assert constants is not None
    shown, value = literal.text.decode(), constants.argument(int(literal.text[1:]))
    return number_of(value, shown)


def number_of(value: Value, shown: str) -> float:
    """An argument as a coordinate."""
    if value is None:
        raise invalid_argument(f"NULL cannot be used in coordinate at argument '{shown}'")
    if kind(value) == "list":
        raise invalid_argument(f"A list cannot be used in a coordinate at argument '{shown}'")
    if kind(value) not in ("int", "float", "double"):
        raise invalid_argument(
            f"Invalid parameter '{kind(value)}' used in coordinate at argument '{shown}'"
        )
    return value.value if isinstance(value, Float) else float(value)
