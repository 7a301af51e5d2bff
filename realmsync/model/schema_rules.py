"""The rules for a whole schema, as data-model.md 6 lists them, checked before a file is touched.

How a class is declared is schema.py. All violations come in one error, one line each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from realmsync import _core
from realmsync.errors import RealmError, SchemaValidationError
from realmsync.model.native import native_property
from realmsync.model.schema import TYPE_NAMES, ClassSchema, Property

KEY_TYPES = {"int", "string", "objectId", "uuid"}
INDEXABLE = {"int", "bool", "date", "string", "objectId", "uuid", "mixed"}
MAX_CLASS_NAME = 57  # bytes of UTF-8
MAX_PROPERTY_NAME = 63


class Fault(NamedTuple):
    """A violation: one line of the error, and where it is."""

    text: str
    class_name: str
    property_name: str | None = None


def validate(
    classes: Iterable[ClassSchema], *, synced: bool, flexible: bool = False
) -> dict[str, ClassSchema]:
    """Checks all rules and gives the classes by name, sorted as Realm reports them.

    SchemaValidationError with one line per violation. `flexible`: synced that way.
    """
    by_name: dict[str, ClassSchema] = {}
    faults: list[Fault] = []
    for c in classes:
        known = by_name.get(c.name)
        if known is not None and known is not c:
            faults.append(Fault(f"Class '{c.name}' is declared more than once.", c.name))
        by_name[c.name] = c
    for c in by_name.values():
        faults += [Fault(text, c.name) for text in _of_class(c)]
        faults += _of_key(c, synced)
        if c.asymmetric and not flexible:
            faults.append(Fault(f"Asymmetric class '{c.name}' needs flexible sync.", c.name))
        for p in c.properties:
            faults += [Fault(text, c.name, p.name) for text in _of_property(c, p, by_name)]
    if not faults:
        faults += dict.fromkeys(_of_embedding(by_name, synced))
    if faults:
        raise SchemaValidationError(
            "Schema validation failed due to the following errors:"
            + "".join(f"\n- {fault.text}" for fault in faults),
            faults[0].class_name,
            faults[0].property_name,
        )
    return dict(sorted(by_name.items(), key=lambda item: item[0].encode()))


def _of_class(c: ClassSchema) -> Iterator[str]:
    if not 0 < len(c.name.encode()) <= MAX_CLASS_NAME:
        yield f"Class name '{c.name}' must have 1 to {MAX_CLASS_NAME} bytes."
    if c.name in TYPE_NAMES:
        yield f"Class '{c.name}' has the name of a type: a property could not mean the class."
    if c.embedded and c.asymmetric:
        yield f"Class '{c.name}' cannot be both embedded and asymmetric."
    if c.embedded and c.primary_key is not None:
        yield f"Embedded class '{c.name}' cannot have a primary key."


def _of_key(c: ClassSchema, synced: bool) -> Iterator[Fault]:
    name = c.primary_key
    key = c.property(name) if name is not None else None
    if name is not None and key is None:
        yield Fault(f"Primary key property '{c.name}.{name}' does not exist.", c.name, name)
    elif key is not None and key.is_counter:
        yield Fault(f"Counter '{c.name}.{name}' cannot be the primary key.", c.name, name)
    elif key is not None and (key.type not in KEY_TYPES or key.collection is not None):
        where = f"'{c.name}.{key.name}' of type '{key.describe()}'"
        yield Fault(f"Property {where} cannot be the primary key.", c.name, name)
    if synced and not c.embedded and (key is None or key.persisted != "_id"):
        text = f"There must be a primary key property named '_id' on class '{c.name}'."
        yield Fault(text, c.name)


def _of_property(c: ClassSchema, p: Property, by_name: Mapping[str, ClassSchema]) -> Iterator[str]:
    where = f"'{c.name}.{p.name}'"
    if not 0 < len(p.persisted.encode()) <= MAX_PROPERTY_NAME:
        yield f"Property name {where} must have 1 to {MAX_PROPERTY_NAME} bytes."
    if p.map_to and p.map_to != p.name and c.property(p.map_to) is not None:
        yield f"Property {where} is mapped to the name of another one."
    if p.type == "linkingObjects":
        yield from _of_origin(c, p, by_name)
        return
    if next(other for other in c.stored if other.persisted == p.persisted) is not p:
        yield f"Property '{c.name}.{p.persisted}' is declared more than once."
    if p.is_link:
        target = by_name.get(p.target or "")
        if target is None:
            yield f"Property {where} has the unknown type '{p.target}'."
        elif target.asymmetric:
            yield f"Property {where} cannot link to asymmetric class '{target.name}'."
        elif target.embedded and p.collection == "set":
            yield f"Set property {where} cannot contain embedded objects."
    yield from _of_index(c, p)
    if p.has_default:
        try:
            _core.require_default(native_property(p), c.name)
        except RealmError as error:
            yield f"The default of {where} does not fit. {error}."


def _of_origin(c: ClassSchema, p: Property, by_name: Mapping[str, ClassSchema]) -> Iterator[str]:
    source = by_name.get(p.target or "")
    origin = source.property(p.origin or "") if source else None
    if origin is None:
        yield f"Property '{p.target}.{p.origin}', the origin of '{c.name}.{p.name}', is missing."
    elif origin.type != "object" or origin.target != c.name:
        yield f"Property '{p.target}.{p.origin}' is not a link to class '{c.name}'."


def _of_index(c: ClassSchema, p: Property) -> Iterator[str]:
    where = f"'{c.name}.{p.name}'"
    if p.indexed == "full-text":
        if p.type != "string" or p.collection:
            yield f"Property {where} cannot have a full-text index."
    elif p.indexed not in (True, False):
        yield f"Property {where}: indexed is True, False or 'full-text', not {p.indexed!r}."
    elif p.indexed:
        string_list = p.type == "string" and p.collection == "list"
        if not string_list and (p.type not in INDEXABLE or p.collection is not None):
            yield f"Property {where} of type '{p.describe()}' cannot be indexed."


def _of_embedding(by_name: Mapping[str, ClassSchema], synced: bool) -> list[Fault]:
    """Rules 12 and 15: no cycle of embedded classes; under sync, none out of reach."""

    def embedded_in(c: ClassSchema) -> list[ClassSchema]:
        targets = [by_name[p.target] for p in c.properties if p.is_link and p.target]
        return [t for t in targets if t.embedded]

    faults = []
    reached: set[str] = set()

    def walk(c: ClassSchema, above: tuple[str, ...]) -> None:
        for t in embedded_in(c):
            if t.name in above:
                text = f"Cycles containing embedded objects are not supported: '{t.name}'."
                faults.append(Fault(text, t.name))
            elif t.name not in reached:
                reached.add(t.name)
                walk(t, (*above, t.name))

    for c in by_name.values():
        if not c.embedded:
            walk(c, ())
    for c in by_name.values():
        if c.embedded and c.name not in reached:
            if synced:
                text = f"Embedded class '{c.name}' is unreachable from top-level classes."
                faults.append(Fault(text, c.name))
            reached.add(c.name)
            walk(c, (c.name,))
    return faults
