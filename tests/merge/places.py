"""The schema of generated histories and where in an object of it something can be written: all
properties, elements and keys of a `state()`, however deep. What is written there is decided in
generator.py."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from instructions import Instruction, add_column, add_table

State = dict[str, list[dict[str, Any]]]
Payload = dict[str, Any]
Step = int | str

SINGLE, LIST, DICTIONARY, SET = 0, 1, 2, 3
INT, STRING, MIXED, LINK = 1, 3, 0, 9


@dataclass(frozen=True)
class Column:
    """`element` is int, string, mixed or the name of a class: E is embedded, others are linked."""

    collection: int
    element: str
    nullable: bool = False

    def instruction(self, table: str, name: str) -> Instruction:
        kind = {"int": INT, "string": STRING, "mixed": MIXED}.get(self.element, LINK)
        more: dict[str, Any] = {"collection": self.collection}
        if kind == LINK:
            more["target"] = self.element
        if self.collection == DICTIONARY:
            more["key_type"] = STRING
        nullable = (
            self.nullable
            or kind == MIXED
            or (kind == LINK and self.collection in (SINGLE, DICTIONARY))
        )
        return add_column(table, name, kind, nullable=nullable, **more)


COLUMNS: dict[str, dict[str, Column]] = {
    "A": {
        "i": Column(SINGLE, "int"),
        "ni": Column(SINGLE, "int", nullable=True),
        "s": Column(SINGLE, "string", nullable=True),
        "m": Column(SINGLE, "mixed"),
        "lnk": Column(SINGLE, "A"),
        "e": Column(SINGLE, "E"),
        "li": Column(LIST, "int"),
        "ls": Column(LIST, "string"),
        "lm": Column(LIST, "mixed"),
        "ll": Column(LIST, "A"),
        "le": Column(LIST, "E"),
        "d": Column(DICTIONARY, "mixed"),
        "dl": Column(DICTIONARY, "A"),
        "de": Column(DICTIONARY, "E"),
        "si": Column(SET, "int"),
        "ss": Column(SET, "string"),
        "sm": Column(SET, "mixed"),
        "sl": Column(SET, "A"),
    },
    "B": {"v": Column(SINGLE, "int")},
    "C": {"v": Column(SINGLE, "int")},
    "E": {
        "x": Column(SINGLE, "int"),
        "y": Column(SINGLE, "string", nullable=True),
        "l": Column(LIST, "int"),
        "child": Column(SINGLE, "E"),
    },
}
# What peers add on their own, several of them the same: class C, and these to class A.
LATE: dict[str, Column] = {
    "n0": Column(SINGLE, "int"),
    "n1": Column(SINGLE, "B"),
    "n2": Column(LIST, "int"),
    "n3": Column(DICTIONARY, "int"),
    "n4": Column(SINGLE, "C"),
}
SCHEMA: list[Instruction] = [
    add_table("A"),
    add_table("B", pk_type=STRING),
    {"op": "AddTable", "table": "E", "embedded": True},
    *(
        column.instruction(table, name)
        for table in ("A", "B", "E")
        for name, column in COLUMNS[table].items()
    ),
]
CLASS_C: list[Instruction] = [add_table("C"), COLUMNS["C"]["v"].instruction("C", "v")]


@dataclass(frozen=True)
class Place:
    """Something in an object that can be written: `holder[key]`, or the collection `holder` where
    `key` is None. `element` as in Column."""

    kind: str  # register, list, dictionary, set
    field: str
    path: tuple[Step, ...]
    holder: Any
    element: str
    nullable: bool = False
    key: str | None = None

    @property
    def nested(self) -> bool:
        """In a Mixed value, where a Clear is never left out."""
        return self.element == "mixed" and bool(self.path or self.field == "m")


def element_places(place: Place, value: Any, step: Step) -> Iterator[Place]:
    """What can be written below one element of a collection."""
    if place.element == "E" and value is not None:
        yield from embedded_places(place.field, (*place.path, step), value)
    elif place.element == "mixed":
        yield from mixed_places(place.field, (*place.path, step), value)


def mixed_places(field: str, path: tuple[Step, ...], value: Any) -> Iterator[Place]:
    if isinstance(value, list):
        yield from collection_places(Place("list", field, path, value, "mixed"))
    elif isinstance(value, dict) and "$dictionary" in value:
        yield from collection_places(
            Place("dictionary", field, path, value["$dictionary"], "mixed")
        )


def embedded_places(field: str, path: tuple[Step, ...], value: Any) -> Iterator[Place]:
    members = value["$embedded"]["value"]
    for name, column in COLUMNS["E"].items():
        yield from column_places(field, (*path, name), members, name, column)


def collection_places(place: Place) -> Iterator[Place]:
    yield place
    items = place.holder.items() if place.kind == "dictionary" else enumerate(place.holder)
    for step, value in items:
        yield from element_places(place, value, step)


def column_places(
    field: str, path: tuple[Step, ...], holder: Any, name: str, column: Column
) -> Iterator[Place]:
    value = holder[name]
    if column.collection == LIST:
        yield from collection_places(Place("list", field, path, value, column.element))
    elif column.collection == DICTIONARY:
        held = value["$dictionary"]
        yield from collection_places(Place("dictionary", field, path, held, column.element))
    elif column.collection == SET:
        yield Place("set", field, path, value["$set"], column.element)
    else:
        yield Place("register", field, path, holder, column.element, column.nullable, name)
        if column.element == "mixed":
            yield from mixed_places(field, path, value)
        elif column.element == "E" and value is not None:
            yield from embedded_places(field, path, value)


def places(table: str, obj: dict[str, Any]) -> Iterator[Place]:
    for name, column in (COLUMNS[table] | (LATE if table == "A" else {})).items():
        if name in obj:
            yield from column_places(name, (), obj, name, column)


def key_of(obj: dict[str, Any]) -> int | str:
    key = obj["_id"]
    return int(key["$numberLong"]) if isinstance(key, dict) else str(key)


def shown(payload: Payload) -> Any:
    """A payload as states show it."""
    match payload["t"]:
        case "int":
            return {"$numberLong": str(payload["v"])}
        case "double":
            number = struct.unpack("<d", bytes.fromhex(payload["hex_le"]))[0]
            return {"$numberDouble": f"{number:.16e}"}
        case "link":
            key = payload["pk"]
            return {"$link": {"table": payload["table"], "key": shown(key)}}
        case "list":
            return []
        case "dictionary":
            return {"$dictionary": {}}
        case "object_value":
            return new_embedded()
        case _:
            return payload.get("v")


def new_embedded() -> Any:
    value = {"x": {"$numberLong": "0"}, "y": None, "l": [], "child": None}
    return {"$embedded": {"table": "class_E", "value": value}}


def empty(column: Column) -> Any:
    match column.collection:
        case 1:
            return []
        case 2:
            return {"$dictionary": {}}
        case 3:
            return {"$set": []}
    return {"$numberLong": "0"} if column.element == "int" and not column.nullable else None


def is_int(value: Any) -> bool:
    return isinstance(value, dict) and "$numberLong" in value


def same_kind(a: Any, b: Any) -> bool:
    """Two lists, or two dictionaries."""
    if isinstance(a, list):
        return isinstance(b, list)
    return isinstance(a, dict) and "$dictionary" in a and isinstance(b, dict) and "$dictionary" in b
