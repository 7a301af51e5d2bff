"""What an application means to write, and the instructions that a client makes of it.

What lives here: `Intent`, which fits any state, so that a history can lose steps and still be one;
and `written`, which is a client's write path.
Specification: changeset-format.md 11; flexible-sync.md 9.1.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

from flexible.naive.objects import (
    LINK,
    NULL,
    SINGLE,
    Column,
    Fields,
    Instruction,
    Key,
    Named,
    Payload,
    State,
)
from flexible.naive.streams import on

_KINDS = {1: "int", 2: "bool", 3: "string", 5: "timestamp", 7: "double", 10: "objectid", 11: "uuid"}
_TYPES = {int: "int", bool: "bool", str: "string", float: "double", tuple: "timestamp"}


@dataclass(frozen=True)
class Intent:
    """`put`: the object has these values, and is created if it must be. `erase`: it is gone.
    `append`, `remove`: one element of a list. `enter`, `drop`: one key of a dictionary. `join`,
    `quit`: one member of a set. `embed`: an embedded object with these values. `extend`: the class
    has these properties too, whole numbers."""

    what: str
    table: str
    key: Key
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def about(self) -> Named:
        """The object."""
        return self.table, self.key


def written(state: State, intents: list[Intent], body: str) -> list[Instruction]:
    """The instructions of one transaction; `body`: the newest subscription set, without which no
    object of a class can be created. What makes no sense is left out."""
    after = state.fork()
    subscribed = set(json.loads(body))
    out: list[Instruction] = []
    for intent in intents:
        if intent.table not in after.tables:
            continue
        instructions = _of(after, intent, subscribed)
        after.apply(instructions)
        out += instructions
    return out


def _of(state: State, intent: Intent, subscribed: set[str]) -> list[Instruction]:
    about, table = intent.about, state.tables[intent.table]
    raw = state.raw(about)
    if intent.what == "extend":
        return [_added(about[0], name) for name in intent.values if name not in table.columns]
    if intent.what == "put":
        may_create = intent.table in subscribed or table.asymmetric
        if raw is None and not may_create:
            return []
        made = [on("CreateObject", about)] if raw is None or table.asymmetric else []
        return made + [
            on("Update", about, name, value=_payload(table.columns[name], value), is_default=False)
            for name, value in intent.values.items()
            if name in table.columns
        ]
    if raw is None or table.asymmetric:
        return []
    if intent.what == "erase":
        return [*_unlinked(state, about), on("EraseObject", about)]
    return [
        each
        for name, value in intent.values.items()
        for each in _of_collection(state, raw, about, intent.what, name, value)
    ]


def _of_collection(
    state: State, raw: Fields, about: Named, what: str, name: str, value: Any
) -> list[Instruction]:
    held = state.value(raw, name)
    column = state.tables[about[0]].columns[name]
    if what == "embed":
        inner = state.tables[column.target or ""].columns
        made = [on("Update", about, name, value={"t": "object_value"}, is_default=False)]
        if held != NULL:
            made = [on("Update", about, name, value=NULL, is_default=False), *made]
        return made + [
            on("Update", about, name, key, value=_payload(inner[key], each), is_default=False)
            for key, each in value.items()
        ]
    if what in ("enter", "drop"):
        key, number = value
        payload = {"t": "erased"} if what == "drop" else _payload(column, number)
        is_noop = what == "drop" and key not in held
        made = [on("Update", about, name, key, value=payload, is_default=False)]
        return [] if is_noop else made
    if what in ("join", "quit"):
        payload = _payload(column, value)
        op = "SetInsert" if what == "join" else "SetErase"
        return [on(op, about, name, value=payload)] if (payload in held) == (what == "quit") else []
    size = len(held)
    if what == "append":
        payload = _payload(column, value)
        return [on("ArrayInsert", about, name, size, value=payload, prior_size=size)]
    assert what == "remove", what
    return [on("ArrayErase", about, name, value % size, prior_size=size)] if size else []


def _added(table: str, name: str) -> Instruction:
    column = {"type": 1, "nullable": False, "collection": SINGLE}
    return {"op": "AddColumn", "table": table, "field": name} | column


def _unlinked(state: State, target: Named) -> list[Instruction]:
    """Links to an object that goes (11.6); single ones are all that histories have."""
    link = {"t": "link", "table": target[0], "pk": on("", target)["pk"]}
    return [
        on("Update", (table, key), name, value=NULL, is_default=False)
        for table, objects in state.objects.items()
        for key, raw in objects.items()
        for name, column in state.tables[table].columns.items()
        if column.type == LINK and raw.get(name) == link
    ]


def _payload(column: Column, value: Any) -> Payload:
    """A value of a column; of mixed ones the Python type says which. A link is a key, a timestamp a
    pair of seconds and nanoseconds."""
    if value is None:
        return NULL
    if column.type == LINK:
        return {"t": "link", "table": column.target, "pk": {"t": value[0], "v": value[1]}}
    kind = _KINDS.get(column.type) or _TYPES[type(value)]
    if kind == "double":
        return {"t": "double", "hex_le": struct.pack("<d", value).hex()}
    if kind == "timestamp":
        return {"t": "timestamp", "s": value[0], "ns": value[1]}
    return {"t": kind, "v": value}
