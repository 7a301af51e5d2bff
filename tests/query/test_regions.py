"""Regions on the Earth: which places lie within, and which rings are none.

Polygons are compared with an independent model. Seen from the centre of the Earth, great circles
are straight lines on a plane in front of it, so a polygon on one side of the Earth becomes a flat
one, and whether a place lies in that is asked with exact fractions.
"""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest

from realmsync import _testbed

Place = tuple[float, float]
Flat = tuple[Fraction, Fraction]

SIDES = [(axis, sign) for axis in range(3) for sign in (1, -1)]


def vector(place: Place) -> tuple[float, float, float]:
    longitude, latitude = (math.radians(degrees) for degrees in place)
    return (
        math.cos(longitude) * math.cos(latitude),
        math.sin(longitude) * math.cos(latitude),
        math.sin(latitude),
    )


def flat(place: Place, side: tuple[int, int]) -> Flat | None:
    """On the plane before one of six sides; None behind it."""
    axis, sign = side
    x, y, z = (Fraction(part) for part in vector(place))
    ahead = (x, y, z)[axis] * sign
    if ahead <= 0:
        return None
    return ((y, z, x)[axis] / ahead, (z, x, y)[axis] / ahead)


def is_in(line: list[Flat], at: Flat) -> bool:
    """Whether a ray from the place crosses the line an odd number of times."""
    x, y = at
    inside = False
    for (ax, ay), (bx, by) in zip(line, line[1:], strict=False):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            inside = not inside
    return inside


def place_before(rng: random.Random, side: tuple[int, int], reach: float) -> Place:
    """A place at most so far from the middle of a side, in any direction."""
    axis, sign = side
    parts = [rng.uniform(-reach, reach) for _ in range(3)]
    parts[axis] = sign
    x, y, z = parts
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))


def star(rng: random.Random, side: tuple[int, int]) -> list[Place]:
    """A ring around the middle of a side, without crossings: its corners go once around it."""
    axis, sign = side
    turns = sorted(rng.uniform(0, 2 * math.pi) for _ in range(rng.randint(5, 12)))
    gaps = [b - a for a, b in zip(turns, [*turns[1:], turns[0] + 2 * math.pi], strict=True)]
    if max(gaps) > math.pi * 0.9:
        return star(rng, side)
    ring = []
    for turn in turns:
        reach = rng.uniform(0.05, 1.5)
        parts = [0.0] * 3
        parts[axis] = sign
        parts[(axis + 1) % 3] = reach * math.cos(turn)
        parts[(axis + 2) % 3] = reach * math.sin(turn)
        x, y, z = parts
        ring.append((math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))))
    return [*ring, ring[0]]


@pytest.mark.parametrize("seed", range(120))
def test_polygons_against_flat_ones(seed: int) -> None:
    rng = random.Random(seed)
    side = SIDES[seed % len(SIDES)]
    ring = star(rng, side)
    if rng.random() < 0.5:  # the smaller area counts, whichever way the ring goes
        ring.reverse()
    places = [place_before(rng, side, reach) for reach in [0, *[0.5] * 50, *[2] * 100]]
    places += [(rng.uniform(-180, 180), rng.uniform(-90, 90)) for _ in range(50)]
    line = [corner for place in ring if (corner := flat(place, side)) is not None]
    expected = []
    for place in places:
        at = flat(place, side)
        expected.append(at is not None and is_in(line, at))
    assert _testbed.places_in_polygon([ring], places) == expected
    assert any(expected) and not all(expected)


@pytest.mark.parametrize("seed", range(20))
def test_holes(seed: int) -> None:
    rng = random.Random(seed)
    outer = [(-40.0, -30.0), (40.0, -35.0), (35.0, 30.0), (-30.0, 40.0), (-40.0, -30.0)]
    holes = []
    for x, y in ((-20, -15), (15, -10), (5, 15)):
        corners = [(x + rng.uniform(-1, 1), y + rng.uniform(-1, 1)) for _ in range(3)]
        spread = [
            (x + 5 * math.cos(k * 2.1), y + 5 * math.sin(k * 2.1)) for k in range(len(corners))
        ]
        holes.append([*spread, spread[0]])
    places = [(rng.uniform(-50, 50), rng.uniform(-50, 50)) for _ in range(300)]
    whole, *parts = [_testbed.places_in_polygon([ring], places) for ring in (outer, *holes)]
    expected = [w and not any(inner) for w, *inner in zip(whole, *parts, strict=True)]
    assert _testbed.places_in_polygon([outer, *holes], places) == expected


@pytest.mark.parametrize("seed", range(60))
def test_circles(seed: int) -> None:
    rng = random.Random(seed)
    center = (rng.uniform(-180, 180), math.degrees(math.asin(rng.uniform(-1, 1))))
    radius = rng.choice([1e-6, 0.01, 1.0, 3.0]) * rng.uniform(0.3, 1)
    places = [(rng.uniform(-180, 180), rng.uniform(-90, 90)) for _ in range(150)]
    degrees = math.degrees(radius)
    for _ in range(150):
        near = (center[0] + rng.gauss(0, degrees), center[1] + rng.gauss(0, degrees))
        if abs(near[0]) <= 180 and abs(near[1]) <= 90:
            places.append(near)
    distances = []
    for x, y in places:
        a, b = math.radians(center[1]), math.radians(y)
        half = math.sin((b - a) / 2) ** 2
        half += math.cos(a) * math.cos(b) * math.sin(math.radians(x - center[0]) / 2) ** 2
        distances.append(2 * math.asin(min(1, math.sqrt(half))))
    clear = [i for i, distance in enumerate(distances) if abs(distance - radius) > 1e-12]
    found = _testbed.places_in_circle(center, radius, [places[i] for i in clear])
    assert found == [distances[i] <= radius for i in clear]


def test_every_place_belongs_to_one_of_the_parts() -> None:
    """Also corners and what lies on a common edge: edges from pole to pole, and the equator."""
    places = [(float(x), float(y)) for x in range(-180, 181, 15) for y in range(-75, 76, 15)]
    places += [(0.0, 90.0), (0.0, -90.0)]
    meridians = [0.0, 90.0, 180.0, -90.0, 0.0]
    count = [0] * len(places)
    for west, east in zip(meridians, meridians[1:], strict=False):
        for pole in (90.0, -90.0):
            corners = [(west, 0.0), (east, 0.0), (0.0, pole)]
            found = _testbed.places_in_polygon([[*corners, corners[0]]], places)
            count = [n + inside for n, inside in zip(count, found, strict=True)]
    on_the_seam = {i for i, (x, _) in enumerate(places) if x == -180}  # 180 in another spelling
    assert {n for i, n in enumerate(count) if i not in on_the_seam} == {1}


def test_fans_around_a_corner() -> None:
    rng = random.Random(5)
    rim = [(20 * math.cos(k), 20 * math.sin(k)) for k in [t / 3 for t in range(19)]]
    places = [*rim, (0.0, 0.0)] + [(rng.uniform(-13, 13), rng.uniform(-13, 13)) for _ in range(200)]
    places += [(float(x), 0.0) for x in range(1, 15)] + [(0.0, float(y)) for y in range(1, 15)]
    count = [0] * len(places)
    for a, b in zip(rim, [*rim[1:], rim[0]], strict=True):
        found = _testbed.places_in_polygon([[(0.0, 0.0), a, b, (0.0, 0.0)]], places)
        count = [n + inside for n, inside in zip(count, found, strict=True)]
    assert set(count[len(rim) :]) == {1}
    assert max(count) == 1


def test_around_a_pole_and_across_the_antimeridian() -> None:
    cap = [(0.0, 80.0), (120.0, 80.0), (-120.0, 80.0), (0.0, 80.0)]
    places = [(0.0, 90.0), (77.0, 90.0), (50.0, 89.0), (0.0, 79.0), (0.0, -90.0)]
    assert _testbed.places_in_polygon([cap], places) == [True, True, True, False, False]
    box = ((170.0, -10.0), (-170.0, 10.0))
    places = [(180.0, 0.0), (-180.0, 0.0), (175.0, 5.0), (-175.0, 5.0), (165.0, 0.0), (0.0, 0.0)]
    assert _testbed.places_in_box(*box, places) == [True] * 4 + [False] * 2


def test_edges_are_great_circles() -> None:
    """Those between places of one latitude lead nearer to the pole."""
    places = [(10.0, 60.3), (10.0, 60.5), (10.0, 50.3), (10.0, 50.5)]
    assert _testbed.places_in_box((0.0, 50.0), (20.0, 60.0), places) == [True, False, False, True]


def test_radius_of_nothing_and_of_everything() -> None:
    places = [(12.5, 55.7), (12.500000001, 55.7), (-167.5, -55.7)]
    assert _testbed.places_in_circle(places[0], 0, places) == [True, False, False]
    assert _testbed.places_in_circle(places[0], math.pi, places) == [True, True, True]
    assert _testbed.places_in_circle(places[0], math.inf, places) == [True, True, True]
    assert _testbed.places_in_circle((180.0, 3.0), 0, [(-180.0, 3.0)]) == [True]
    assert _testbed.places_in_circle((5.0, 90.0), 0, [(-7.0, 90.0)]) == [True]


def test_places_off_the_globe_never_match() -> None:
    places = [(0.0, 95.0), (200.0, 5.0), (math.nan, 0.0), (0.0, math.nan), (math.inf, 0.0)]
    assert _testbed.places_in_circle((0.0, 0.0), 4, places) == [False] * 5
    assert _testbed.places_in_box((-10.0, -10.0), (10.0, 10.0), places) == [False] * 5


SQUARE = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0), (0.0, 0.0)]


def square(x: float, y: float, size: float) -> list[Place]:
    return [(x, y), (x + size, y), (x + size, y + size), (x, y + size), (x, y)]


@pytest.mark.parametrize(
    ("rings", "reason"),
    [
        ([], "Polygon has no rings."),
        ([[]], "Ring has no vertices"),
        (
            [[(0, 0), (20, 0)]],
            "Ring is not closed, first vertex 'GeoPoint([0, 0])' does not equal last vertex "
            "'GeoPoint([20, 0])'",
        ),
        (
            [[(0, 0), (1, 1), (1, 1), (0, 0)]],
            "Ring 0 must have at least 3 different vertices, 2 unique vertices were provided",
        ),
        ([[(0, 0), (181, 0.5), (0, 0)]], "Longitude/latitude is out of bounds, lng: 181 lat: 0.5"),
        (
            [[(0, 0), (4, 4), (4, 0), (0, 4), (0, 0)]],
            "Ring 0 is not valid: 'Edges 0 and 2 cross. Edge locations in degrees: [0.0000000, "
            "0.0000000]-[4.0000000, 4.0000000] and [0.0000000, 4.0000000]-[4.0000000, 0.0000000]'",
        ),
        (
            [[(0, 0), (4, 0), (2, 2), (4, 4), (0, 4), (2, 2), (0, 0)]],
            "Ring 0 is not valid: 'Duplicate vertices: 2 and 5'",
        ),
        (
            [SQUARE, square(20, 20, 1)],
            "Secondary ring 1 not contained by first exterior ring - secondary rings must be holes "
            "in the first ring",
        ),
        (
            [SQUARE, square(8, 3, 5)],
            "Secondary ring 1 not contained by first exterior ring - secondary rings must be holes "
            "in the first ring",
        ),
        (
            [SQUARE, square(1, 1, 3), square(3, 3, 3)],
            "Polygon isn't valid: 'Ring 1 crosses ring 2'",
        ),
        (
            [SQUARE, square(1, 1, 3), square(5, 5, 4), square(6, 6, 1)],
            "Polygon interior rings cannot be nested: 3",
        ),
        (
            [SQUARE, square(1, 1, 3), square(4, 1, 3)],
            "Polygon isn't valid: 'Duplicate edge: ring 2, edge 3 and ring 1, edge 1'",
        ),
        ([[(0.0, 0.0)] * 10_001], "Polygon has more than 10000 vertices"),
    ],
)
def test_what_is_no_polygon(rings: list[list[Place]], reason: str) -> None:
    with pytest.raises(ValueError) as raised:
        _testbed.places_in_polygon(rings, [])
    assert str(raised.value) == reason


def test_holes_may_touch_in_a_corner() -> None:
    holes = [[(1.0, 1.0), (4.0, 1.0), (1.0, 4.0), (1.0, 1.0)]]
    holes.append([(4.0, 1.0), (8.0, 1.0), (8.0, 4.0), (4.0, 1.0)])
    holes.append([(0.0, 10.0), (1.0, 7.0), (2.0, 7.0), (0.0, 10.0)])  # and the outer ring
    places = [(2.0, 2.0), (7.0, 2.0), (1.2, 8.0), (5.0, 5.0)]
    assert _testbed.places_in_polygon([SQUARE, *holes], places) == [False, False, False, True]


@pytest.mark.parametrize("radius", [-1e-9, math.nan, -math.inf])
def test_what_is_no_circle(radius: float) -> None:
    with pytest.raises(ValueError, match="The radius of a circle must be a non-negative number"):
        _testbed.places_in_circle((0, 0), radius, [])


def test_many_vertices() -> None:
    """A ring of as many as there may be, in a curve that winds."""
    turns = [2 * math.pi * k / 9_998 for k in range(9_998)]
    ring = [
        ((20 + 5 * math.sin(40 * t)) * math.cos(t), (20 + 5 * math.sin(40 * t)) * math.sin(t))
        for t in turns
    ]
    places = [(14.9, 0.0), (25.1, 0.0), (0.0, 14.9), (0.0, 26.0)]
    assert _testbed.places_in_polygon([[*ring, ring[0]]], places) == [True, False, True, False]
