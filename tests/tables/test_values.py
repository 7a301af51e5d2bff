"""Boundary values of every type survive the table, and the sqlite3 shell can read what it shows."""

from __future__ import annotations

import json
import math
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructions import add_column, add_table, changeset, create, on, update
from realmsync import _core, _testbed

Payload = dict[str, Any]


def double(value: float) -> Payload:
    return {"t": "double", "hex_le": struct.pack("<d", value).hex()}


def single(value: float) -> Payload:
    return {"t": "float", "hex_le": struct.pack("<f", value).hex()}


VALUES: dict[str, list[Payload]] = {
    "int": [{"t": "int", "v": v} for v in (0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1)],
    "bool": [{"t": "bool", "v": v} for v in (False, True)],
    "string": [{"t": "string", "v": v} for v in ("", "x", "a\0b", "\0", "1", 'é😀"\\\n', "$x")],
    "binary": [{"t": "binary", "hex": v} for v in ("", "00", "ff00ff", "7b7d", "61")],
    "timestamp": [
        {"t": "timestamp", "s": s, "ns": ns}
        for s, ns in (
            (0, 0),
            (-1, -500_000_000),
            (0, -1),
            (1, 999_999_999),
            (253402300799, 999_999_999),
            (253402300800, 0),
            (-62135596800, 0),
            (-62135596800, -1),
            (2**63 - 1, 0),
            (-(2**63), -999_999_999),
        )
    ],
    "float": [single(v) for v in (0.0, -0.0, 1.5, 3.4e38, 1e-45, math.inf, -math.inf)]
    + [{"t": "float", "hex_le": bits} for bits in ("0000c07f", "aa00c07f", "0100807f", "0000c0ff")],
    "double": [double(v) for v in (0.0, -0.0, 1.0, 0.1, 1e300, 5e-324, 2**53, math.inf, -math.inf)]
    + [
        {"t": "double", "hex_le": b}
        for b in ("000000000000f87f", "aa0000000000f8ff", "01" + "00" * 5 + "f07f")
    ],
    "decimal128": [
        {"t": "decimal128", "v": v}
        for v in (
            "0",
            "10.50",
            "1E20",
            "-0",
            "1E-6176",
            "1.23E6",
            "Inf",
            "-Inf",
            "NaN",
            "-NaN",
            "+9999999999999999999999999999999999E+6111",
            "0E6111",
            "+10384593717069655257060992658440191E+0",
        )
    ],
    "objectid": [{"t": "objectid", "v": v * 24} for v in ("0", "f")],
    "uuid": [
        {"t": "uuid", "v": v}
        for v in ("0" * 8 + "-0000-0000-0000-" + "0" * 12, "01234567-89ab-cdef-0123-456789abcdef")
    ],
}
CODES = {
    "int": 1,
    "bool": 2,
    "string": 3,
    "binary": 4,
    "timestamp": 5,
    "float": 6,
    "double": 7,
    "decimal128": 8,
    "objectid": 10,
    "uuid": 11,
}
NULL: Payload = {"t": "null"}
SETS = 3


def instructions(store: _testbed.ScratchStore) -> list[dict[str, Any]]:
    return [i for c in store.changesets() for i in _core.Changeset.parse(c).instructions()]


def stored(store: _testbed.ScratchStore, field: str) -> list[Payload]:
    return [i["value"] for i in instructions(store) if i.get("field") == field]


def all_types(optional: bool) -> list[dict[str, Any]]:
    columns = [add_table("T")]
    for name, code in CODES.items():
        columns += [
            add_column("T", name, code, nullable=optional),
            add_column("T", f"{name}_list", code, nullable=optional, collection=1),
            add_column("T", f"{name}_dict", code, nullable=optional, collection=2, key_type=3),
        ]
    return columns + [
        add_column("T", "mixed", 0, nullable=True),
        add_column("T", "mixed_list", 0, nullable=True, collection=1),
    ]


@pytest.mark.parametrize("server", [False, True], ids=["client", "server"])
@pytest.mark.parametrize("name", VALUES)
def test_round_trip(name: str, server: bool) -> None:
    for value in VALUES[name]:
        store = _testbed.ScratchStore(":memory:", server)
        store.apply(
            changeset(
                *all_types(optional=False),
                create("T", 1),
                update("T", 1, name, value),
                update("T", 1, "mixed", value),
                on("ArrayInsert", "T", 1, f"{name}_list", 0) | {"value": value, "prior_size": 0},
                on("ArrayInsert", "T", 1, "mixed_list", 0) | {"value": value, "prior_size": 0},
                update("T", 1, f"{name}_dict", value, "k"),
            )
        )
        for field in (name, "mixed", f"{name}_list", "mixed_list", f"{name}_dict"):
            assert stored(store, field) == [value], field


@pytest.mark.parametrize("name", VALUES)
def test_null_and_zero(name: str) -> None:
    store = _testbed.ScratchStore(":memory:")
    store.apply(changeset(*all_types(optional=True), create("T", 1)))
    assert stored(store, name) == [NULL]
    required = _testbed.ScratchStore(":memory:")
    required.apply(changeset(*all_types(optional=False), create("T", 1)))
    zero = stored(required, name)[0]
    assert zero in VALUES[name] or zero == {"t": "timestamp", "s": 0, "ns": 0}
    late = _testbed.ScratchStore(":memory:")  # the property comes after the object
    late.apply(changeset(add_table("T"), create("T", 1)))
    late.apply(changeset(*all_types(optional=False)))
    assert stored(late, name) == [zero]


KEYS = {
    1: [{"t": "int", "v": v} for v in (0, -1, 2**63 - 1, -(2**63))],
    3: [{"t": "string", "v": v} for v in ("", "a", "A", "a\0", "1", "é")],
    10: VALUES["objectid"],
    11: VALUES["uuid"],
}


@pytest.mark.parametrize("server", [False, True], ids=["client", "server"])
@pytest.mark.parametrize("nullable", [False, True])
@pytest.mark.parametrize("code", KEYS)
def test_keys(code: int, nullable: bool, server: bool) -> None:
    keys = KEYS[code] + ([NULL] if nullable else [])
    store = _testbed.ScratchStore(":memory:", server)
    links = [
        add_column("T", "to", 9, nullable=True, target="T"),
        add_column("T", "all", 9, collection=1, target="T"),
        add_column("T", "any", 0, nullable=True),
    ]
    made = [
        i
        for n, key in enumerate(keys)
        for i in (
            create("T", key),
            update("T", key, "to", {"t": "link", "table": "T", "pk": key}),
            update("T", key, "any", {"t": "link", "table": "T", "pk": key}),
            on("ArrayInsert", "T", key, "all", 0)
            | {"value": {"t": "link", "table": "T", "pk": keys[n - 1]}, "prior_size": 0},
        )
    ]
    table = add_table("T", pk_type=code, pk_nullable=nullable)
    store.apply(changeset(table, *links, *made))

    def comparable(found: list[dict[str, Any]]) -> list[str]:
        return sorted(json.dumps(i, sort_keys=True) for i in found)

    assert comparable(instructions(store)) == comparable(made)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.sampled_from([v for values in VALUES.values() for v in values] + [NULL]),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.text(
                    st.characters(exclude_characters="$.", exclude_categories=["Cs"]), max_size=3
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_nested_mixed(tree: Any) -> None:
    out: list[dict[str, Any]] = []

    def put(value: Any, make: Any, path: tuple[Any, ...]) -> None:
        if isinstance(value, list):
            out.append(make({"t": "list"}))
            for n, item in enumerate(value):
                where = (*path, n)
                put(
                    item,
                    lambda v, where=where, n=n: (
                        on("ArrayInsert", "T", 1, "m", *where) | {"value": v, "prior_size": n}
                    ),
                    where,
                )
        elif "t" in value and isinstance(value["t"], str):
            out.append(make(value))
        else:
            out.append(make({"t": "dictionary"}))
            for key in sorted(value, key=str.encode):
                where = (*path, key)
                put(value[key], lambda v, where=where: update("T", 1, "m", v, *where), where)

    put(tree, lambda v: update("T", 1, "m", v), ())
    store = _testbed.ScratchStore(":memory:")
    store.apply(changeset(add_table("T"), add_column("T", "m", 0, nullable=True), create("T", 1)))
    store.apply(changeset(*out))
    assert instructions(store)[1:] == out


def test_sets_hold_equal_numbers_once() -> None:
    store = _testbed.ScratchStore(":memory:")
    elements = [
        {"t": "int", "v": 1},
        double(1.0),
        {"t": "decimal128", "v": "1"},
        single(1.0),
        {"t": "string", "v": "b"},
        {"t": "string", "v": "a"},
        NULL,
        {"t": "bool", "v": True},
        {"t": "int", "v": 2**53 + 1},
        double(2.0**53),
        {"t": "decimal128", "v": "1E1"},
        {"t": "int", "v": 10},
        double(math.nan),
        double(math.inf),
        {"t": "decimal128", "v": "-Inf"},
        {"t": "binary", "hex": "61"},
    ]
    store.apply(
        changeset(
            add_table("T"),
            add_column("T", "s", 0, nullable=True, collection=SETS),
            create("T", 1),
            *[on("SetInsert", "T", 1, "s") | {"value": v} for v in elements],
        )
    )
    assert stored(store, "s") == [
        NULL,
        {"t": "bool", "v": True},
        double(math.nan),
        {"t": "decimal128", "v": "-Inf"},
        {"t": "int", "v": 1},
        {"t": "decimal128", "v": "1E1"},
        double(2.0**53),
        {"t": "int", "v": 2**53 + 1},
        double(math.inf),
        {"t": "string", "v": "a"},
        {"t": "string", "v": "b"},
        {"t": "binary", "hex": "61"},
    ]
    store.apply(changeset(on("SetErase", "T", 1, "s") | {"value": double(10.0)}))
    assert {"t": "decimal128", "v": "1E1"} not in stored(store, "s")


def test_the_shell_reads_the_columns(tmp_path: Path) -> None:
    file = tmp_path / "x.realm"
    store = _testbed.ScratchStore(str(file))
    store.apply(
        changeset(
            *all_types(optional=True),
            add_column("T", "to", 9, nullable=True, target="T"),
            create("T", 7),
            update("T", 7, "string", {"t": "string", "v": "Rex"}),
            update("T", 7, "timestamp", {"t": "timestamp", "s": -1, "ns": -500_000_000}),
            update("T", 7, "double", double(2.5)),
            update("T", 7, "bool", {"t": "bool", "v": True}),
            update("T", 7, "decimal128", {"t": "decimal128", "v": "10.50"}),
            update("T", 7, "objectid", VALUES["objectid"][1]),
            update("T", 7, "uuid", VALUES["uuid"][1]),
            update("T", 7, "to", {"t": "link", "table": "T", "pk": {"t": "int", "v": 9}}),
            update("T", 7, "mixed", {"t": "string", "v": "text"}),
            on("ArrayInsert", "T", 7, "int_list", 0)
            | {"value": {"t": "int", "v": 3}, "prior_size": 0},
            update("T", 7, "string_dict", {"t": "string", "v": "w"}, "k"),
        )
    )
    columns = [
        "_id",
        "string",
        "timestamp",
        "double",
        "bool",
        "decimal128",
        "objectid",
        "uuid",
        "to",
        "mixed",
        "int_list",
        "string_dict",
    ]
    program = (
        "import json, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1])\n"
        "names = ', '.join(f'\"{n}\"' for n in sys.argv[2:])\n"
        "print(json.dumps(db.execute(f'SELECT {names} FROM T').fetchall()))\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", program, str(file), *columns],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert json.loads(output) == [
        [
            7,
            "Rex",
            "1969-12-31T23:59:58.500000000Z",
            2.5,
            1,
            "10.50",
            "f" * 24,
            "01234567-89ab-cdef-0123-456789abcdef",
            9,
            "text",
            "[3]",
            '{"k":"w"}',
        ]
    ]


def test_sql_names_that_collide(tmp_path: Path) -> None:
    file = tmp_path / "names.realm"
    store = _testbed.ScratchStore(str(file))
    names = ["dog", "Dog", "DOG", "rs_class", "sqlite_x", 'a"b', "select", "dog~2", "é"]
    for n, name in enumerate(names):
        store.apply(
            changeset(
                add_table(name),
                add_column(name, "a"),
                add_column(name, "A"),
                add_column(name, "_ID"),
                add_column(name, "rs$partition"),
                create(name, n),
                update(name, n, "A", n),
                update(name, n, "_ID", -n),
            )
        )
    state = store.state()
    assert sorted(state) == sorted(names)
    for n, name in enumerate(names):
        assert state[name] == [
            {
                "_id": {"$numberLong": str(n)},
                "a": {"$numberLong": "0"},
                "A": {"$numberLong": str(n)},
                "_ID": {"$numberLong": str(-n)},
                "rs$partition": {"$numberLong": "0"},
            }
        ]
    tables = [entry["table"] for entry in store.schema().values()]
    assert len({table.lower() for table in tables}) == len(names)
    del store
    with sqlite3.connect(file) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
