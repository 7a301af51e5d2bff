"""Changesets for tests, one short call per instruction, encoded by `changeset(...)`."""

from __future__ import annotations

from typing import Any

from realmsync.inspect import encode_changeset

Instruction = dict[str, Any]


def changeset(*instructions: Instruction) -> bytes:
    return encode_changeset(list(instructions))


def value(v: Any) -> dict[str, Any]:
    if v is None:
        return {"t": "null"}
    if isinstance(v, dict):
        return v
    return {"t": {bool: "bool", int: "int", str: "string"}[type(v)], "v": v}


def add_table(table: str, pk: str = "_id", pk_type: int = 1, **changes: Any) -> Instruction:
    spec = {"pk_field": pk, "pk_type": pk_type, "pk_nullable": False, "asymmetric": False}
    return {"op": "AddTable", "table": table} | spec | changes


def add_column(
    table: str, field: str, type: int = 1, *, nullable: bool = False, **changes: Any
) -> Instruction:
    column = {"field": field, "type": type, "nullable": nullable, "collection": 0}
    return {"op": "AddColumn", "table": table} | column | changes


def on(op: str, table: str, key: Any, field: str | None = None, *path: Any) -> Instruction:
    instruction = {"op": op, "table": table, "pk": value(key)}
    return instruction if field is None else instruction | {"field": field, "path": list(path)}


def create(table: str, key: Any) -> Instruction:
    return on("CreateObject", table, key)


def erase(table: str, key: Any) -> Instruction:
    return on("EraseObject", table, key)


def update(table: str, key: Any, field: str, v: Any, *path: Any) -> Instruction:
    kind = {"prior_size": 10} if path and isinstance(path[-1], int) else {"is_default": False}
    return on("Update", table, key, field, *path) | {"value": value(v)} | kind


def insert(table: str, key: Any, field: str, index: int, v: Any, size: int) -> Instruction:
    return on("ArrayInsert", table, key, field, index) | {"value": value(v), "prior_size": size}


DOG = (
    add_table("Dog"),
    add_column("Dog", "name", 3, nullable=True),
    add_column("Dog", "age"),
    add_column("Dog", "tags", 3, collection=1),
)


def proper(number: int) -> bytes:
    """AddTable of class `n` with a unique name: never in conflict with another."""
    name = b"T%05d" % number
    return b"\x3f\x00\x06" + name + b"\x3f\x01\x03_id\x00\x00\x00\x01\x01\x00"
