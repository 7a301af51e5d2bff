"""Changes of a schema, and what folder and clients make of it together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from realmsync.apps.model import Class, ClassKind, Property
from realmsync.apps.schema_changes import SchemaChanges, compare, plan, with_running
from schema_strategies import classes

KEY = Property("_id", "objectId", False)


def top(name: str, *properties: Property) -> Class:
    return Class(name, ClassKind.TOP, (KEY, *properties), "_id", "d", f"{name}s")


def by_name(*all_: Class) -> dict[str, Class]:
    return {cls.name: cls for cls in all_}


INT = Property("x", "int", False)


@pytest.mark.parametrize(
    ("old", "new", "additive", "breaking"),
    [
        ([], [top("A")], ["class A is new"], []),
        ([top("A")], [], [], ["class A is gone"]),
        ([top("A")], [top("A", INT)], ["A.x is new: int"], []),
        ([top("A", INT)], [top("A")], [], ["A.x is gone"]),
        (
            [top("A", INT)],
            [top("A", replace(INT, nullable=True))],
            *([], ["A.x was int and is int or null"]),
        ),
        (
            [top("A", INT)],
            [top("A", replace(INT, collection="list"))],
            *([], ["A.x was int and is list of int"]),
        ),
        (
            [top("A", Property("x", "string", True, "dictionary"))],
            [top("A", Property("x", "link", True, "dictionary", "A"))],
            *([], ["A.x was dictionary of string or null and is dictionary of link A"]),
        ),
        (
            [top("A", INT)],
            [top("A", replace(INT, name="y"))],
            *(["A.y is new: int"], ["A.x is gone"]),
        ),
        (
            [top("A", INT)],
            [replace(top("A"), kind=ClassKind.ASYMMETRIC)],
            *([], ["class A was top and is asymmetric"]),
        ),
        (
            [replace(top("A"), primary_key=None)],
            [top("A", INT)],
            *([], ["the primary key of A was none and is _id"]),
        ),
        ([top("A")], [replace(top("A"), database="e", collection="f")], [], []),
        (
            [top("A", INT, replace(INT, name="y"))],
            [top("A", replace(INT, name="y"), INT)],
            *([], []),
        ),
    ],
)
def test_changes(
    old: list[Class], new: list[Class], additive: list[str], breaking: list[str]
) -> None:
    changes = compare(by_name(*old), by_name(*new))
    assert changes == SchemaChanges(tuple(additive), tuple(breaking))


@given(classes(), classes())
def test_what_one_way_adds_the_other_way_removes(
    some: dict[str, Class], others: dict[str, Class]
) -> None:
    assert compare(some, some) == SchemaChanges((), ())
    there, back = compare(some, others), compare(others, some)
    assert len(there.additive) + len(there.breaking) == len(back.additive) + len(back.breaking)
    gone = [text for text in there.breaking if text.endswith(" is gone")]
    assert len(gone) == len(back.additive)


@given(classes(), classes())
def test_a_running_schema_loses_nothing(
    folder: dict[str, Class], running: dict[str, Class]
) -> None:
    both = with_running(folder, running, "d")
    assert set(both) == {*folder, *running}
    for name, cls in running.items():
        assert {p.name for p in cls.properties} <= {p.name for p in both[name].properties}
    assert with_running(both, running, "d") == both
    assert with_running(folder, {}, "d") == folder


def test_what_development_mode_added() -> None:
    """The class of a folder keeps its collection, a new one gets one of its name."""
    engines = [replace(c, database=None, collection=None) for c in (top("A", INT), top("B"))]
    both = with_running(by_name(top("A")), by_name(*engines), "dev")
    assert both == by_name(top("A", INT), replace(top("B"), database="dev", collection="B"))
    embedded = Class("E", ClassKind.EMBEDDED, (INT,))
    assert with_running({}, by_name(embedded), "dev") == by_name(embedded)


@pytest.mark.parametrize(
    ("ours", "clients", "is_theirs"),
    [
        (KEY, replace(KEY, nullable=True), True),
        (KEY, replace(KEY, type="string"), False),
        (replace(INT, collection="list"), replace(INT, collection="list", nullable=True), True),
        (replace(INT, collection="set", nullable=True), replace(INT, collection="set"), True),
        (INT, replace(INT, nullable=True), False),
        (INT, replace(INT, collection="list"), False),
        (replace(INT, collection="list"), replace(INT, collection="set", nullable=True), False),
    ],
)
def test_nullability_that_clients_decide(
    ours: Property, clients: Property, is_theirs: bool
) -> None:
    """That of the key and of elements, which schemas leave open, and nothing else."""
    cls = Class("A", ClassKind.TOP, (ours,), "_id", "d", "c")
    both = with_running({"A": cls}, {"A": replace(cls, properties=(clients,))}, "d")
    assert both["A"].properties == (clients if is_theirs else ours,)


@given(classes(), classes(), classes())
def test_plans(before: dict[str, Class], folder: dict[str, Class], added: dict[str, Class]) -> None:
    """The same folder again changes nothing; what clients have added always stays."""
    running = with_running(before, added, "d")
    after, changes = plan(before, before, running, "d")
    assert after == running
    assert changes == SchemaChanges((), ())
    after, changes = plan(before, folder, running, "d")
    assert set(after) >= {*folder, *(running.keys() - before.keys())}
    assert changes == compare(running, after)
    targets = {p.target for cls in after.values() for p in cls.properties if p.target}
    assert targets <= after.keys()
    for name, cls in folder.items():
        assert {p.name for p in cls.properties} <= {p.name for p in after[name].properties}


def test_what_the_folder_has_no_more() -> None:
    """It goes, unlike what clients have added."""
    before = by_name(top("A", INT), top("B"))
    added = Property("added", "string", True)
    running = by_name(top("A", INT, added), top("B"), top("New"))
    after, changes = plan(before, by_name(top("A")), running, "d")
    assert after == by_name(top("A", added), replace(top("New"), collection="New"))
    assert changes == SchemaChanges((), ("A.x is gone", "class B is gone"))


def test_what_clients_need_stays() -> None:
    link = Property("b", "link", True, None, "B")
    before = by_name(top("A"), top("B", Property("c", "link", True, None, "C")), top("C"))
    after, changes = plan(before, by_name(top("A")), {**before, "New": top("New", link)}, "d")
    assert set(after) == {"A", "B", "C", "New"}
    assert changes == SchemaChanges((), ())


def test_a_folder_that_learns_what_clients_have_settled() -> None:
    clients = replace(KEY, nullable=True)
    cls = Class("A", ClassKind.TOP, (KEY,), "_id", "d", "c")
    theirs = replace(cls, properties=(clients,))
    for folder in (cls, theirs):
        after, changes = plan({"A": cls}, {"A": folder}, {"A": theirs}, "d")
        assert after == {"A": theirs}
        assert changes == SchemaChanges((), ())


def test_data_from_before_there_was_a_folder() -> None:
    """What clients have made so far stays, unless the folder contradicts it."""
    running = by_name(top("A", INT))
    after, changes = plan({}, by_name(top("A"), top("B")), running, "d")
    assert set(after) == {"A", "B"}
    assert changes == SchemaChanges(("class B is new",), ())
    _, changes = plan({}, by_name(top("A", replace(INT, type="string"))), running, "d")
    assert changes.breaking == ("A.x was int and is string",)
