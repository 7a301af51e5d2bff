"""Random filters and documents of the class of clinic.py. Constants of both come out of the same
short lists, so that filters let something through."""

from __future__ import annotations

import random
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from bson import Decimal128, Int64, ObjectId

from clinic import CLASSES

IDS = [ObjectId(f"65f00000000000000000000{i}") for i in range(3)]
POOLS: dict[str, list[Any]] = {
    "bool": [True, False],
    "int": [0, 1, 2, 5, -3, 2**53 + 1, -(2**63)],
    "double": [0.0, 1.0, 2.5, -0.1, 5.0, 1e300],
    "float": [0.0, 1.0, 2.5, -0.5, 5.0],
    "decimal128": [Decimal128(text) for text in ("0", "1.0", "2.5", "-0.1", "5", "1E+20")],
    "string": ["", "a", "b", "red", 'a"\\', "é", str(IDS[0])],
    "data": [b"", b"a", b"\0\xff"],
    "date": [datetime(y, 1, 1, tzinfo=timezone.utc) for y in (1969, 1970, 2024)],
    "objectId": list(IDS),
    "uuid": [UUID(int=i) for i in range(2)],
}
POOLS["mixed"] = [value for pool in POOLS.values() for value in pool[:3]]
NUMBERS = [*POOLS["int"], *POOLS["double"], *POOLS["decimal128"], Int64(5)]
USER: dict[str, Any] = {
    "id": str(IDS[0]),
    "type": "normal",
    "custom_data": {
        "team": "red",
        "nil": None,
        "one": 1,
        "flag": True,
        "strings": ["a", "red", None],
        "numbers": [1, 2.5, Decimal128("5.0")],
        "mixed": ["b", 0, IDS[1], [1, 2]],
        "empty": [],
        "key": IDS[1],
        "ref": str(UUID(int=1)),
        "uuid": UUID(int=0),
        "place": {"a": 1, "b": [1.0]},
    },
}
ROOTS = {"user": USER, "values": {"list": ["a", 5, False]}, "environment": {"tag": "qa"}}
EXPANSIONS = [f"%%user.custom_data.{name}" for name in USER["custom_data"]]
EXPANSIONS += ["%%user.id", "%%user.custom_data.absent", "%%values.list", "%%environment.tag"]
EXPANSIONS += ["%%user.custom_data.place.a", "%%true", "%%false", "%%values.absent"]
FIELDS = {name: (kind, collection) for name, kind, _, collection, _ in CLASSES[0][3]}
LISTS = {name for name, (_, collection) in FIELDS.items() if collection}
FOREIGN = {"dict", "doctors"}
COMPARATORS = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "all", "exists"]


class RandomFilters:
    """A stream of filters and documents for one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def documents(self, count: int) -> list[dict[str, Any]]:
        """With keys from 1 on."""
        return [self._document(key) for key in range(1, count + 1)]

    def _document(self, key: int) -> dict[str, Any]:
        document: dict[str, Any] = {"_id": key}
        for name, (kind, collection) in FIELDS.items():
            if name == "_id" or self._random.random() < 0.25:
                continue
            if collection == "dictionary":
                document[name] = {"k": "a"}
            elif collection:
                values = [self._element(kind) for _ in range(self._random.randrange(4))]
                document[name] = sorted(set(values)) if collection == "set" else values
            else:
                document[name] = self._single(kind)
        return document

    def _single(self, kind: str) -> Any:
        if kind == "embedded":
            return {"city": "x"}
        return self._random.choice(IDS if kind == "link" else POOLS[kind])

    def _element(self, kind: str) -> Any:
        if kind not in ("link", "string") and self._random.random() < 0.2:
            return None
        return self._single(kind)

    def filter(self, depth: int = 3) -> Any:
        """Decoded extended JSON."""
        choice = self._random.random()
        if depth == 0 or choice < 0.5:
            return self._tests(depth)
        if choice < 0.55:
            return self._random.choice([True, False, "%%true", {}])
        prefix = self._random.choice("%$")
        if choice < 0.65:
            return {prefix + "not": self.filter(depth - 1)}
        name = self._random.choice(["and", "or", "nor"])
        return {prefix + name: [self.filter(depth - 1) for _ in range(self._random.randrange(4))]}

    def _tests(self, depth: int) -> Any:
        fields = [*FIELDS, "unknown", *EXPANSIONS[:5], "%%true"]
        count = self._random.choice([1, 1, 1, 2])
        chosen = self._random.sample(fields, count)
        return {field: self._right(field, depth) for field in chosen}

    def _right(self, field: str, depth: int) -> Any:
        choice = self._random.random()
        if choice < 0.3:
            return self._value(field)
        return self._operators(field, depth)

    def _operators(self, field: str, depth: int) -> dict[str, Any]:
        if depth > 0 and self._random.random() < 0.15:
            if self._random.random() < 0.5:
                return {"%not": self._operators(field, depth - 1)}
            members = [self._operators(field, depth - 1) for _ in range(2)]
            return {self._random.choice(["%and", "$or", "%nor"]): members}
        chosen = self._random.sample(COMPARATORS, self._random.choice([1, 1, 2]))
        return {self._random.choice("%$") + op: self._operand(field, op) for op in chosen}

    def _operand(self, field: str, op: str) -> Any:
        if op == "exists":
            return self._random.random() < 0.5
        if op in ("in", "nin", "all") and self._random.random() < 0.85:
            count = self._random.choice([0, 1, 1, 2, 3, 12])
            return [self._value(field) for _ in range(count)]
        return self._value(field)

    def _value(self, field: str) -> Any:
        choice = self._random.random()
        if choice < 0.1:
            return None
        if choice < 0.3:
            return self._random.choice(EXPANSIONS)
        if choice < 0.36:
            return self._conversion()
        if choice < 0.42:
            return [self._constant(field) for _ in range(self._random.randrange(3))]
        return self._constant(field)

    def _conversion(self) -> Any:
        name = self._random.choice(["stringToOid", "oidToString", "stringToUuid", "uuidToString"])
        of = ["%%user.id", "%%user.custom_data.key", "%%user.custom_data.ref", *POOLS["string"]]
        return {"%" + name: self._random.choice([*of, "%%user.custom_data.uuid"])}

    def _constant(self, field: str) -> Any:
        kind, _ = FIELDS.get(field, ("mixed", None))
        choice = self._random.random()
        if choice < 0.15:
            return self._random.choice(POOLS["mixed"])
        if kind in ("int", "double", "float", "decimal128") and choice < 0.4:
            return self._random.choice(NUMBERS)
        return self._random.choice(POOLS.get(kind, IDS))
