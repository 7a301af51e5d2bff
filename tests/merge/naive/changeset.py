"""Changesets as the naive engine holds them: mutable instruction dicts with what their bytes say
beside them: the table of names. Reading and writing go through the package's codec; merging is in
rules.py and walk.py."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import Any

from merge.naive.string_buffer import Scanner
from realmsync._core import Changeset as Codec
from realmsync.inspect import encode_changeset

Dict = dict[str, Any]

CODES = {
    name: code
    for code, name in enumerate(
        [
            *("AddTable", "EraseTable", "CreateObject", "EraseObject", "Update", "AddInteger"),
            *("AddColumn", "EraseColumn", "ArrayInsert", "ArrayMove", "ArrayErase", "Clear"),
            *("SetInsert", "SetErase"),
        ]
    )
}
LINK = 9  # type code of a column
MARKERS = {1: "list", 2: "dictionary"}  # payload by collection type of Clear


class Instruction:
    """One instruction; `gone` once it was discarded, but it keeps its place."""

    def __init__(self, owner: Changeset, fields: Dict, number: int = -1) -> None:
        self.owner = owner
        self.fields = fields
        self.number = number  # among the instructions as they were read
        self.gone = False

    @property
    def op(self) -> str:
        return str(self.fields["op"])

    @property
    def code(self) -> int:
        return CODES[self.op]

    @property
    def path(self) -> list[int | str] | None:
        path: list[int | str] | None = self.fields.get("path")
        return path

    @property
    def index(self) -> int:
        """The last path element of an instruction on an array."""
        assert self.path is not None
        index = self.path[-1]
        assert isinstance(index, int)
        return index

    @index.setter
    def index(self, index: int) -> None:
        assert self.path is not None
        self.path[-1] = index

    @property
    def level(self) -> int:
        if self.op in ("AddTable", "EraseTable"):
            return 1
        return 2 if self.path is None else 3 + len(self.path)

    def __getitem__(self, key: str) -> Any:
        return self.fields[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.fields[key] = value

    def copy(self) -> Dict:
        copy = dict(self.fields)
        if self.path is not None:
            copy["path"] = list(self.path)
        return copy

    def differs(self, copy: Dict) -> bool:
        """As floating point numbers compare: a NaN always differs."""
        return self.fields != copy or is_nan(self.fields.get("value"))

    def discard(self) -> None:
        self.gone = True
        self.owner.dirty = True

    def earlier(self, other: Instruction) -> bool:
        mine, theirs = self.owner.discriminant, other.owner.discriminant
        assert mine != theirs, "two origins share a discriminant"
        return mine < theirs


class Changeset:
    """A parsed changeset with its place in a history and the time and file it comes from."""

    def __init__(self, version: int, timestamp: int, ident: int, data: bytes) -> None:
        codec = Codec.parse(data)
        self.version = version
        self.discriminant = (timestamp, ident)
        self.names = codec.strings
        self.dirty = False
        self.instructions = [
            Instruction(self, fields, n) for n, fields in enumerate(codec.instructions())
        ]
        self._data = data

    @cached_property
    def offsets(self) -> list[int | None]:
        return Scanner(self._data).offsets()

    def alive(self) -> Iterator[Instruction]:
        return (i for i in self.instructions if not i.gone)

    def prepend(self, before: Instruction, fields: Dict) -> Instruction:
        """A new instruction just before `before`, its names added to the table."""
        new = Instruction(self, fields)
        self.instructions.insert(self.instructions.index(before), new)
        for name in names_of(fields):
            if name not in self.names:
                self.names.append(name)
        self.dirty = True
        return new

    def encode(self) -> bytes:
        """All names of the table first, unused ones included; nothing if no instruction is left."""
        fields = [i.fields for i in self.alive()]
        if not fields:
            return b""
        # The codec numbers names by first use: one erasure per name fixes the order, and goes.
        erasures = [{"op": "EraseTable", "table": name} for name in self.names]
        head = encode_changeset(erasures)
        whole = encode_changeset(erasures + fields)
        assert whole.startswith(head), "a name is missing in the table"
        tail = sum(1 + varint_size(n) for n in range(len(erasures)))
        return head[: len(head) - tail] + whole[len(head) :]


def varint_size(value: int) -> int:
    size = 1
    while value >> 6:
        value >>= 7
        size += 1
    return size


def is_nan(value: Any) -> bool:
    return isinstance(value, dict) and value["t"] in ("float", "double") and number(value) is None


def number(value: Dict) -> float | None:
    """A Float or Double, None for what is not a number."""
    form = {"float": "<f", "double": "<d"}[value["t"]]
    result: float = struct.unpack(form, bytes.fromhex(value["hex_le"]))[0]
    return None if result != result else result


def same_payload(a: Dict, b: Dict) -> bool:
    if a["t"] != b["t"]:
        return False
    if a["t"] in ("float", "double"):
        return number(a) is not None and number(a) == number(b)
    if a["t"] == "decimal128":
        return bool(a["v"] == b["v"] or Decimal(a["v"]) == Decimal(b["v"]))
    return a == b


def same_handle(a: Instruction, b: Instruction) -> bool:
    """Strings by their place in the two buffers, names by their number in the two tables: defect
    R5 of merge-rules.md."""
    x, y = a["value"], b["value"]
    if x["t"] != y["t"]:
        return False
    if x["t"] in ("string", "binary"):
        return string_handle(a) == string_handle(b)
    if x["t"] == "link":
        return link_handle(a) == link_handle(b)
    return same_payload(x, y)


def link_handle(i: Instruction) -> tuple[int, Any]:
    names, link = i.owner.names, i["value"]
    key = link["pk"]
    return names.index(link["table"]), (
        ("string", names.index(key["v"])) if key["t"] == "string" else key
    )


def string_handle(i: Instruction) -> tuple[int | None, int]:
    value = i["value"]
    size = len(value["v"].encode()) if value["t"] == "string" else len(value["hex"]) // 2
    return i.owner.offsets[i.number], size


def names_of(fields: Dict) -> list[str]:
    """The interned names that an instruction mentions."""
    names = [fields[key] for key in ("table", "pk_field", "field", "target") if key in fields]
    names += [step for step in fields.get("path", []) if isinstance(step, str)]
    keys = [fields.get("pk")]
    value = fields.get("value")
    if isinstance(value, dict) and value["t"] == "link":
        names.append(value["table"])
        keys.append(value["pk"])
    return names + [key["v"] for key in keys if key is not None and key["t"] == "string"]
