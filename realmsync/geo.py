"""Regions and distances on the Earth, for queries: `place GEOWITHIN $0`.

Coordinates are degrees, longitude first as in GeoJSON. Whether a region is sound, closed rings for
example, is checked when a query is made with it; what lies in it is decided in the core.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from realmsync.errors import ArgumentTypeError

# Of the sphere on which Realm measures, with the digits of its SDKs.
EARTH_RADIUS_KILOMETERS = 6378.1
EARTH_RADIUS_MILES = 3963.16760121


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ArgumentTypeError(f"{what} must be a number, not {value!r}")
    return float(value)


@dataclass(frozen=True, slots=True)
class GeoPoint:
    """A point on the Earth. The altitude is only kept: regions have no height.

    Wherever a point is taken, a tuple `(longitude, latitude)` is taken as well.
    """

    longitude: float
    latitude: float
    altitude: float | None = None

    def __post_init__(self) -> None:
        for name in ("longitude", "latitude", "altitude"):
            value = getattr(self, name)
            if value is not None or name != "altitude":
                object.__setattr__(self, name, _number(value, name))

    def _native(self) -> tuple[float, ...]:
        """As the core takes it, and so below."""
        here = (self.longitude, self.latitude)
        return here if self.altitude is None else (*here, self.altitude)


PointLike: TypeAlias = GeoPoint | Sequence[float]


def _point(value: Any) -> GeoPoint:
    if isinstance(value, GeoPoint):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) in (2, 3):
        return GeoPoint(*value)
    raise ArgumentTypeError(f"Expected a GeoPoint or (longitude, latitude), got {value!r}")


def _ring(points: Any) -> tuple[GeoPoint, ...]:
    if isinstance(points, str | GeoPoint) or not isinstance(points, Iterable):
        raise ArgumentTypeError(f"Expected the points of a ring, got {points!r}")
    return tuple(_point(p) for p in points)


@dataclass(frozen=True, order=True, slots=True)
class Distance:
    """A length on the Earth's surface: `Distance.from_kilometers(2)`."""

    radians: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "radians", _number(self.radians, "a distance"))

    @classmethod
    def from_kilometers(cls, kilometers: float) -> Distance:
        """So many kilometres."""
        return cls(_number(kilometers, "a distance") / EARTH_RADIUS_KILOMETERS)

    @classmethod
    def from_miles(cls, miles: float) -> Distance:
        """So many miles."""
        return cls(_number(miles, "a distance") / EARTH_RADIUS_MILES)

    @classmethod
    def from_degrees(cls, degrees: float) -> Distance:
        """So many degrees of a great circle."""
        return cls(math.radians(_number(degrees, "a distance")))

    @property
    def kilometers(self) -> float:
        """In kilometres."""
        return self.radians * EARTH_RADIUS_KILOMETERS

    @property
    def miles(self) -> float:
        """In miles."""
        return self.radians * EARTH_RADIUS_MILES

    @property
    def degrees(self) -> float:
        """In degrees of a great circle."""
        return math.degrees(self.radians)


class Region:
    """Base of the regions that queries take."""

    __slots__ = ()

    def _native(self) -> tuple[Any, ...]:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, init=False)
class GeoBox(Region):
    """What lies between two corners; its sides are arcs of great circles."""

    bottom_left: GeoPoint
    top_right: GeoPoint

    def __init__(self, bottom_left: PointLike, top_right: PointLike) -> None:
        object.__setattr__(self, "bottom_left", _point(bottom_left))
        object.__setattr__(self, "top_right", _point(top_right))

    def _native(self) -> tuple[Any, ...]:
        return ("box", self.bottom_left._native(), self.top_right._native())


@dataclass(frozen=True, slots=True, init=False)
class GeoCircle(Region):
    """What lies within a distance of a point. A distance given as a number is in radians."""

    center: GeoPoint
    distance: Distance

    def __init__(self, center: PointLike, distance: Distance | float) -> None:
        object.__setattr__(self, "center", _point(center))
        given = distance if isinstance(distance, Distance) else Distance(distance)
        object.__setattr__(self, "distance", given)

    def _native(self) -> tuple[Any, ...]:
        return ("circle", self.center._native(), self.distance.radians)


@dataclass(frozen=True, slots=True, init=False)
class GeoPolygon(Region):
    """What lies within a ring of points and in none of its holes.

    The last point of every ring is its first one again.
    """

    outer_ring: tuple[GeoPoint, ...]
    holes: tuple[tuple[GeoPoint, ...], ...]

    def __init__(
        self, outer_ring: Iterable[PointLike], holes: Iterable[Iterable[PointLike]] = ()
    ) -> None:
        object.__setattr__(self, "outer_ring", _ring(outer_ring))
        object.__setattr__(self, "holes", tuple(_ring(hole) for hole in holes))

    def _native(self) -> tuple[Any, ...]:
        rings = (self.outer_ring, *self.holes) if self.outer_ring or self.holes else ()
        return ("polygon", [[p._native() for p in ring] for ring in rings])
