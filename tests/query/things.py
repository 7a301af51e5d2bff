"""A small world for questions about single rules: objects of one class, Thing, with a property of
every type, named after what is special about each."""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from realmsync._testbed import LabQuery, QueryLab

SINGLE = {
    "n": "int",
    "d": "double",
    "f": "float",
    "m": "decimal",
    "s": "string",
    "b": "binary",
    "t": "timestamp",
    "flag": "bool",
    "o": "objectid",
    "u": "uuid",
    "x": "mixed",
    "to": "link",
    "part": "object",
}
LISTS = {
    "ns": "int",
    "ds": "double",
    "ss": "string",
    "bs": "binary",
    "ms": "decimal",
    "xs": "mixed",
    "many": "link",
    "parts": "object",
}
SETS = {"nset": "int", "linkset": "link"}
DICTIONARIES = {"nd": "int", "xd": "mixed", "links": "link"}
PART = {"n": "int", "s": "string"}


@dataclass
class Link:
    """A link to the Thing of that name; it need not exist."""

    name: str


@dataclass
class Instant:
    """A timestamp."""

    seconds: int
    nanoseconds: int = 0


class Float(float):
    """A float inside a Mixed; plain floats are doubles."""


class ObjectId(str):
    """24 hexadecimal digits."""


def encode(value: Any, kind: str = "mixed") -> dict[str, Any]:
    """A value in the form of tests/vectors/queries; lists and dictionaries belong to a Mixed."""
    match value:
        case None:
            return {"t": "null"}
        case bool():
            return {"t": "bool", "v": value}
        case int():
            return {"t": "int", "v": value}
        case float():
            if kind == "float" or isinstance(value, Float):
                return {"t": "float", "bits": struct.pack(">f", value).hex()}
            return {"t": "double", "bits": struct.pack(">d", value).hex()}
        case Decimal():
            return {"t": "decimal", "v": str(value).replace("Infinity", "Inf")}
        case ObjectId():
            return {"t": "objectid", "v": str(value)}
        case str():
            return {"t": "string", "v": value}
        case bytes():
            return {"t": "binary", "hex": value.hex()}
        case Instant():
            return {"t": "timestamp", "s": value.seconds, "n": value.nanoseconds}
        case uuid.UUID():
            return {"t": "uuid", "v": str(value)}
        case Link():
            return {"t": "link", "class": "Thing", "pk": encode(value.name)}
        case list():
            return {"t": "list", "v": [encode(item) for item in value]}
        case dict():
            return {"t": "dictionary", "v": [[key, encode(value[key])] for key in sorted(value)]}
    raise TypeError(value)


def encode_part(values: dict[str, Any] | None) -> dict[str, Any]:
    """An embedded object."""
    if values is None:
        return {"t": "null"}
    return {
        "t": "object",
        "class": "Part",
        "v": {name: encode(values.get(name), kind) for name, kind in PART.items()},
    }


def encode_items(values: list[Any], kind: str) -> list[dict[str, Any]]:
    """Elements of a list or set."""
    if kind == "object":
        return [encode_part(item) for item in values]
    return [encode(item, kind) for item in values]


def encode_thing(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """An object; what is not given is null or empty."""
    thing = {"_id": encode(name)}
    for key, kind in SINGLE.items():
        value = values.get(key)
        thing[key] = encode_part(value) if kind == "object" else encode(value, kind)
    for key, kind in LISTS.items():
        thing[key] = {"t": "list", "v": encode_items(values.get(key, []), kind)}
    for key, kind in SETS.items():
        thing[key] = {"t": "set", "v": encode_items(values.get(key, []), kind)}
    for key, kind in DICTIONARIES.items():
        entries = values.get(key, {})
        thing[key] = {
            "t": "dictionary",
            "v": [[entry, encode(entries[entry], kind)] for entry in sorted(entries)],
        }
    return thing


def declare(name: str, kind: str, collection: str = "") -> dict[str, Any]:
    """A property: nullable wherever that is allowed."""
    declared: dict[str, Any] = {"name": name, "type": kind}
    if collection:
        declared["collection"] = collection
    declared["nullable"] = not (kind in ("link", "object") and collection in ("list", "set"))
    if kind in ("link", "object"):
        declared["target"] = "Thing" if kind == "link" else "Part"
    return declared


CLASSES = [
    {
        "name": "Thing",
        "pk": "_id",
        "properties": [
            {"name": "_id", "type": "string"},
            *(declare(name, kind) for name, kind in SINGLE.items()),
            *(declare(name, kind, "list") for name, kind in LISTS.items()),
            *(declare(name, kind, "set") for name, kind in SETS.items()),
            *(declare(name, kind, "dictionary") for name, kind in DICTIONARIES.items()),
        ],
    },
    {
        "name": "Part",
        "embedded": True,
        "properties": [declare(name, kind) for name, kind in PART.items()],
    },
]


class Things:
    """The world of some things; called with a text, it names those that the text selects."""

    def __init__(self, things: dict[str, dict[str, Any]]) -> None:
        self.names = list(things)
        objects = [encode_thing(name, values) for name, values in things.items()]
        self.lab = QueryLab({"classes": CLASSES, "objects": {"Thing": objects}})

    def bind(self, text: str, *arguments: Any) -> LabQuery:
        """A query of Thing. Raises a QueryError."""
        return self.lab.bind("Thing", text, [encode(argument) for argument in arguments])

    def __call__(self, text: str, *arguments: Any) -> list[str]:
        """Names in the query's order."""
        return [self.names[position] for position in self.bind(text, *arguments).select()]
