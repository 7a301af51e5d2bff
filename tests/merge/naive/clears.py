"""The cure of defect R3 (merge-rules.md 5), which is no rule of merging: before a peer that is not
strict merges what came in, a Clear of a value in a dictionary gets an Update before it that makes
the value if somebody has erased its key."""

from __future__ import annotations

from typing import Any

from merge.naive.changeset import MARKERS, Changeset, Dict

MIXED = 0
SINGLE = 0


def complete_clears(changeset: Changeset, schema: dict[str, Any]) -> None:
    made: list[Dict] = []
    for instruction in list(changeset.instructions):
        if instruction.op == "Clear" and is_dictionary_value(instruction.fields, schema):
            update = {key: instruction[key] for key in ("table", "pk", "field")} | {
                "op": "Update",
                "path": list(instruction["path"]),
                "value": {"t": MARKERS[instruction["collection"]]},
                "is_default": False,
            }
            if update not in made:
                made.append(update | {"path": list(update["path"])})
                changeset.prepend(instruction, update)
        elif instruction.op == "Update":
            made.append(instruction.copy())


def is_dictionary_value(clear: Dict, schema: dict[str, Any]) -> bool:
    """Whether the path ends in a key of a dictionary of Mixed: below a Mixed every name is one."""
    path = clear["path"]
    if not path or not isinstance(path[-1], str) or clear["collection"] not in MARKERS:
        return False
    column, steps = column_of(clear["table"], clear["field"], schema), list(path)
    while column is not None and column["type"] != MIXED:
        if column["collection"] != SINGLE:
            steps = steps[1:]  # which of the embedded objects
        if not steps:
            return False
        column = column_of(column["target"], steps.pop(0), schema)
    return column is not None and bool(steps)


def column_of(table: str, name: str, schema: dict[str, Any]) -> Any:
    columns = schema[table]["properties"] if table in schema else []
    return next((column for column in columns if column["name"] == name), None)
