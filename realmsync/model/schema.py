"""Declared schemas: Python classes and Realm's dictionaries, normalised to one form.

Section numbers are those of data-model.md: declaration 5, rules 6. What a file already holds, and
whether a declaration fits it, is decided by the core (csrc/tables); annotations.py reads the type
annotations of classes.

A property's type is written as an annotation:

    bool int str bytes          the same (bytes: Realm's `data`)
    float, Float32              `double`, `float`
    datetime or Timestamp       `date`
    bson.Decimal128 or Decimal  `decimal128`
    bson.ObjectId, uuid.UUID    `objectId`, `uuid`
    typing.Any                  `mixed`
    T | None                    optional; links and embedded objects always are
    Person, "Person"            link, or embedded object when Person is an EmbeddedObject
    list[T] set[T] dict[str, T] collections of any of these
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
KEY_TYPES = {"int", "string", "objectId", "uuid"}
INDEXABLE = {"int", "bool", "date", "string", "objectId", "uuid", "mixed"}
MAX_CLASS_NAME = 57  # bytes of UTF-8
MAX_PROPERTY_NAME = 63
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
}


def parse_class(declaration: Mapping[str, Any]) -> ClassSchema:
    """A class declared as Realm's dictionary; SchemaValidationError names what is wrong."""
    unknown = set(declaration) - _CLASS_FIELDS
    name = declaration.get("name")
    if not isinstance(name, str) or not name:
        raise SchemaValidationError("a class declaration needs a name")
    if unknown:
        raise SchemaValidationError(f"class '{name}': unknown field {sorted(unknown)[0]!r}")
    properties = declaration.get("properties")
    if not isinstance(properties, Mapping):
        raise SchemaValidationError(f"class '{name}': properties must be a mapping")
    key = declaration.get("primaryKey")
    parsed = []
    for property_name, value in properties.items():
        try:
            parsed.append(_parse_property(property_name, value))
        except ValueError as error:
            raise SchemaValidationError(f"property '{name}.{property_name}': {error}") from None
    return ClassSchema(
        name,
        tuple(replace(p, indexed=True) if p.name == key else p for p in parsed),
        key,
        bool(declaration.get("embedded", False)),
        bool(declaration.get("asymmetric", False)),
    )


def _parse_property(name: str, declaration: Any) -> Property:
    if isinstance(declaration, str):
        return _parse_shorthand(name, declaration)
    if not isinstance(declaration, Mapping):
        raise ValueError("expected a shorthand string or a mapping")
    unknown = set(declaration) - _PROPERTY_FIELDS
    if unknown:
        hint = " (counters are not supported)" if "presentation" in unknown else ""
        raise ValueError(f"unknown field {sorted(unknown)[0]!r}{hint}")
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
    if kind not in PRIMITIVES:
        raise ValueError(f"unknown type {kind!r}")
    return make_property(name, kind, None, optional, **rest)


def _parse_shorthand(name: str, text: str) -> Property:
    match = _SHORTHAND.match(text)
    if match is None or not match["element"]:
        raise ValueError(f"cannot read the type {text!r}")
    element = match["element"]
    if element in COLLECTIONS or element in ("object", "linkingObjects"):
        raise ValueError(f"{element!r} is not an element type")
    if element == "counter":
        raise ValueError("counters are not supported")
    collection = SUFFIXES[match["suffix"]] if match["suffix"] else None
    return make_property(name, element, collection, True if match["optional"] else None)


def make_property(
    name: str, element: str, collection: str | None, optional: bool | None, **rest: Any
) -> Property:
    """Applies the nullability rules of section 3 and 5.4; ValueError where `optional` breaks them.

    `optional` None means: not said.
    """
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


# The rules for a whole schema (section 6).


def validate(
    classes: Iterable[ClassSchema], *, synced: bool, flexible: bool = False
) -> dict[str, ClassSchema]:
    """Checks all rules and gives the classes by name, sorted as Realm reports them.

    SchemaValidationError with one line per violation. `flexible`: synced that way.
    """
    by_name: dict[str, ClassSchema] = {}
    faults: list[str] = []
    for c in classes:
        known = by_name.get(c.name)
        if known is not None and known is not c:
            faults.append(f"Class '{c.name}' is declared more than once.")
        by_name[c.name] = c
    for c in by_name.values():
        faults += _check_class(c, by_name, synced)
        if c.asymmetric and not flexible:
            faults.append(f"Asymmetric class '{c.name}' needs flexible sync.")
    if not faults:
        faults += _check_embedding(by_name, synced)
    if faults:
        raise SchemaValidationError(
            "Schema validation failed due to the following errors:"
            + "".join(f"\n- {fault}" for fault in faults)
        )
    return dict(sorted(by_name.items(), key=lambda item: item[0].encode()))


def _check_class(c: ClassSchema, by_name: Mapping[str, ClassSchema], synced: bool) -> list[str]:
    faults = []
    if not 0 < len(c.name.encode()) <= MAX_CLASS_NAME:
        faults.append(f"Class name '{c.name}' must have 1 to {MAX_CLASS_NAME} bytes.")
    if c.embedded and c.asymmetric:
        faults.append(f"Class '{c.name}' cannot be both embedded and asymmetric.")
    if c.embedded and c.primary_key is not None:
        faults.append(f"Embedded class '{c.name}' cannot have a primary key.")
    stored = [p.persisted for p in c.stored]
    names = [p.name for p in c.properties]
    for name in sorted({n for n in stored if stored.count(n) > 1}):
        faults.append(f"Property '{c.name}.{name}' is declared more than once.")
    for p in c.properties:
        if p.map_to and p.map_to != p.name and p.map_to in names:
            faults.append(f"Property '{c.name}.{p.name}' is mapped to the name of another one.")
        faults += _check_property(c, p, by_name)
    key = c.property(c.primary_key) if c.primary_key is not None else None
    if c.primary_key is not None:
        if key is None:
            faults.append(f"Primary key property '{c.name}.{c.primary_key}' does not exist.")
        elif key.type not in KEY_TYPES or key.collection is not None:
            faults.append(
                f"Property '{c.name}.{key.name}' of type '{key.describe()}' "
                "cannot be the primary key."
            )
    if synced and not c.embedded and (key is None or key.persisted != "_id"):
        faults.append(f"There must be a primary key property named '_id' on class '{c.name}'.")
    return faults


def _check_property(c: ClassSchema, p: Property, by_name: Mapping[str, ClassSchema]) -> list[str]:
    where = f"'{c.name}.{p.name}'"
    faults = []
    if not 0 < len(p.persisted.encode()) <= MAX_PROPERTY_NAME:
        faults.append(f"Property name {where} must have 1 to {MAX_PROPERTY_NAME} bytes.")
    if p.type == "linkingObjects":
        origin_class = by_name.get(p.target or "")
        origin = origin_class.property(p.origin or "") if origin_class else None
        if origin is None:
            faults.append(f"Property '{p.target}.{p.origin}', the origin of {where}, is missing.")
        elif origin.type != "object" or origin.target != c.name:
            faults.append(f"Property '{p.target}.{p.origin}' is not a link to class '{c.name}'.")
        return faults
    if p.is_link:
        target = by_name.get(p.target or "")
        if target is None:
            faults.append(f"Property {where} has the unknown type '{p.target}'.")
        elif target.asymmetric:
            faults.append(f"Property {where} cannot link to asymmetric class '{target.name}'.")
        elif target.embedded and p.collection == "set":
            faults.append(f"Set property {where} cannot contain embedded objects.")
    if p.indexed == "full-text":
        if p.type != "string" or p.collection or p.name == c.primary_key:
            faults.append(f"Property {where} cannot have a full-text index.")
    elif p.indexed not in (True, False):
        faults.append(
            f"Property {where}: indexed is True, False or 'full-text', not {p.indexed!r}."
        )
    elif p.indexed:
        string_list = p.type == "string" and p.collection == "list"
        if not string_list and (p.type not in INDEXABLE or p.collection is not None):
            faults.append(f"Property {where} of type '{p.describe()}' cannot be indexed.")
    return faults


def _check_embedding(by_name: Mapping[str, ClassSchema], synced: bool) -> list[str]:
    """Rules 12 and 15: no cycle of embedded classes; under sync, none out of reach."""

    def embedded_in(c: ClassSchema) -> list[ClassSchema]:
        targets = [by_name[p.target] for p in c.properties if p.is_link and p.target]
        return [t for t in targets if t.embedded]

    faults = []
    reached: set[str] = set()

    def walk(c: ClassSchema, above: tuple[str, ...]) -> None:
        for t in embedded_in(c):
            if t.name in above:
                faults.append(f"Cycles containing embedded objects are not supported: '{t.name}'.")
            elif t.name not in reached:
                reached.add(t.name)
                walk(t, (*above, t.name))

    for c in by_name.values():
        if not c.embedded:
            walk(c, ())
    for c in by_name.values():
        if c.embedded and c.name not in reached:
            if synced:
                faults.append(f"Embedded class '{c.name}' is unreachable from top-level classes.")
            reached.add(c.name)
            walk(c, (c.name,))
    return list(dict.fromkeys(faults))
