"""All ordered pairs of instruction types (merge-rules.md 3.2 and 3.4), at places that stand in
every relation to each other, in both orders of time: the native engine does what the naive one
does."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from instructions import Instruction, add_column, add_table, insert, on, update, value
from merge.engines import NAIVE, NATIVE, Engine
from merge.worked import A, B
from realmsync.errors import SchemaMismatchError, TransformError
from realmsync.inspect import encode_changeset

PATHS: list[list[int | str]] = [[], [0], [1], ["k"], [0, 1], [1, 1], [1, "k"], ["k", 0], [1, 1, 2]]
LINK = {"t": "link", "table": "T", "pk": value(1)}
PAYLOADS = [{"t": t} for t in ("null", "object_value", "erased", "list", "dictionary")]
MEMBERS = [value(5), value("x"), LINK]
PAYLOADS += MEMBERS


def at_places(op: str, paths: list[list[int | str]], **fields: Any) -> list[Instruction]:
    """At every path of one property, and once at another property, object and class."""
    elsewhere = [("T", 1, "g"), ("T", 2, "f"), ("U", 1, "f")]
    made = [on(op, "T", 1, "f", *path) for path in paths]
    made += [on(op, table, key, field, *paths[-1]) for table, key, field in elsewhere]
    return [i | fields for i in made]


ELEMENTS = [path for path in PATHS if path and isinstance(path[-1], int)]
UPDATES = [
    i | ({"prior_size": 3} if i["path"][-1:] in ([0], [1], [2]) else {"is_default": d})
    for payload in PAYLOADS
    for d in (False, True)
    for i in at_places("Update", PATHS if payload == value(5) else PATHS[:6], value=payload)
    if not d or i["path"][-1:] not in ([0], [1], [2])
]
# Index and size of a list that has three elements: no valid change has these.
WRONG = [(1, 4), (3, 3), (4, 3)]
UPDATES += [update("T", 1, "f", 5, at) | {"prior_size": size} for at, size in WRONG]
SET_INSERTS = [
    *at_places("SetInsert", PATHS, value=value(5)),
    *(on("SetInsert", "T", 1, "f", *path) | {"value": v} for v in MEMBERS for path in PATHS[:4]),
]
POOL: dict[str, list[Instruction]] = {
    "AddTable": [
        *(add_table(table) for table in ("T", "U")),
        add_table("T", pk="id"),
        add_table("T", asymmetric=True),
        {"op": "AddTable", "table": "T", "embedded": True},
    ],
    "EraseTable": [{"op": "EraseTable", "table": table} for table in ("T", "U")],
    "CreateObject": [on("CreateObject", t, k) for t, k in (("T", 1), ("T", 2), ("U", 1))],
    "EraseObject": [on("EraseObject", t, k) for t, k in (("T", 1), ("T", "1"), ("U", 1))],
    "Update": UPDATES,
    "AddInteger": at_places("AddInteger", PATHS, value=(1 << 63) - 1),
    "AddColumn": [
        *(add_column(table, field) for table in ("T", "U") for field in ("f", "g")),
        add_column("T", "f", nullable=True),
        add_column("T", "f", collection=2, key_type=3),
        *(add_column("T", "f", 9, nullable=True, target=target) for target in ("T", "U")),
    ],
    "EraseColumn": [
        {"op": "EraseColumn", "table": table, "field": field}
        for table in ("T", "U")
        for field in ("f", "g")
    ],
    "ArrayInsert": [
        *at_places("ArrayInsert", ELEMENTS, value=value(5), prior_size=3),
        *(insert("T", 1, "f", at, 5, size) for at, size in WRONG),
    ],
    "ArrayMove": [
        *at_places("ArrayMove", ELEMENTS, ndx_2=2, prior_size=3),
        *at_places("ArrayMove", [[2], [1, 2]], ndx_2=0, prior_size=3),
        *(
            on("ArrayMove", "T", 1, "f", at) | {"ndx_2": to, "prior_size": size}
            for at, size in WRONG
            for to in (0, 3)
        ),
    ],
    "ArrayErase": [
        *at_places("ArrayErase", ELEMENTS, prior_size=3),
        *(on("ArrayErase", "T", 1, "f", at) | {"prior_size": size} for at, size in WRONG),
    ],
    "Clear": [
        *at_places("Clear", PATHS, collection=1),
        *(
            on("Clear", "T", 1, "f", *path) | {"collection": kind}
            for kind in (2, 3)
            for path in PATHS[:6]
        ),
    ],
    "SetInsert": SET_INSERTS,
    "SetErase": [i | {"op": "SetErase"} for i in SET_INSERTS],
}


def outcome(engine: Engine, local: bytes, incoming: bytes, earlier: bool, profile: str) -> Any:
    times = (1, 2) if earlier else (2, 1)
    try:
        return engine.transform([(5, times[0], A, local)], [(4, times[1], B, incoming)], profile)
    except (TransformError, SchemaMismatchError) as error:
        return type(error)


@pytest.mark.parametrize("major", POOL)
def test_every_pair(major: str) -> None:
    merged = changed = 0
    minors = [encode_changeset([i]) for minor in POOL for i in POOL[minor]]
    for i, profile, earlier in product(POOL[major], ("strict", "full"), (True, False)):
        local = encode_changeset([i])
        for incoming in minors:
            expected = outcome(NAIVE, local, incoming, earlier, profile)
            found = outcome(NATIVE, local, incoming, earlier, profile)
            assert found == expected, (i, incoming, profile, earlier)
            merged += 1
            changed += isinstance(found, type) or found != ([incoming], {})
    assert changed > 0
