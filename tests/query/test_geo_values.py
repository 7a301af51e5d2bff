"""Regions and distances as Python values; what lies in them is for the core to say."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from realmsync import ArgumentTypeError, Distance, GeoBox, GeoCircle, GeoPoint, GeoPolygon


def test_distances_have_several_units() -> None:
    assert Distance.from_kilometers(6378.1) == Distance(1.0)
    assert Distance.from_miles(3963.16760121).radians == 1.0
    assert Distance.from_degrees(180).radians == math.pi
    assert Distance(0.5).kilometers == 0.5 * 6378.1
    assert math.isclose(Distance.from_kilometers(100).miles, 62.137, rel_tol=1e-5)
    assert Distance(math.pi).degrees == 180
    assert Distance.from_kilometers(1) < Distance.from_miles(1)


def test_points_are_pairs_or_points() -> None:
    point = GeoPoint(12, 55.5)
    assert GeoBox((12, 55.5), (13, 56)) == GeoBox(point, GeoPoint(13.0, 56.0))
    assert GeoCircle([12, 55.5], 0.1) == GeoCircle(point, Distance(0.1))
    ring = [(0, 0), (1, 0), (1, 1), (0, 0)]
    assert GeoPolygon(ring).outer_ring[0] == GeoPoint(0, 0)
    assert GeoPolygon(ring, [ring]).holes == (GeoPolygon(ring).outer_ring,)
    assert len({GeoPolygon(ring), GeoPolygon(iter(ring))}) == 1


def test_regions_are_values() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        GeoPoint(1, 2).longitude = 3  # type: ignore[misc]  # what must be refused
    assert repr(GeoCircle((1, 2), 0.5)) == (
        "GeoCircle(center=GeoPoint(longitude=1.0, latitude=2.0, altitude=None),"
        " distance=Distance(radians=0.5))"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: GeoPoint("1", 2),  # type: ignore[arg-type]
        lambda: GeoPoint(1, None),  # type: ignore[arg-type]
        lambda: GeoPoint(True, 2),
        lambda: GeoBox((1,), (2, 3)),
        lambda: GeoBox("ab", (2, 3)),  # type: ignore[arg-type]
        lambda: GeoCircle((1, 2), "far"),  # type: ignore[arg-type]
        lambda: GeoPolygon(GeoPoint(1, 2)),  # type: ignore[arg-type]
        lambda: GeoPolygon([(1, 2, 3, 4)]),
        lambda: Distance.from_miles("5"),  # type: ignore[arg-type]
    ],
)
def test_other_values_are_refused(make: Any) -> None:
    with pytest.raises(ArgumentTypeError):
        make()
