"""Declared schemas: Python classes and Realm's dictionaries, normalised to one form.

Section numbers are those of data-model.md: declaration 5. The rules for a whole schema are in
schema_rules.py; what a file already holds, and whether a declaration fits it, is decided by the
core (csrc/tables); annotations.py reads the type annotations of classes.

A property's type is written as an annotation:

    bool int str bytes          the same (bytes: Realm's `data`)
    float, Float32              `double`, `float`
    datetime or Timestamp       `date`
    bson.Decimal128 or Decimal  `decimal128`
    bson.ObjectId, uuid.UUID    `objectId`, `uuid`
    typing.Any                  `mixed`
    T | None                    optional; links and embedded objects always are
    Counter                     `int` that devices add to (presentation `counter`)
    Person, "Person"            link, or embedded object when Person is an EmbeddedObject
    list[T] set[T] dict[str, T] collections of any of these
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from realmsync.errors import SchemaValidationError

PRIMITIVES = {
    "bool",
    "int",
    "float",
    "double",
    "decimal128",
    "string",
    "data",
    "date",
    "objectId",
    "uuid",
    "mixed",
}
COLLECTIONS = ("list", "dictionary", "set")
# No class can have one of these names: as the type of a property it would not mean the class.
TYPE_NAMES = PRIMITIVES | {*COLLECTIONS, "object", "linkingObjects", "counter"}
COUNTER = "counter"
SUFFIXES = {"[]": "list", "{}": "dictionary", "<>": "set"}


@dataclass(frozen=True, slots=True)
class Property:
    """One property in canonical form (5.4)."""

    name: str  # as the application calls it
    type: str  # a primitive, "object" or "linkingObjects": of the property or of its elements
    collection: str | None = None  # "list", "dictionary" or "set"
    target: str | None = None  # class of a link, an embedded object or linking objects
    optional: bool = False  # the value, or the elements of a collection
    indexed: bool | str = False
    map_to: str = ""  # name in the file and on the wire
    default: Any = None
    has_default: bool = False
    origin: str | None = None  # linkingObjects: property of the target that links here
    is_counter: bool = False  # an int that is added to

    @property
    def persisted(self) -> str:
        """The name in the file and on the wire."""
        return self.map_to or self.name

    @property
    def is_link(self) -> bool:
        """Whether it refers to objects, linking or embedded, single or in a collection."""
        return self.type == "object"

    def describe(self) -> str:
        """The type as errors name it: int, <Dog>, list<int>."""
        if self.collection is None:
            return f"<{self.target}>" if self.is_link else self.type
        return f"{self.collection}<{self.target if self.is_link else self.type}>"

    def canonical(self) -> dict[str, Any]:
        """The property as Realm reports it in a schema read back (5.4)."""
        element = self.target if self.type in ("object", "linkingObjects") else self.type
        result: dict[str, Any] = {
            "name": self.name,
            "type": self.collection or self.type,
            "optional": self.optional,
            "indexed": self.indexed,
            "mapTo": self.persisted,
        }
        if self.collection or self.type in ("object", "linkingObjects"):
            result["objectType"] = element
        if self.origin is not None:
            result["property"] = self.origin
        if self.is_counter:
            result["presentation"] = COUNTER
        if self.has_default:
            result["default"] = self.default
        return result


@dataclass(frozen=True, slots=True)
class ClassSchema:
    """One class in canonical form."""

    name: str
    properties: tuple[Property, ...]
    primary_key: str | None = None  # public name
    embedded: bool = False
    asymmetric: bool = False
    model: type | None = field(default=None, compare=False)  # the class that declares it

    @property
    def stored(self) -> tuple[Property, ...]:
        """The properties that lie in the file, in the order of their numbers in the core."""
        return tuple(p for p in self.properties if p.type != "linkingObjects")

    @property
    def is_readable(self) -> bool:
        """Whether it has objects of its own that stay, and can be asked for."""
        return not (self.embedded or self.asymmetric)

    def property(self, name: str) -> Property | None:
        """The property with this public name."""
        return next((p for p in self.properties if p.name == name), None)

    def canonical(self) -> dict[str, Any]:
        """The class as Realm reports it in a schema read back (5.4)."""
        result: dict[str, Any] = {
            "name": self.name,
            "properties": {p.name: p.canonical() for p in self.properties},
            "embedded": self.embedded,
            "asymmetric": self.asymmetric,
        }
        if self.primary_key is not None:
            result["primaryKey"] = self.primary_key
        return result


# Realm's dictionaries (5.1 to 5.3).

_SHORTHAND = re.compile(r"^(?P<element>[^?\[\]{}<>]*)(?P<optional>\??)(?P<suffix>\[\]|\{\}|<>)?$")
_CLASS_FIELDS = {"name", "primaryKey", "embedded", "asymmetric", "properties"}
_PROPERTY_FIELDS = {
    "name",
    "type",
    "objectType",
    "property",
    "optional",
    "indexed",
    "mapTo",
    "default",
    "presentation",
}


def parse_class(declaration: Mapping[str, Any]) -> ClassSchema:
    """A class declared as Realm's dictionary; SchemaValidationError names what is wrong."""
    unknown = set(declaration) - _CLASS_FIELDS
    name = declaration.get("name")
    if not isinstance(name, str) or not name:
        raise SchemaValidationError("a class declaration needs a name")
    if unknown:
        raise SchemaValidationError(f"class '{name}': unknown field {sorted(unknown)[0]!r}", name)
    properties = declaration.get("properties")
    if not isinstance(properties, Mapping):
        raise SchemaValidationError(f"class '{name}': properties must be a mapping", name)
    key = declaration.get("primaryKey")
    parsed = []
    for property_name, value in properties.items():
        try:
            parsed.append(_parse_property(property_name, value))
            if property_name == key and isinstance(value, Mapping):
                _require_index_of_key(value.get("indexed", True))
        except ValueError as error:
            raise refused(name, property_name, error) from None
    return ClassSchema(
        name,
        tuple(replace(p, indexed=True) if p.name == key else p for p in parsed),
        key,
        bool(declaration.get("embedded", False)),
        bool(declaration.get("asymmetric", False)),
    )


def refused(cls: str, name: str, why: object) -> SchemaValidationError:
    """What is raised for a property that cannot be read."""
    return SchemaValidationError(f"property '{cls}.{name}': {why}", cls, name)


def _require_index_of_key(indexed: object) -> None:
    if indexed is not True:
        raise ValueError(f"a primary key has an index of its own: {indexed!r} is no choice")


def _parse_property(name: str, declaration: Any) -> Property:
    if isinstance(declaration, str):
        return _parse_shorthand(name, declaration)
    if not isinstance(declaration, Mapping):
        raise ValueError("expected a shorthand string or a mapping")
    unknown = set(declaration) - _PROPERTY_FIELDS
    if unknown:
        raise ValueError(f"unknown field {sorted(unknown)[0]!r}")
    kind = declaration.get("type")
    target = declaration.get("objectType")
    optional = declaration.get("optional")
    if not isinstance(kind, str) or not kind:
        raise ValueError("a type is needed")
    for value in (kind, target):
        if isinstance(value, str) and re.search(r"[?\[\]{}<>]", value):
            raise ValueError(f"no shorthand marks inside of a mapping: {value!r}")
    rest = {
        "indexed": declaration.get("indexed", False),
        "map_to": declaration.get("mapTo", ""),
        "default": declaration.get("default"),
        "has_default": "default" in declaration,
    }
    if "presentation" in declaration:
        if declaration["presentation"] != COUNTER or kind != "int":
            raise ValueError("the one presentation is 'counter', of an int")
        kind = COUNTER
    elif kind == COUNTER:
        raise ValueError("a counter is an int with the presentation 'counter'")
    if kind == "linkingObjects":
        origin = declaration.get("property")
        if not isinstance(target, str) or not isinstance(origin, str):
            raise ValueError("linkingObjects need objectType and property")
        if optional:
            raise ValueError("linkingObjects are never optional")
        return Property(name, kind, "list", target, False, origin=origin)
    if "property" in declaration:
        raise ValueError("only linkingObjects have a property")
    if kind in COLLECTIONS or kind == "object":
        if not isinstance(target, str) or not target:
            raise ValueError(f"{kind} needs an objectType")
        collection = kind if kind in COLLECTIONS else None
        return make_property(name, target, collection, optional, **rest)
    if target is not None:
        raise ValueError("objectType is for collections and objects only")
    if kind not in PRIMITIVES and kind != COUNTER:
        raise ValueError(f"unknown type {kind!r}")
    return make_property(name, kind, None, optional, **rest)


def _parse_shorthand(name: str, text: str) -> Property:
    match = _SHORTHAND.match(text)
    if match is None or not match["element"]:
        raise ValueError(f"cannot read the type {text!r}")
    element = match["element"]
    if element in COLLECTIONS or element in ("object", "linkingObjects"):
        raise ValueError(f"{element!r} is not an element type")
    collection = SUFFIXES[match["suffix"]] if match["suffix"] else None
    return make_property(name, element, collection, True if match["optional"] else None)


def make_property(
    name: str, element: str, collection: str | None, optional: bool | None, **rest: Any
) -> Property:
    """Applies the nullability rules of section 3 and 5.4; ValueError where `optional` breaks them.

    `optional` None means: not said.
    """
    if element == COUNTER:
        if collection is not None:
            raise ValueError("a collection cannot have counters as its elements")
        return Property(name, "int", None, None, bool(optional), is_counter=True, **rest)
    if element in PRIMITIVES and element != "mixed":
        return Property(name, element, collection, None, bool(optional), **rest)
    if element == "mixed":
        if optional is False:
            raise ValueError("mixed is always optional")
        return Property(name, "mixed", collection, None, True, **rest)
    if collection in ("list", "set"):
        if optional:
            raise ValueError(f"elements of a {collection} of objects are never optional")
        return Property(name, "object", collection, element, False, **rest)
    if optional is False:
        raise ValueError("an object is always optional")
    return Property(name, "object", collection, element, True, **rest)
