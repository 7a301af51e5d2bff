"""A class and its objects, as instructions of clients."""

from __future__ import annotations

from typing import Any

INT, BOOL, STRING = 1, 2, 3
Instruction = dict[str, Any]


def key(value: int) -> dict[str, Any]:
    return {"t": "int", "v": value}


def text(value: str | None) -> dict[str, Any]:
    return {"t": "null"} if value is None else {"t": "string", "v": value}


def schema() -> list[Instruction]:
    """Person: _id, age, name, owner."""

    def column(field: str, type: int, *, nullable: bool = False) -> Instruction:
        return {
            "op": "AddColumn",
            "table": "Person",
            "field": field,
            "type": type,
            "nullable": nullable,
            "collection": 0,
        }

    return [
        {
            "op": "AddTable",
            "table": "Person",
            "pk_field": "_id",
            "pk_type": INT,
            "pk_nullable": False,
            "asymmetric": False,
        },
        column("age", INT),
        column("name", STRING, nullable=True),
        column("owner", STRING, nullable=True),
    ]


def change(person: int, **values: int | str | None) -> list[Instruction]:
    """New values of an existing person."""
    return [
        {
            "op": "Update",
            "table": "Person",
            "pk": key(person),
            "field": field,
            "path": [],
            "value": key(value) if isinstance(value, int) else text(value),
            "is_default": False,
        }
        for field, value in values.items()
    ]


def create(person: int, **values: int | str | None) -> list[Instruction]:
    return [{"op": "CreateObject", "table": "Person", "pk": key(person)}, *change(person, **values)]


def erase(person: int) -> list[Instruction]:
    return [{"op": "EraseObject", "table": "Person", "pk": key(person)}]


def read(client: Any) -> list[dict[str, Any]]:
    """The persons of a client's copy, by key."""
    found = client.peer.state().get("Person", [])
    plain = [
        {
            name: int(value["$numberLong"]) if isinstance(value, dict) else value
            for name, value in one.items()
        }
        for one in found
    ]
    return sorted(plain, key=lambda one: one["_id"])
