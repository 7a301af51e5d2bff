"""Every error row of changeset-format.md 12.1, 12.2 and server-behaviour.md 12.1: refused with a
message that says why, and nothing of the changeset stays."""

from __future__ import annotations

from typing import Any

import pytest

from instructions import (
    Instruction,
    add_column,
    add_table,
    changeset,
    create,
    erase,
    insert,
    on,
    update,
)
from realmsync import _testbed
from realmsync.errors import BadChangesetError, SchemaMismatchError

EMBEDDED = {"t": "object_value"}
LIST, DICTIONARY, SET = {"t": "list"}, {"t": "dictionary"}, {"t": "set"}
ERASED = {"t": "erased"}


def link(table: str, key: Any) -> dict[str, Any]:
    return {
        "t": "link",
        "table": table,
        "pk": key if isinstance(key, dict) else {"t": "int", "v": key},
    }


SCHEMA = [
    add_table("T"),
    add_table("S", pk_type=3, pk_nullable=True),
    {"op": "AddTable", "table": "E", "embedded": True},
    add_column("E", "x"),
    add_column("E", "l", collection=1),
    add_column("E", "child", 9, nullable=True, target="E"),
    add_column("T", "i"),
    add_column("T", "oi", nullable=True),
    add_column("T", "s", 3, nullable=True),
    add_column("T", "f", 7, nullable=True),
    add_column("T", "li", collection=1),
    add_column("T", "d", collection=2, key_type=3),
    add_column("T", "dm", 0, nullable=True, collection=2, key_type=3),
    add_column("T", "si", collection=3),
    add_column("T", "sm", 0, nullable=True, collection=3),
    add_column("T", "m", 0, nullable=True),
    add_column("T", "lm", 0, nullable=True, collection=1),
    add_column("T", "e", 9, nullable=True, target="E"),
    add_column("T", "le", 9, collection=1, target="E"),
    add_column("T", "to", 9, nullable=True, target="T"),
    add_column("T", "all", 9, collection=1, target="T"),
    create("T", 1),
    insert("T", 1, "li", 0, 7, 0),
    update("T", 1, "dm", 1, "k"),
    update("T", 1, "m", "text"),
    insert("T", 1, "lm", 0, 1, 0),
]


def change(op: str, field: str, *path: Any, **rest: Any) -> Instruction:
    return on(op, "T", 1, field, *path) | rest


def element(field: str, v: Any, size: int, *path: Any) -> Instruction:
    return change(
        "Update",
        field,
        *path,
        value={"t": "int", "v": v} if isinstance(v, int) else v,
        prior_size=size,
    )


BAD: dict[str, tuple[list[Instruction], str]] = {
    "class missing": ([create("X", 1)], "Table 'X' does not exist"),
    "key kind": ([create("T", "a")], "does not fit"),
    "erase with wrong key kind": ([erase("T", "a")], "does not fit"),
    "null key": ([create("T", None)], "does not fit"),
    "create embedded": ([create("E", 1)], "embedded class"),
    "no object": ([update("T", 2, "i", 1)], "No such object"),
    "no object for a list": ([insert("T", 2, "li", 0, 1, 0)], "No such object"),
    "no object after erasing": ([erase("T", 1), update("T", 1, "i", 1)], "No such object"),
    "update before create": ([update("T", 2, "i", 1), create("T", 2)], "before it exists"),
    "update then erase": ([update("T", 2, "i", 1), erase("T", 2)], "does not exist"),
    "no field": ([update("T", 1, "zz", 1)], "No such field"),
    "primary key": ([update("T", 1, "_id", 2)], "primary key"),
    "type mismatch": ([update("T", 1, "i", "x")], "Type mismatch"),
    "no widening": ([update("T", 1, "f", 1)], "Type mismatch"),
    "null in required": ([update("T", 1, "i", None)], "null where"),
    "whole list": ([update("T", 1, "li", 1)], "Invalid path"),
    "whole dictionary": ([update("T", 1, "d", 1)], "Invalid path"),
    "erased property": ([update("T", 1, "oi", ERASED)], "Erased"),
    "set payload": ([update("T", 1, "m", SET)], "sets cannot"),
    "list in typed property": ([update("T", 1, "s", LIST)], "collection where none"),
    "object in mixed": ([update("T", 1, "m", EMBEDDED)], "embedded object where none"),
    "path into scalar": ([update("T", 1, "i", 1, "x")], "unstructured"),
    "path into mixed scalar": ([update("T", 1, "m", 1, "x")], "Not a list or dictionary"),
    "path into null embedded": ([update("T", 1, "e", 1, "x")], "NULL embedded"),
    "path through link": (
        [update("T", 1, "to", link("T", 1)), update("T", 1, "to", 1, "i")],
        "non-embedded",
    ),
    "path through list of links": (
        [insert("T", 1, "all", 0, link("T", 1), 0), update("T", 1, "all", 1, 0, "i")],
        "non-embedded",
    ),
    "embedded field": (
        [update("T", 1, "e", EMBEDDED), update("T", 1, "e", 1, "zz")],
        "No such field",
    ),
    "index into dictionary": ([element("d", 1, 0, 0)], "Not a list"),
    "name into list": ([update("T", 1, "li", 1, "x")], "Not a dictionary"),
    "path into set": (
        [change("Update", "si", "x", value={"t": "int", "v": 1}, is_default=False)],
        "sets have no",
    ),
    "missing key on the way": ([update("T", 1, "dm", 1, "zz", "y")], "not found"),
    "element out of range": ([element("li", 1, 1, 1)], "out of bounds"),
    "element prior_size": ([element("li", 1, 2, 0)], "prior_size"),
    "element null": ([element("li", {"t": "null"}, 1, 0)], "null where"),
    "element type": ([element("li", {"t": "string", "v": "x"}, 1, 0)], "Type mismatch"),
    "dictionary type": ([update("T", 1, "d", "x", "k")], "Type mismatch"),
    "dictionary null": ([update("T", 1, "d", None, "k")], "null where"),
    "dictionary key $": ([update("T", 1, "dm", 1, "$k")], "Invalid dictionary key"),
    "dictionary key .": ([update("T", 1, "dm", 1, "a.b")], "Invalid dictionary key"),
    "link target": ([update("T", 1, "to", link("S", {"t": "string", "v": "x"}))], "is declared"),
    "link unknown class": ([update("T", 1, "m", link("X", 1))], "invalid target table"),
    "link to embedded": ([update("T", 1, "m", link("E", 1))], "embedded table"),
    "link key kind": ([update("T", 1, "m", link("S", 1))], "does not fit"),
    "add to string": ([change("AddInteger", "s", value=1)], "Not an integer"),
    "add to mixed string": ([change("AddInteger", "m", value=1)], "Not an integer"),
    "add to element": ([change("AddInteger", "li", 0, value=1)], "element of a collection"),
    "insert index": ([insert("T", 1, "li", 3, 1, 1)], "out of bounds"),
    "insert prior_size": ([insert("T", 1, "li", 0, 1, 5)], "prior_size"),
    "insert into scalar": ([insert("T", 1, "i", 0, 1, 0)], "unstructured"),
    "insert object": ([insert("T", 1, "li", 0, EMBEDDED, 1)], "embedded object where none"),
    "insert erased": ([insert("T", 1, "lm", 0, ERASED, 1)], "Erased"),
    "insert null link": ([insert("T", 1, "all", 0, None, 0)], "null where"),
    "move to itself": (
        [insert("T", 1, "li", 0, 1, 1), change("ArrayMove", "li", 0, ndx_2=0, prior_size=2)],
        "same location",
    ),
    "move out of range": ([change("ArrayMove", "li", 0, ndx_2=1, prior_size=1)], "out of bounds"),
    "move prior_size": ([change("ArrayMove", "li", 0, ndx_2=1, prior_size=9)], "prior_size"),
    "erase out of range": ([change("ArrayErase", "li", 1, prior_size=1)], "out of bounds"),
    "erase prior_size": ([change("ArrayErase", "li", 0, prior_size=2)], "prior_size"),
    "clear other kind": ([change("Clear", "li", collection=3)], "another kind"),
    "clear mixed to single": ([change("Clear", "m", collection=0)], "can only become"),
    "clear mixed to set": ([change("Clear", "m", collection=3)], "can only become"),
    "clear scalar": ([change("Clear", "i", collection=1)], "not a collection"),
    "clear missing key": ([change("Clear", "dm", "zz", collection=1)], "not found"),
    "clear element out of range": ([change("Clear", "lm", 4, collection=1)], "out of bounds"),
    "clear int element": ([change("Clear", "li", 0, collection=1)], "not a collection"),
    "set insert elsewhere": ([change("SetInsert", "li", value={"t": "int", "v": 1})], "not a set"),
    "set insert in mixed": ([change("SetInsert", "m", value={"t": "int", "v": 1})], "not a set"),
    "set insert type": (
        [change("SetInsert", "si", value={"t": "string", "v": "x"})],
        "Type mismatch",
    ),
    "set insert null": ([change("SetInsert", "si", value={"t": "null"})], "null where"),
    "set insert list": ([change("SetInsert", "sm", value=LIST)], "collection where none"),
    "set erase object": ([change("SetErase", "sm", value=EMBEDDED)], "embedded object where none"),
    "erase missing table": ([{"op": "EraseTable", "table": "X"}], "does not exist"),
    "erase target table": ([{"op": "EraseTable", "table": "E"}], "is the target of"),
    "erase missing column": ([{"op": "EraseColumn", "table": "T", "field": "zz"}], "No such field"),
    "erase primary key": ([{"op": "EraseColumn", "table": "T", "field": "_id"}], "primary key"),
    "column of missing class": ([add_column("X", "a")], "does not exist"),
    "link to missing class": (
        [add_column("T", "n", 9, nullable=True, target="X")],
        "does not exist",
    ),
    "dictionary key type": ([add_column("T", "n", collection=2, key_type=1)], "non-string keys"),
    "long class name": ([add_table("x" * 58)], "Invalid class name"),
    "long property name": ([add_column("T", "x" * 64)], "Invalid property name"),
    "empty property name": ([add_column("T", "")], "Invalid property name"),
}
MISMATCHES: dict[str, list[Instruction]] = {
    "key type": [add_table("T", pk_type=3)],
    "key name": [add_table("T", pk="id")],
    "key nullability": [add_table("T", pk_nullable=True)],
    "asymmetry": [add_table("T", asymmetric=True)],
    "embedded": [{"op": "AddTable", "table": "T", "embedded": True}],
    "not embedded": [add_table("E")],
    "type": [add_column("T", "i", 3)],
    "nullability": [add_column("T", "i", nullable=True)],
    "collection": [add_column("T", "i", collection=1)],
    "target": [add_column("T", "to", 9, nullable=True, target="S")],
    "set of embedded": [add_column("T", "n", 9, collection=3, target="E")],
}


@pytest.fixture(params=[False, True], ids=["client", "server"])
def store(request: pytest.FixtureRequest) -> _testbed.ScratchStore:
    store = _testbed.ScratchStore(":memory:", request.param)
    store.apply(changeset(*SCHEMA))
    return store


@pytest.mark.parametrize("name", BAD)
def test_bad_changeset_leaves_nothing(store: _testbed.ScratchStore, name: str) -> None:
    instructions, message = BAD[name]
    before = store.state(), store.schema()
    good = [add_table("N"), add_column("T", "late"), create("T", 9), update("T", 9, "i", 5)]
    with pytest.raises(BadChangesetError, match=message):
        store.apply(changeset(*good, *instructions))
    assert (store.state(), store.schema()) == before
    store.apply(changeset(*good))  # and the store goes on working
    assert len(store.state()["T"]) == 2


@pytest.mark.parametrize("name", MISMATCHES)
def test_schema_contradictions(store: _testbed.ScratchStore, name: str) -> None:
    before = store.state(), store.schema()
    with pytest.raises(SchemaMismatchError):
        store.apply(changeset(create("T", 9), *MISMATCHES[name]))
    assert (store.state(), store.schema()) == before


def test_everything_idempotent_is(store: _testbed.ScratchStore) -> None:
    again = [i for i in SCHEMA if i["op"] in ("AddTable", "AddColumn", "CreateObject", "Update")]
    before = store.state(), store.schema()
    store.apply(changeset(*again, erase("T", 77)))
    assert (store.state(), store.schema()) == before


def test_nesting_is_bounded(store: _testbed.ScratchStore) -> None:
    def nest(depth: int) -> list[Instruction]:
        out = [update("T", 1, "m", LIST)]
        for n in range(1, depth):
            out.append(insert("T", 1, "m", 0, LIST, 0) | {"path": [0] * n})
        return out

    store.apply(changeset(*nest(100)))
    with pytest.raises(BadChangesetError, match="within each other"):
        store.apply(changeset(*nest(101)[100:]))
    embedded = [update("T", 1, "e", EMBEDDED)]
    embedded += [update("T", 1, "e", EMBEDDED, *["child"] * n) for n in range(1, 120)]
    with pytest.raises(BadChangesetError, match="within each other"):
        store.apply(changeset(*embedded))
    with pytest.raises(BadChangesetError):
        store.apply(changeset(update("T", 1, "e", 1, *["child"] * 50_000)))


def test_counters_wrap_and_leave_null(store: _testbed.ScratchStore) -> None:
    def add(field: str, amount: int) -> Instruction:
        return change("AddInteger", field, value=amount)

    store.apply(
        changeset(
            update("T", 1, "i", 2**63 - 1),
            add("i", 1),
            add("oi", 5),
            update("T", 1, "m", 1),
            add("m", -3),
        )
    )
    row = store.state()["T"][0]
    assert row["i"] == {"$numberLong": str(-(2**63))}
    assert row["oi"] is None
    assert row["m"] == {"$numberLong": "-2"}


def test_class_erased_and_made_again_in_one_changeset(store: _testbed.ScratchStore) -> None:
    store.apply(
        changeset(
            {"op": "EraseTable", "table": "T"},
            add_table("T", pk_type=3),
            add_column("T", "i", 3),
            create("T", "a"),
            update("T", "a", "i", "x"),
        )
    )
    assert store.state()["T"] == [{"_id": "a", "i": "x"}]


def test_erased_properties_do_not_come_back(store: _testbed.ScratchStore) -> None:
    store.apply(
        changeset(
            update("T", 1, "i", 5),
            update("T", 1, "e", EMBEDDED),
            update("T", 1, "e", 5, "x"),
            update("T", 1, "e", EMBEDDED, "child"),
            update("T", 1, "e", 6, "child", "x"),
        )
    )
    for table, field in (("T", "i"), ("E", "x")):
        store.apply(changeset({"op": "EraseColumn", "table": table, "field": field}))
        store.apply(changeset(add_column(table, field)))
    row = store.state()["T"][0]
    assert row["i"] == {"$numberLong": "0"}
    inner = row["e"]["$embedded"]["value"]
    assert inner["x"] == inner["child"]["$embedded"]["value"]["x"] == {"$numberLong": "0"}


def test_incoming_links(store: _testbed.ScratchStore) -> None:
    store.apply(
        changeset(
            create("T", 2),
            update("T", 2, "to", link("T", 1)),
            insert("T", 2, "all", 0, link("T", 1), 0),
            insert("T", 2, "all", 1, link("T", 2), 1),
            insert("T", 2, "all", 2, link("T", 1), 2),
            update("T", 2, "m", DICTIONARY),
            update("T", 2, "m", link("T", 1), "k"),
            update("T", 2, "dm", link("T", 1), "q"),
            change("SetInsert", "sm", value=link("T", 1)),
        )
    )
    two = {"$numberLong": "2"}
    assert sorted(store.incoming("T", 1), key=repr) == sorted(
        [
            ("T", two, "to", []),
            ("T", two, "all", [2]),
            ("T", two, "all", [0]),
            ("T", two, "m", ["k"]),
            ("T", two, "dm", ["q"]),
            ("T", {"$numberLong": "1"}, "sm", [0]),
        ],
        key=repr,
    )


def test_partitions_share_tables_and_nothing_else() -> None:
    store = _testbed.ScratchStore(":memory:", server=True)
    schema = changeset(add_table("T"), add_column("T", "v"))
    for partition in range(1, 51):
        store.apply(schema, partition)
        store.apply(changeset(create("T", 1), update("T", 1, "v", partition)), partition)
    assert all(store.shares_schema(1, partition) for partition in range(2, 51))
    store.apply(
        changeset(
            add_table("T", pk_type=3),
            add_column("T", "v", 3),
            create("T", "k"),
            update("T", "k", "v", "other"),
        ),
        99,
    )
    store.apply(
        changeset(
            add_table("T"), add_column("T", "v", 3), create("T", 1), update("T", 1, "v", "x")
        ),
        98,
    )
    assert store.schema(99)["T"]["table"] == "T~2"
    assert store.schema(98)["T"]["properties"][1]["column"] == "v~2"
    store.apply(changeset({"op": "EraseColumn", "table": "T", "field": "v"}), 2)
    store.apply(changeset({"op": "EraseTable", "table": "T"}), 3)
    store.apply(schema, 3)
    for partition in range(4, 51):
        assert store.state(partition)["T"] == [
            {"_id": {"$numberLong": "1"}, "v": {"$numberLong": str(partition)}}
        ]
    assert store.state(2)["T"] == [{"_id": {"$numberLong": "1"}}]
    assert store.state(3)["T"] == []
    assert store.state(98)["T"][0]["v"] == "x"
    assert store.state(99)["T"][0]["v"] == "other"
