"""Random constants, arguments and regions: values that objects have, edges, and others."""

from __future__ import annotations

import random
import struct
from decimal import Decimal
from typing import Any

from query.naive import wording
from query.naive.dataset import Dataset
from query.naive.values import (
    Dictionary,
    Float,
    Link,
    List,
    ObjectId,
    Timestamp,
    Uuid,
    Value,
    kind,
    string_bytes,
)

EDGES: dict[str, list[str]] = {
    "int": [
        "0",
        "-1",
        "+1",
        "0x10",
        "010",
        "30",
        "42",
        "9223372036854775807",
        "-9223372036854775808",
    ]
    + [
        "9007199254740993",
        "99999999999999999999",
        "30.0",
        "17.5",
        "30f",
        "nan",
        "inf",
        "'30'",
        "'7x'",
        "1e2",
    ],
    "double": [
        "0.5",
        "-0.0",
        "1.5f",
        "1",
        "30",
        "nan",
        "-inf",
        "inf",
        "1e308",
        ".5",
        "5.",
        "'1.5'",
        "1.1",
        "9007199254740993",
    ],
    "float": ["0.1", "1.5f", "2", "nan", "inf", "1e39", "'2.5'", "16777217", "-0.0", "1.1"],
    "decimal128": [
        "1.1",
        "1.10",
        "2",
        "nan",
        "inf",
        "1.1f",
        "'1.1'",
        "'x'",
        "1e2",
        "0.30000000000000004",
        "-0.0",
    ],
    "string": ["''", "'a'", '"it\'s"', "'é'", 'B64"YQ=="', "'A'", "'alice'"],
    "binary": ["binary('')", "bin('a')", 'binary(B64"YWJj")', "'abc'"],
    "timestamp": ["T0:0", "T-1:-1", "1970-01-01@00:00:00", "2020-01-01T00:00:00:5", "T1:0"],
    "bool": ["true", "FALSE", "1"],
    "objectId": ["oid(64c236637a71e28b00000001)", "'64c236637a71e28b00000001'"],
    "uuid": ["uuid(3b241101-e2bb-4255-8caf-000000000001)"],
    "typedLink": ['obj("Person", 7)', 'obj("Dog", oid(64c236637a71e28b00000001))'],
    "null": ["NULL", "nil"],
}
PLAIN: tuple[str, ...] = (
    "int",
    "double",
    "float",
    "decimal128",
    "string",
    "binary",
    "timestamp",
    "bool",
)
PLAIN += ("objectId", "uuid", "null")


class Constants:
    """Makes constants; `arguments` collects what `$n` stands for, as the vectors encode it."""

    def __init__(self, data: Dataset, source: random.Random) -> None:
        self.data = data
        self.random = source
        self.arguments: list[dict[str, Any]] = []
        self.known: dict[str, list[Value]] = {}
        for items in data.objects.values():
            for item in items:
                for value in item.values.values():
                    self.learn(value)

    def learn(self, value: Value) -> None:
        """Remember a value that an object has."""
        if isinstance(value, List):
            for element in value:
                self.learn(element)
        elif isinstance(value, Dictionary):
            for element in value.values():
                self.learn(element)
        elif not isinstance(value, Link) or self.data.classes[value.class_name].pk:
            self.known.setdefault(kind(value), []).append(value)

    def pick(self, type_name: str) -> Value:
        """A value of a type that some object has."""
        if type_name == "mixed" or type_name not in self.known:
            type_name = self.random.choice([k for k in PLAIN if k in self.known])
        return self.random.choice(self.known[type_name])

    def text(self, type_name: str, strange: float = 0.1, lists: bool = True) -> str:
        """A constant's text; with a chance of `strange` one of any type."""
        if self.random.random() < strange:
            type_name = self.random.choice([*PLAIN, "typedLink"])
        if self.random.random() < 0.05:
            return "NULL"
        if self.random.random() < 0.13:
            return self.argument_of(type_name)
        if type_name == "mixed":
            type_name = self.random.choice(PLAIN)
        if self.random.random() < 0.3 and type_name in EDGES:
            return self.random.choice(EDGES[type_name])
        return self.spelled(self.pick(type_name))

    def spelled(self, value: Value) -> str:
        """A value as a literal."""
        if isinstance(value, Link):
            pk = self.spelled(value.pk)
            return "NULL" if value.pk is None else f'obj("{value.class_name}", {pk})'
        if isinstance(value, Float | float):
            number = value.value if isinstance(value, Float) else value
            text = wording.number(number, 17)
            return text if "n" in text or "." in text or "e" in text else text + ".0"
        if isinstance(value, Decimal) and value.is_finite():
            text = str(value).replace("E+", "E")
            return "1E300" if abs(value) > Decimal("1E300") else text  # beyond doubles
        if isinstance(value, Decimal):
            return wording.decimal(value)
        return wording.constant(value)

    def pattern(self, type_name: str, wild: bool) -> str:
        """Part of a string or binary, with wildcards for LIKE."""
        if self.random.random() < 0.06:
            return self.random.choice(["NULL", "''", "binary('')"])
        value = self.pick(type_name)
        raw = string_bytes(value) if isinstance(value, str) else bytes(value or b"")
        if type_name == "string" and raw:
            letters = raw.decode("utf-8", "replace")
            at = self.random.randrange(len(letters))
            part = letters[at : at + self.random.choice([1, 2, 3, 9])]
            if wild:
                forms = ["*{}", "{}*", "*{}*", "?{}*", "*{}?", "{}", "{}**"]
                part = self.random.choice(forms).format(part)
            if self.random.random() < 0.3:
                part = self.random.choice([part.upper(), part.lower()])
            raw = part.encode()
        elif raw:
            at = self.random.randrange(len(raw))
            raw = raw[at : at + 2]
        if self.random.random() < 0.1:
            return self.argument_of(type_name, raw.decode() if type_name == "string" else raw)
        quoted = wording.quoted(raw)
        return quoted if type_name == "string" else f"binary({quoted})"

    def link(self, class_name: str) -> str:
        """An object of a class, seldom of another one, or NULL."""
        if self.random.random() < 0.12:
            return "NULL"
        if self.random.random() < 0.08:
            class_name = self.random.choice(["Person", "Dog", "Shop", "Token", "class_Person"])
        plain = class_name.removeprefix("class_")
        owners = [o for o in self.data.objects[plain] if "_id" in o.values and o.pk is not None]
        if not owners:
            return 'obj("Person", 7)'
        item = self.random.choice(owners)
        if self.random.random() < 0.2:
            return self.argument_of("typedLink", Link(plain, item.pk, item))
        return f'obj("{class_name}", {self.spelled(item.pk)})'

    def argument_of(self, type_name: str, *given: Value) -> str:
        """`$n` for a new argument."""
        value = given[0] if given else self.pick(type_name)
        self.arguments.append(encoded(value))
        return f"${len(self.arguments) - 1}"

    def list_argument(self, type_name: str, count: int) -> str:
        """`$n` for a new argument that is a list."""
        members = [encoded(self.pick(type_name)) for _ in range(count)]
        self.arguments.append({"t": "list", "v": members})
        return f"${len(self.arguments) - 1}"

    def coordinate(self, limit: int) -> float:
        """A number within a limit on both sides, seldom beyond it."""
        if self.random.random() < 0.02:
            return limit + 1.5
        return self.random.choice([0.0, 5.0, 12.5, round(self.random.uniform(-limit, limit), 2)])

    def point(self) -> str:
        """A point between brackets, all with a decimal point."""
        return f"[{self.coordinate(180)}, {self.coordinate(90)}]"

    def region(self) -> str:
        """A region's text, or an argument that holds it."""
        shape = self.random.choice(["geoCircle", "geoBox", "geoPolygon"])
        if shape == "geoCircle":
            text = f"geoCircle({self.point()}, {round(self.random.uniform(0, 1.6), 3)})"
        elif shape == "geoBox":
            text = f"geoBox({self.point()}, {self.point()})"
        else:
            lng, lat = self.random.uniform(-100, 90), self.random.uniform(-60, 50)
            wide, high = self.random.uniform(1, 60), self.random.uniform(1, 30)
            corners = [(lng, lat), (lng + wide, lat), (lng + wide, lat + high), (lng, lat)]
            text = f"geoPolygon({{{', '.join(f'[{a:.3f}, {b:.3f}]' for a, b in corners)}}})"
        if self.random.random() < 0.1:
            return self.argument_of("string", text)
        return text


def encoded(value: Value) -> dict[str, Any]:
    """A value as the vectors encode arguments."""
    name = kind(value)
    if name == "null":
        return {"t": "null"}
    if name in ("int", "bool", "string"):
        return {"t": name, "v": value}
    if isinstance(value, Float):
        return {"t": "float", "bits": struct.pack(">f", value.value).hex()}
    if isinstance(value, float):
        return {"t": "double", "bits": struct.pack(">d", value).hex()}
    if isinstance(value, Decimal):
        return {"t": "decimal", "v": wording.decimal(value)}
    if isinstance(value, Timestamp):
        return {"t": "timestamp", "s": value.seconds, "n": value.nanoseconds}
    if isinstance(value, ObjectId):
        return {"t": "objectid", "v": value.hex()}
    if isinstance(value, Uuid):
        return {"t": "uuid", "v": wording.constant(value)[5:-1]}
    if isinstance(value, Link):
        return {"t": "link", "class": value.class_name, "pk": encoded(value.pk)}
    return {"t": "binary", "hex": bytes(value).hex()}
