"""The state of a server or of a file as plain dicts, and what instructions make of it.

What lives here: classes and their properties, objects by class and key, embedded objects and
collections inside their owner, a decoded changeset applied to them, and the state of every version.
Who may see or change what is elsewhere. Links are kept as they travel: that a user reads null where
the target is missing makes no difference to what a file must hold.
Specification: changeset-format.md 12, flexible-sync.md 8.1, 8.2.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Instruction = dict[str, Any]
Payload = dict[str, Any]  # {"t": "int", "v": 1}: as tests/vectors/README.md writes values
Key = tuple[str, Any]  # the type of a primary key and its value
Named = tuple[str, Key]  # an object: class and key

NULL: Payload = {"t": "null"}
MIXED, INT, STRING, LINK, OBJECT_ID, UUID = 0, 1, 3, 9, 10, 11
SINGLE, LIST, DICTIONARY, SET = 0, 1, 2, 3
_ZEROS: dict[int, Payload] = {
    INT: {"t": "int", "v": 0},
    2: {"t": "bool", "v": False},
    STRING: {"t": "string", "v": ""},
    4: {"t": "binary", "hex": ""},
    5: {"t": "timestamp", "s": 0, "ns": 0},
    6: {"t": "float", "hex_le": "00" * 4},
    7: {"t": "double", "hex_le": "00" * 8},
    8: {"t": "decimal128", "v": "0"},
    OBJECT_ID: {"t": "objectid", "v": "0" * 24},
    UUID: {"t": "uuid", "v": "00000000-0000-0000-0000-000000000000"},
}
_SCHEMA = ("AddTable", "AddColumn", "EraseTable", "EraseColumn")


class Inapplicable(Exception):
    """An instruction that the state contradicts: a client would report a bad changeset."""


class Fields(dict[str, Any]):
    """The properties of one object, embedded ones too; what was never set is not in it."""

    def __init__(self, table: str, values: dict[str, Any] | None = None) -> None:
        super().__init__(values or {})
        self.table = table


class Items(list[Any]):
    """A list."""


class Entries(dict[str, Any]):
    """A dictionary."""


class Members(list[Any]):
    """A set, its elements in the order of their texts."""


@dataclass(frozen=True)
class Column:
    """One property. `target` is the class of a link, or that of an embedded object."""

    type: int
    nullable: bool
    collection: int
    target: str | None = None


@dataclass
class Table:
    """One class. The primary key is no column."""

    pk_field: str | None  # None: embedded
    pk_type: int | None
    asymmetric: bool = False
    columns: dict[str, Column] = field(default_factory=dict)


def key_of(pk: Payload) -> Key:
    """A primary key from its payload."""
    return pk["t"], pk.get("v")


def payload_of(key: Key) -> Payload:
    """The payload of a primary key."""
    return {"t": "null"} if key[0] == "null" else {"t": key[0], "v": key[1]}


def named(instruction: Instruction) -> Named | None:
    """The object that an instruction is about; None for the schema."""
    if instruction["op"] in _SCHEMA:
        return None
    return instruction["table"], key_of(instruction["pk"])


def touched(instructions: Iterable[Instruction]) -> dict[Named, list[Instruction]]:
    """The instructions of each object, in the order of its first one."""
    by_object: dict[Named, list[Instruction]] = {}
    for instruction in instructions:
        about = named(instruction)
        if about is not None:
            by_object.setdefault(about, []).append(instruction)
    return by_object


def schema_only(instructions: Iterable[Instruction]) -> list[Instruction]:
    """What of a changeset is about classes and properties."""
    return [each for each in instructions if each["op"] in _SCHEMA]


def copied(value: Any) -> Any:
    """A value of its own; payloads are never changed and stay shared."""
    if isinstance(value, Fields):
        return Fields(value.table, {name: copied(each) for name, each in value.items()})
    if isinstance(value, Items):
        return Items(copied(each) for each in value)
    if isinstance(value, Entries):
        return Entries({name: copied(each) for name, each in value.items()})
    return Members(value) if isinstance(value, Members) else value


def text_of(value: Any) -> str:
    """A text that equal values share."""
    return json.dumps(value, sort_keys=True)


class State:
    """Classes and objects after some version. Forks cost what they change."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.objects: dict[str, dict[Key, Fields]] = {}
        self.memo: dict[Any, Any] = {}  # what others worked out about exactly this state

    def fork(self) -> State:
        """The same, to be changed apart."""
        other = State()
        other.tables = {
            name: Table(t.pk_field, t.pk_type, t.asymmetric, dict(t.columns))
            for name, t in self.tables.items()
        }
        other.objects = {name: dict(objects) for name, objects in self.objects.items()}
        return other

    def raw(self, about: Named) -> Fields | None:
        """An object as it was set, or None."""
        return self.objects.get(about[0], {}).get(about[1])

    def image(self, about: Named) -> dict[str, Any] | None:
        """All properties of an object but its key, or None if there is none."""
        raw = self.raw(about)
        if raw is None:
            return None
        return {name: self.value(raw, name) for name in self.tables[about[0]].columns}

    def everything(self) -> dict[Named, dict[str, Any]]:
        """The images of all objects of the classes that have keys."""
        images = {}
        for table, objects in self.objects.items():
            for key in objects:
                image = self.image((table, key))
                assert image is not None
                images[table, key] = image
        return images

    def value(self, fields: Fields, name: str) -> Any:
        """A property's value: what was set, or the default; of embedded objects in full."""
        if name not in fields:
            return self.default(fields.table, name)
        return self._full(fields[name])

    def _full(self, value: Any) -> Any:
        if isinstance(value, Fields):
            columns = self.tables[value.table].columns
            return Fields(value.table, {name: self.value(value, name) for name in columns})
        if isinstance(value, Items):
            return Items(map(self._full, value))
        if isinstance(value, Entries):
            return Entries({name: self._full(each) for name, each in value.items()})
        return value

    def default(self, table: str, name: str) -> Any:
        """What a property has in a new object (12.2, CreateObject)."""
        column = self._column(table, name)
        if column.collection != SINGLE:
            return {LIST: Items, DICTIONARY: Entries, SET: Members}[column.collection]()
        if column.nullable or column.type in (MIXED, LINK):
            return NULL
        return _ZEROS[column.type]

    def is_embedded(self, table: str) -> bool:
        """Whether a class has no objects of its own."""
        return self.tables[table].pk_field is None

    def apply(self, instructions: Iterable[Instruction]) -> None:
        """One changeset. Raises Inapplicable, and is then half changed: fork first."""
        self.memo = {}
        for instruction in instructions:
            about = named(instruction)
            if about is None:
                self._apply_schema(instruction)
            elif about[0] not in self.tables:
                raise Inapplicable(f"no class {about[0]}: {instruction}")
            elif instruction["op"] == "CreateObject":
                self.objects[about[0]].setdefault(about[1], Fields(about[0]))
            elif instruction["op"] == "EraseObject":
                self.objects[about[0]].pop(about[1], None)
            else:
                self._edit(about, instruction)

    def _apply_schema(self, instruction: Instruction) -> None:
        name, op = instruction["table"], instruction["op"]
        if op == "AddTable":
            if name not in self.tables:
                self.tables[name] = Table(
                    instruction.get("pk_field"),
                    instruction.get("pk_type"),
                    instruction.get("asymmetric", False),
                )
                self.objects[name] = {}
            return
        if name not in self.tables:
            raise Inapplicable(f"no class {name}: {instruction}")
        if op == "EraseTable":
            del self.tables[name], self.objects[name]
        elif op == "EraseColumn":
            del self.tables[name].columns[instruction["field"]]
            for fields in self.objects[name].values():
                fields.pop(instruction["field"], None)
        else:
            self.tables[name].columns.setdefault(
                instruction["field"],
                Column(
                    instruction["type"],
                    instruction["nullable"],
                    instruction["collection"],
                    instruction.get("target"),
                ),
            )

    def _column(self, table: str, name: str) -> Column:
        column = self.tables[table].columns.get(name)
        if column is None:
            raise Inapplicable(f"no property {table}.{name}")
        return column

    def _edit(self, about: Named, instruction: Instruction) -> None:
        raw = self.raw(about)
        if raw is None:
            raise Inapplicable(f"no object {about}: {instruction}")
        fields: Fields = copied(raw)
        self.objects[about[0]][about[1]] = fields
        place = _Place(self, fields, instruction["field"])
        for step in instruction["path"]:
            place.descend(step)
        place.edit(instruction)


@dataclass
class _Place:
    """Where the path of an instruction leads (12.1): a holder, and the step within it."""

    state: State
    holder: Any
    step: Any
    column: Column | None = None

    def __post_init__(self) -> None:
        self._note_column()

    def _note_column(self) -> None:
        if isinstance(self.holder, Fields):
            self.column = self.state._column(self.holder.table, self.step)
            if self.step not in self.holder:
                self.holder[self.step] = self.state.default(self.holder.table, self.step)

    def descend(self, step: Any) -> None:
        """One element of the path."""
        self.holder, self.step = self.value(), step
        if not isinstance(self.holder, (Fields, Items, Entries)):
            raise Inapplicable(f"a path leads through {self.holder}")
        self._note_column()

    def value(self) -> Any:
        """What is there."""
        try:
            return self.holder[self.step]
        except (KeyError, IndexError):
            raise Inapplicable(f"nothing at {self.step} of {self.holder}") from None

    def _made(self, payload: Payload, before: Any) -> Any:
        """The value of a payload; `before` is kept where the payload only says what must be."""
        kind = payload["t"]
        if kind == "object_value":
            assert self.column is not None and self.column.target is not None
            is_kept = isinstance(before, Fields) and not isinstance(self.holder, Entries)
            return before if is_kept else Fields(self.column.target)
        if kind == "list":
            return before if isinstance(before, Items) else Items()
        if kind == "dictionary":
            return before if isinstance(before, Entries) else Entries()
        return payload

    def edit(self, instruction: Instruction) -> None:
        """The instruction itself (12.2)."""
        getattr(self, "_" + instruction["op"])(instruction)

    def _Update(self, instruction: Instruction) -> None:
        payload = instruction["value"]
        if payload["t"] == "erased":
            self.holder.pop(self.step, None)
            return
        before = None if isinstance(self.holder, Entries) else self.value()
        if isinstance(self.holder, Entries):
            before = self.holder.get(self.step)
        self.holder[self.step] = self._made(payload, before)

    def _AddInteger(self, instruction: Instruction) -> None:
        value = self.value()
        if value["t"] == "int":
            total = (value["v"] + instruction["value"] + 2**63) % 2**64 - 2**63
            self.holder[self.step] = {"t": "int", "v": total}

    def _sized(self, instruction: Instruction) -> Items:
        if not isinstance(self.holder, Items) or len(self.holder) != instruction["prior_size"]:
            raise Inapplicable(f"prior_size of {instruction} does not fit {self.holder}")
        return self.holder

    def _ArrayInsert(self, instruction: Instruction) -> None:
        items = self._sized(instruction)
        if self.step > len(items):
            raise Inapplicable(f"an index of {instruction} is too high")
        items.insert(self.step, self._made(instruction["value"], None))

    def _ArrayErase(self, instruction: Instruction) -> None:
        self._sized(instruction)
        self.value()
        del self.holder[self.step]

    def _ArrayMove(self, instruction: Instruction) -> None:
        items = self._sized(instruction)
        self.value()
        items.insert(instruction["ndx_2"], items.pop(self.step))

    def _Clear(self, instruction: Instruction) -> None:
        value = self.value()
        kind = instruction["collection"]
        if isinstance(value, Members):
            self.holder[self.step] = Members()
        elif kind == SINGLE and not isinstance(value, (Items, Entries)):
            raise Inapplicable(f"{instruction} of {value}")
        else:
            is_list = kind == LIST or (kind == SINGLE and isinstance(value, Items))
            self.holder[self.step] = Items() if is_list else Entries()

    def _SetInsert(self, instruction: Instruction) -> None:
        members = self.value()
        if instruction["value"] not in members:
            members.append(instruction["value"])
            members.sort(key=text_of)

    def _SetErase(self, instruction: Instruction) -> None:
        members = self.value()
        if instruction["value"] in members:
            members.remove(instruction["value"])


class Versions:
    """The state after every version, all of them kept."""

    def __init__(self) -> None:
        self._states: dict[int, State] = {0: State()}
        self.head = 0

    def __getitem__(self, version: int) -> State:
        """The state after a version: that of the newest not above it."""
        while version not in self._states:
            version -= 1
        return self._states[version]

    def commit(self, version: int, instructions: Iterable[Instruction]) -> State:
        """The state after a new version. Raises Inapplicable."""
        assert version > self.head
        state = self[self.head].fork()
        state.apply(instructions)
        self._states[version], self.head = state, version
        return state
