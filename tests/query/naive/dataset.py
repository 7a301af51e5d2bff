"""Classes and objects of the vectors' data set, and how values are written in it.

Sections are those of query-language.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from query.naive.values import (
    Dictionary,
    Float,
    Link,
    List,
    Object,
    ObjectId,
    Timestamp,
    Uuid,
    Value,
    double_of,
    narrow,
)

TYPES = {"objectid": "objectId", "decimal": "decimal128", "object": "link"}


@dataclass(frozen=True)
class Property:
    """One property; `type` as messages name it, embedded objects are links too."""

    name: str
    type: str
    nullable: bool
    collection: str | None
    target: str
    fulltext: bool
    embedded: bool


@dataclass(frozen=True)
class Class:
    """One class. `pk` is None for an embedded one."""

    name: str
    pk: str | None
    properties: dict[str, Property]


@dataclass
class Dataset:
    """Classes and their objects, embedded ones under the class they are of."""

    classes: dict[str, Class]
    objects: dict[str, list[Object]]

    def find(self, class_name: str, pk: Value) -> Object | None:
        """The object of a class with a primary key."""
        for item in self.objects[class_name]:
            if type(item.pk) is type(pk) and item.pk == pk:
                return item
        return None


def decode_plain(encoded: dict[str, Any]) -> Value:
    """A value that holds no other object: what arguments and most properties are."""
    tag = encoded["t"]
    if tag in ("int", "bool", "string"):
        return encoded["v"]
    if tag == "double":
        return double_of(int(encoded["bits"], 16))
    if tag == "float":
        return Float(float_of(int(encoded["bits"], 16)))
    if tag == "decimal":
        return decimal_of(encoded)
    if tag == "timestamp":
        return Timestamp(encoded["s"], encoded["n"])
    if tag == "binary":
        return bytes.fromhex(encoded["hex"])
    if tag == "objectid":
        return ObjectId.fromhex(encoded["v"])
    if tag == "uuid":
        return Uuid.fromhex(encoded["v"].replace("-", ""))
    assert tag == "null", tag
    return None


def float_of(bits: int) -> float:
    """The double that is the same number as the float of 32 bits."""
    return narrow(struct.unpack(">f", bits.to_bytes(4, "big"))[0])


def decimal_of(encoded: dict[str, Any]) -> Decimal:
    """A decimal by its text, which keeps exponent and sign."""
    text = str(encoded["v"])
    return Decimal(text.replace("Inf", "Infinity") if text.endswith("Inf") else text)


class Loader:
    """Makes the objects first and fills them then, so that links find their targets."""

    def __init__(self, document: dict[str, Any]) -> None:
        classes = {c["name"]: class_of(c) for c in document["classes"]}
        self.data = Dataset(classes, {name: [] for name in classes})
        rows = [
            (item, encoded)
            for name, items in document["objects"].items()
            for item, encoded in ((Object(name), encoded) for encoded in items)
        ]
        for item, encoded in rows:
            item.values["_id"] = decode_plain(encoded["_id"])
            self.data.objects[item.class_name].append(item)
        for item, encoded in rows:
            self.fill(item, encoded)

    def fill(self, item: Object, encoded: dict[str, Any]) -> None:
        """Decode all properties of an object."""
        for prop in self.data.classes[item.class_name].properties.values():
            value = self.decode(encoded[prop.name])
            if prop.type == "link":
                value = bare(value)
            item.values[prop.name] = value

    def decode(self, encoded: dict[str, Any]) -> Value:
        """Any value."""
        tag = encoded["t"]
        if tag in ("list", "set"):
            return List(self.decode(v) for v in encoded["v"])
        if tag == "dictionary":
            return Dictionary((key, self.decode(v)) for key, v in encoded["v"])
        if tag == "link":
            pk = decode_plain(encoded["pk"])
            return Link(encoded["class"], pk, self.data.find(encoded["class"], pk))
        if tag == "object":
            item = Object(encoded["class"])
            self.data.objects[item.class_name].append(item)
            self.fill(item, encoded["v"])
            return item
        return decode_plain(encoded)


def bare(value: Value) -> Value:
    """A value of a link property: Link even where it is an embedded object."""
    if isinstance(value, List):
        return List(bare(v) for v in value)
    if isinstance(value, Dictionary):
        return Dictionary((k, bare(v)) for k, v in value.items())
    if isinstance(value, Object):
        return Link(value.class_name, id(value), value)
    return value


def class_of(encoded: dict[str, Any]) -> Class:
    """One entry of `classes`."""
    properties = {
        p["name"]: Property(
            p["name"],
            TYPES.get(p["type"], p["type"]),
            p.get("nullable", False),
            p.get("collection"),
            p.get("target", ""),
            p.get("index") == "fulltext",
            p["type"] == "object",
        )
        for p in encoded["properties"]
    }
    return Class(encoded["name"], encoded.get("pk"), properties)


def load(document: dict[str, Any]) -> Dataset:
    """The data set of a parsed `dataset.json`."""
    return Loader(document).data
