"""Values as the recorded queries and their data set have them (tests/vectors/README.md)."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from typing import Any

import bson

from realmsync import (
    Distance,
    Float32,
    GeoBox,
    GeoCircle,
    GeoPoint,
    GeoPolygon,
    Timestamp,
)

Encoded = dict[str, Any]
Find = Callable[[str, Any], Any]  # the object of a class with a primary key


def decode(value: Encoded, find: Find) -> Any:
    """A value as properties and arguments take it."""
    kind = value["t"]
    if kind in ("list", "set"):
        return [decode(item, find) for item in value["v"]]
    if kind == "dictionary":
        return {key: decode(item, find) for key, item in value["v"]}
    if kind == "object":
        return {name: decode(item, find) for name, item in value["v"].items()}
    if kind == "link":
        return find(value["class"], decode(value["pk"], find))
    return _SCALARS[kind](value)


def holds_links(value: Encoded) -> bool:
    """Whether a value has links in it, whose targets have to exist first."""
    inner = value.get("v")
    if value["t"] == "dictionary":
        inner = [item for _, item in value["v"]]
    elif value["t"] == "object":
        inner = list(value["v"].values())
    return value["t"] == "link" or (isinstance(inner, list) and any(map(holds_links, inner)))


def dangling_links(value: Any) -> list[tuple[str, Any]]:
    """Class and encoded key of the objects that do not exist."""
    if isinstance(value, dict):
        if value.get("dangling"):
            return [(value["class"], value["pk"])]
        value = list(value.values())
    inner = value if isinstance(value, list) else []
    return [link for item in inner for link in dangling_links(item)]


def decimal_of(value: Encoded) -> bson.Decimal128:
    if "bid_hi" not in value:  # an argument
        return bson.Decimal128(value["v"])
    return bson.Decimal128((int(value["bid_hi"], 16), int(value["bid_lo"], 16)))


def _floating(layout: str) -> Callable[[Encoded], float]:
    def decoded(value: Encoded) -> float:
        [number] = struct.unpack(layout, bytes.fromhex(value["bits"]))
        return float(number)

    return decoded


def _polygon(value: Encoded) -> GeoPolygon:
    rings = value["rings"]
    return GeoPolygon(rings[0], rings[1:]) if rings else GeoPolygon([])


_SCALARS: dict[str, Callable[[Encoded], Any]] = {
    "null": lambda v: None,
    "int": lambda v: v["v"],
    "bool": lambda v: v["v"],
    "string": lambda v: v["v"],
    "objectid": lambda v: bson.ObjectId(v["v"]),
    "uuid": lambda v: uuid.UUID(v["v"]),
    "binary": lambda v: bytes.fromhex(v["hex"]),
    "timestamp": lambda v: Timestamp(v["s"], v["n"]),
    "double": _floating(">d"),
    "float": lambda v: Float32(_floating(">f")(v)),
    "decimal": decimal_of,
    "geobox": lambda v: GeoBox(v["lo"], v["hi"]),
    "geocircle": lambda v: GeoCircle(v["center"], Distance(v["r"])),
    "geopolygon": _polygon,
    "geopoint": lambda v: GeoPoint(*v["p"]),
}
