"""The notation of the worked examples (merge-rules.md 10), such as `Ins l[1]=30/2` or `U m.k=Dict`
for the object `T[1]` of the examples' schema, as instructions."""

from __future__ import annotations

import json
import re
from typing import Any

from instructions import Instruction, add_column, add_table, create, on

TABLE, KEY = "T", 1
LISTS, DICTIONARIES, SETS = ("l", "el", "y"), ("d",), ("s",)
COLLECTIONS = {"List": 1, "Dict": 2, "Set": 3}
MARKERS = {
    "null": {"t": "null"},
    "List": {"t": "list"},
    "Dict": {"t": "dictionary"},
    "Erased": {"t": "erased"},
    "ObjectValue": {"t": "object_value"},
}
SCHEMA: list[Instruction] = [
    add_table(TABLE),
    {"op": "AddTable", "table": "E", "embedded": True},
    add_column("E", "x"),
    add_column("E", "y", collection=1),
    add_column(TABLE, "i"),
    add_column(TABLE, "n", nullable=True),
    add_column(TABLE, "l", collection=1),
    add_column(TABLE, "d", collection=2, key_type=3),
    add_column(TABLE, "s", collection=3),
    add_column(TABLE, "m", 0, nullable=True),
    add_column(TABLE, "e", 9, nullable=True, target="E"),
    add_column(TABLE, "el", 9, collection=1, target="E"),
]

INSTRUCTION = re.compile(
    r"""(?P<op>Udef|U|Add|Ins|Del|Mv|Clr)\s
        (?P<field>\w+)(?P<path>(\[\d+\]|\.\w+)*)
        (\s(?P<from>\d+)→(?P<to>\d+))?
        (=(?P<value>[^/]+))?
        (?P<amount>[+-]\d+)?
        (\((?P<kind>\w+)\))?
        (/(?P<size>\d+))?""",
    re.VERBOSE,
)
OPS = {
    "U": "Update",
    "Udef": "Update",
    "Add": "AddInteger",
    "Ins": "ArrayInsert",
    "Del": "ArrayErase",
    "Mv": "ArrayMove",
    "Clr": "Clear",
}


def instructions(text: str) -> list[Instruction]:
    """Comma-separated; "–" is nothing."""
    return [] if text == "–" else [instruction(part.strip()) for part in text.split(",")]


def instruction(text: str) -> Instruction:
    if text in ("Create", "Erase"):
        return on(f"{text}Object", TABLE, KEY)
    if (of_set := re.fullmatch(r"S([+−])(\d+)", text)) is not None:
        op = "SetInsert" if of_set[1] == "+" else "SetErase"
        return on(op, TABLE, KEY, "s") | {"value": {"t": "int", "v": int(of_set[2])}}
    match = INSTRUCTION.fullmatch(text)
    assert match is not None, text
    path: list[Any] = [
        int(step[1:-1]) if step[0] == "[" else step[1:]
        for step in re.findall(r"\[\d+\]|\.\w+", match["path"])
    ]
    made = on(OPS[match["op"]], TABLE, KEY, match["field"], *path)
    if match["value"] is not None:
        made["value"] = payload(match["value"])
    match match["op"]:
        case "U" | "Udef" if match["size"] is None:
            made["is_default"] = match["op"] == "Udef"
        case "Add":
            made["value"] = int(match["amount"])
        case "Mv":
            made["path"].append(int(match["from"]))
            made["ndx_2"] = int(match["to"])
        case "Clr":
            made["collection"] = COLLECTIONS[match["kind"] or kind_of(match["field"])]
    if match["size"] is not None:
        made["prior_size"] = int(match["size"])
    return made


def kind_of(field: str) -> str:
    return "List" if field in LISTS else "Dict" if field in DICTIONARIES else "Set"


def payload(text: str) -> dict[str, Any]:
    if text in MARKERS:
        return dict(MARKERS[text])
    value = json.loads(text)
    return {"t": "int" if isinstance(value, int) else "string", "v": value}


def base(values: dict[str, Any] | None) -> list[Instruction]:
    """The schema and T[1] with these values; without the object if there are none."""
    if values is None:
        return SCHEMA
    made = [*SCHEMA, create(TABLE, KEY)]
    for field, value in values.items():
        made += written(field, [], value)
    return made


def written(field: str, path: list[Any], value: Any) -> list[Instruction]:
    """The instructions that write a value: "E" is an embedded object, a dict beside it one with
    values, a set a set, other lists and dicts are collections."""
    where = on("Update", TABLE, KEY, field, *path)
    made: list[Instruction] = []
    match value:
        case list():
            if field not in LISTS or path:
                made.append(where | {"value": MARKERS["List"]} | size_or_default(path))
            for n, item in enumerate(value):
                inner = written(field, [*path, n], item)
                inner[0] = inner[0] | {"op": "ArrayInsert", "prior_size": n}
                made += inner
        case set():
            for item in sorted(value):
                insert = on("SetInsert", TABLE, KEY, field)
                made.append(insert | {"value": {"t": "int", "v": item}})
        case dict():
            if field not in DICTIONARIES or path:
                marker = "ObjectValue" if field in ("e", "el") else "Dict"
                made.append(where | {"value": MARKERS[marker]} | size_or_default(path))
            for key, item in value.items():
                made += written(field, [*path, key], item)
        case _:
            made.append(where | {"value": payload(json.dumps(value))} | size_or_default(path))
    return made


def size_or_default(path: list[Any]) -> dict[str, Any]:
    return {"prior_size": 0} if path and isinstance(path[-1], int) else {"is_default": False}


def plain(value: Any) -> Any:
    """A value of a `state()` as the examples write it."""
    match value:
        case {"$numberLong": text}:
            return int(text)
        case {"$set": items}:
            return {plain(item) for item in items}
        case {"$dictionary": items} | {"$embedded": {"value": items}}:
            return {key: plain(item) for key, item in items.items()}
        case list():
            return [plain(item) for item in value]
    return value
