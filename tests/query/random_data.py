"""Random schemas and objects, in the form of the recorded queries' data set.

Values come from small pools, so that equalities have something to find; the pools hold what breaks
things: NaN, signed zeros, infinities, the ends of integers, neighbours of 2**53, empty and odd
strings. A few links dangle.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from typing import Any

import bson

Encoded = dict[str, Any]

INT_ENDS = (-(2**63), 2**63 - 1)
INTS = (0, 1, 2, 3, -1, 30, 2**53, 2**53 + 1, *INT_ENDS)
DOUBLES = (0.0, -0.0, 1.0, 1.5, 0.1, -2.5, 3.0, 2.0**53, 1e300)
SPECIAL_DOUBLES = (float("nan"), float("inf"), float("-inf"))
FLOATS = (0.0, -0.0, 1.0, 1.5, 0.5, -2.5, 3.0, 16777216.0)
DECIMALS = ("0", "1", "1.1", "1.10", "1.5", "-3", "NaN", "Infinity", "9007199254740993", "1E+3")
STRINGS = ("", "a", "A", "ab", "b", "Ab", "zoo", "é", "É", "ß", "日本", "o'x", 'q"q', "a b", "a*")
BYTES = (b"", b"a", b"ab", b"\x00\xff", b"B")
TIMES = ((0, 0), (0, 1), (1, 0), (-1, -5), (1577836800, 0), (253402300799, 999999999))
OBJECT_IDS = tuple(f"64c236637a71e28b0000000{i}" for i in range(4))
UUIDS = tuple(f"3b241101-e2bb-4255-8caf-00000000000{i}" for i in range(4))
KEYS = ("a", "b", "c d", "Ü")
TYPES = (
    "int",
    "bool",
    "string",
    "binary",
    "timestamp",
    "float",
    "double",
    "decimal",
    "objectid",
    "uuid",
)
ODD_NAMES = ("in", "first name", "size", "sort", "a-1", "Größe", "text", "limit", "last")


@dataclass(frozen=True)
class Property:
    """A property of a random class."""

    name: str
    type: str  # as the data set has it; of the elements
    nullable: bool = False
    collection: str = ""
    target: str = ""

    def encoded(self) -> Encoded:
        entry: Encoded = {"name": self.name, "type": self.type}
        if self.nullable:
            entry["nullable"] = True
        for key, value in (("collection", self.collection), ("target", self.target)):
            if value:
                entry[key] = value
        return entry


@dataclass
class Class:
    """A random class; one without key type is embedded."""

    name: str
    key_type: str
    properties: list[Property] = field(default_factory=list)

    def encoded(self) -> Encoded:
        entry: Encoded = {
            "name": self.name,
            "properties": [p.encoded() for p in self.properties],
        }
        return entry | ({"pk": "_id"} if self.key_type else {"embedded": True})


@dataclass
class Data:
    """A schema and its objects."""

    classes: dict[str, Class]
    objects: dict[str, list[Encoded]]

    def encoded(self) -> Encoded:
        """As dataset.json."""
        return {
            "classes": [cls.encoded() for cls in self.classes.values()],
            "objects": self.objects,
        }

    def keys(self, name: str) -> list[Encoded]:
        return [values["_id"] for values in self.objects[name]]


def double(number: float) -> Encoded:
    return {"t": "double", "bits": struct.pack(">d", number).hex(), "v": repr(number)}


def float32(number: float) -> Encoded:
    return {"t": "float", "bits": struct.pack(">f", number).hex(), "v": repr(number)}


def decimal(text: str) -> Encoded:
    high, low = bson.Decimal128(text).bid[8:], bson.Decimal128(text).bid[:8]
    words = [int.from_bytes(word, "little") for word in (high, low)]
    return {"t": "decimal", "v": text, "bid_hi": f"{words[0]:016x}", "bid_lo": f"{words[1]:016x}"}


def scalar(rng: random.Random, kind: str) -> Encoded:
    """A value of a type other than mixed and links."""
    if kind == "int":
        return {"t": "int", "v": rng.choice(INTS)}
    if kind == "bool":
        return {"t": "bool", "v": rng.random() < 0.5}
    if kind == "string":
        return {"t": "string", "v": rng.choice(STRINGS)}
    if kind == "binary":
        return {"t": "binary", "hex": rng.choice(BYTES).hex()}
    if kind == "timestamp":
        seconds, nanoseconds = rng.choice(TIMES)
        return {"t": "timestamp", "s": seconds, "n": nanoseconds}
    if kind == "float":
        return float32(rng.choice(FLOATS + SPECIAL_DOUBLES))
    if kind == "double":
        return double(rng.choice(DOUBLES + SPECIAL_DOUBLES))
    if kind == "decimal":
        return decimal(rng.choice(DECIMALS))
    return {"t": kind, "v": rng.choice(OBJECT_IDS if kind == "objectid" else UUIDS)}


class _Maker:
    """Makes one data set."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._classes: dict[str, Class] = {}

    def data(self, objects: int) -> Data:
        key_types = ["int", "string", "objectid", "uuid"]
        self._rng.shuffle(key_types)
        names = ["Alpha", "Beta"]
        for name, key_type in zip(names, key_types, strict=False):
            self._classes[name] = Class(name, key_type)
        for name in ("Inner", "Place"):
            self._classes[name] = Class(name, "")
        for name in names:
            self._classes[name].properties = self._properties(name)
        self._classes["Inner"].properties = self._inner_properties()
        self._classes["Place"].properties = [
            Property("type", "string"),
            Property("coordinates", "double", collection="list"),
        ]
        self._keys = {name: self._distinct_keys(name, objects + 2) for name in names}
        made = {
            name: [self._object(name, key) for key in self._keys[name][:objects]] for name in names
        }
        return Data(self._classes, made)

    def _distinct_keys(self, name: str, count: int) -> list[Encoded]:
        """The last two are of objects that do not exist."""
        kind = self._classes[name].key_type
        if kind == "int":
            return [{"t": "int", "v": v} for v in self._rng.sample(range(-3, 40), count)]
        if kind == "string":
            return [{"t": "string", "v": f"{STRINGS[i % len(STRINGS)]}{i}"} for i in range(count)]
        base = OBJECT_IDS[0][:-2] if kind == "objectid" else UUIDS[0][:-2]
        return [{"t": kind, "v": f"{base}{i:02x}"} for i in range(count)]

    def _properties(self, name: str) -> list[Property]:
        key = Property("_id", self._classes[name].key_type)
        made = [key]
        odd = self._rng.sample(ODD_NAMES, 2)

        def add(kind: str, collection: str = "", target: str = "", nullable: bool = False) -> None:
            plain = f"{collection}{kind.capitalize()}" if collection else kind
            number = sum(p.name.startswith(plain) for p in made)
            title = f"{plain}{number or ''}"
            if not collection and not target and odd and self._rng.random() < 0.15:
                title = odd.pop()
            made.append(Property(title, kind, nullable, collection, target))

        for kind in TYPES:
            add(kind, nullable=self._rng.random() < 0.6)
        add(self._rng.choice(["int", "string", "double", "float"]), nullable=True)
        add("int")
        add("mixed", nullable=True)
        for _ in range(5):
            kind = self._rng.choice([*TYPES, "mixed", "int", "string"])
            collection = self._rng.choice(["list", "list", "set", "dictionary"])
            if collection == "set" and kind in ("float", "double", "decimal"):
                kind = "int"
            add(kind, collection, nullable=kind == "mixed" or self._rng.random() < 0.4)
        for collection in ("", "", "list", "set", "dictionary"):
            nullable = collection in ("", "dictionary")
            add("link", collection, self._rng.choice(["Alpha", "Beta"]), nullable)
        for collection in ("", "list", "dictionary"):
            add("object", collection, "Inner", nullable=collection != "list")
        add("object", self._rng.choice(["", "list"]), "Place", nullable=made[-1].collection != "")
        if made[-1].collection == "":
            made[-1] = Property(made[-1].name, "object", True, "", "Place")
        else:
            made[-1] = Property(made[-1].name, "object", False, "list", "Place")
        return made

    def _inner_properties(self) -> list[Property]:
        kinds = self._rng.sample(TYPES, 3)
        return [
            *(Property(f"{kind}Inside", kind, self._rng.random() < 0.5) for kind in kinds),
            Property("number", "int", True),
            Property("words", "string", collection="list"),
            Property("home", "link", True, "", self._rng.choice(["Alpha", "Beta"])),
        ]

    def _object(self, name: str, key: Encoded) -> Encoded:
        values: Encoded = {"_id": key}
        for p in self._classes[name].properties[1:]:
            values[p.name] = self._value(p)
        return values

    def _value(self, p: Property) -> Encoded:
        if not p.collection:
            return self._element(p)
        count = self._rng.choice([0, 0, 1, 2, 3])
        items = [self._element(p) for _ in range(count)]
        if p.collection == "list":
            return {"t": "list", "v": items}
        if p.collection == "set":
            return {"t": "set", "v": _as_set(items)}
        keys = sorted(self._rng.sample(KEYS, count), key=str.encode)
        return {"t": "dictionary", "v": [list(entry) for entry in zip(keys, items, strict=True)]}

    def _element(self, p: Property) -> Encoded:
        if p.nullable and self._rng.random() < 0.25:
            return {"t": "null"}
        if p.type == "mixed":
            return self._mixed(2 if p.collection != "set" else 0)
        if p.type == "link":
            return self._link(p.target)
        if p.type == "object":
            return self._embedded(p.target)
        return scalar(self._rng, p.type)

    def _mixed(self, depth: int) -> Encoded:
        chance = self._rng.random()
        if chance < 0.15:
            return self._link(self._rng.choice(["Alpha", "Beta"])) if depth else {"t": "null"}
        if chance < 0.4 and depth > 0:
            items = [self._mixed(depth - 1) for _ in range(self._rng.choice([0, 1, 2, 3]))]
            if chance < 0.27:
                return {"t": "list", "v": items}
            keys = sorted(self._rng.sample(KEYS, len(items)), key=str.encode)
            return {"t": "dictionary", "v": [list(e) for e in zip(keys, items, strict=True)]}
        kinds = TYPES if depth else ("int", "string", "bool")
        return scalar(self._rng, self._rng.choice(kinds))

    def _link(self, target: str) -> Encoded:
        existing, missing = self._keys[target][:-2], self._keys[target][-2:]
        if self._rng.random() < 0.1:
            key = self._rng.choice(missing)
            return {"t": "link", "class": target, "pk": key, "dangling": True}
        return {"t": "link", "class": target, "pk": self._rng.choice(existing)}

    def _embedded(self, target: str) -> Encoded:
        if target == "Place":
            kind = self._rng.choice(["Point", "Point", "point", "Line"])
            ends = ((-180, 180), (-90, 90))
            point = [double(self._rng.uniform(low, high)) for low, high in ends]
            point = point[: self._rng.choice([2, 2, 2, 1])]
            values = {"type": {"t": "string", "v": kind}, "coordinates": {"t": "list", "v": point}}
        else:
            values = {p.name: self._value(p) for p in self._classes[target].properties}
        return {"t": "object", "class": target, "v": values}


_SET_RANKS = ("null", "bool", "int", "string", "binary", "timestamp", "objectid", "uuid", "link")


def _as_set(items: list[Encoded]) -> list[Encoded]:
    """In the order of sets, none twice."""

    def order(value: Encoded) -> tuple[Any, ...]:
        kind = value["t"]
        rank = _SET_RANKS.index(kind)
        if kind == "timestamp":
            return rank, value["s"], value["n"]
        if kind == "binary":
            return rank, value["hex"]
        if kind == "string":
            return rank, value["v"].encode()
        return (rank, *order(value["pk"])) if kind == "link" else (rank, value.get("v", 0))

    return sorted({order(v): v for v in items}.values(), key=order)


def random_data(rng: random.Random, objects: int = 14) -> Data:
    """A schema of two classes and two embedded ones, and its objects."""
    return _Maker(rng).data(objects)
