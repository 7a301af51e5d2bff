"""From a role to what a user may do with an object: app-configuration.md 5.5."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from clinic import SCHEMA, context, rights, role
from realmsync._core import ClassRights, Expression, Role
from realmsync.errors import ExpressionError

MINE, OTHER = {"_id": 1, "s": "mine"}, {"_id": 2, "s": "other"}
ALL = rights(True).rights_on(MINE).readable


def test_a_role_of_owners() -> None:
    made = rights(True, {"s": "mine"})
    mine, other = made.rights_on(MINE), made.rights_on(OTHER)
    assert (mine.readable, mine.writable, mine.insert, mine.delete) == (ALL, ALL, True, True)
    assert (other.readable, other.writable, other.insert, other.delete) == (ALL, [], False, False)
    assert made.may_insert(MINE) and not made.may_insert(OTHER)
    assert made.may_delete(MINE) and not made.may_delete(OTHER)
    assert made.may_update(MINE, MINE, ["s", "i"])
    assert not made.may_update(MINE, OTHER, ["s"])
    assert not made.may_update(OTHER, MINE, ["s"])
    assert made.view_text == "TRUEPREDICATE"
    with pytest.raises(KeyError):
        made.may_update(MINE, MINE, ["what"])


def test_write_implies_read() -> None:
    made = rights({"i": 5}, {"s": "mine"}, read=None, write=True)
    assert made.rights_on(MINE).readable == ALL
    assert not made.rights_on({**OTHER, "i": 5}).is_visible
    assert made.view_text == 's == "mine"'  # nothing is readable by reading alone
    assert rights({"i": 5}, {"s": "mine"}).view_text == '(i == 5 or s == "mine")'
    assert rights({"i": 5}, {"s": "mine"}, write=False).view_text == "i == 5"
    assert rights({"s": "mine"}, {"s": {"$eq": "mine"}}).view_text == 's == "mine"'


def test_rights_on_fields() -> None:
    fields = {"s": (True, False), "i": (None, True), "what": (True, True)}
    made = rights({"b": True}, {"b": True}, read=None, write=None, fields=fields)
    assert (made.readable, made.writable) == (["s"], ["i"])
    seen = made.rights_on({"b": True})
    assert (seen.readable, seen.writable) == (["_id", "i", "s"], ["i"])
    assert not (seen.insert or seen.delete or made.may_insert({"b": True}))
    assert made.may_update({"b": True}, {"b": True, "i": 1}, ["i"])
    assert not made.may_update({"b": True}, {"b": True}, ["i", "s"])
    assert not made.may_update({"b": True}, {"b": False}, ["i"])
    hidden = made.rights_on({"b": False})
    assert (hidden.readable, hidden.is_visible) == ([], False)


def test_additional_fields() -> None:
    made = rights(True, True, read=None, write=None, fields={"s": (False, False)})
    assert made.readable == []
    rest = (True, None)
    made = rights(
        True, True, read=None, write=None, fields={"s": (False, False)}, additional_fields=rest
    )
    assert made.readable == [name for name in ALL if name != "s"]
    made = rights(True, True, read=False, write=None, additional_fields=(None, True))
    assert made.writable == ALL
    assert made.may_insert(MINE)


def test_insert_and_delete_are_asked_beside_the_filter() -> None:
    made = rights(True, True, insert={"s": "mine"}, delete=False)
    assert made.may_insert(MINE) and not made.may_insert(OTHER)
    assert not made.may_delete(MINE)
    assert made.rights_on(MINE).insert and not made.rights_on(MINE).delete
    assert not rights(True, False, insert=True).may_insert(MINE)
    assert not rights(True, True, write=False, insert=True).may_insert(MINE)


def test_a_key_alone_is_no_sight() -> None:
    made = rights(True, False, read=None, fields={"_id": (True, False)})
    assert not made.rights_on(MINE).is_visible
    assert made.view_text == "FALSEPREDICATE"
    always = role(True, write=None)
    assert ClassRights(SCHEMA, "Doctor", always, context()).rights_on({"_id": 1}).is_visible


MY, ONES = {"s": "mine"}, {"i": 1}
MINES = 's == "mine"'


@pytest.mark.parametrize(
    ("filters", "fields", "shown", "some"),
    [
        ((MY, False), {"s": (True, None), "i": (None, True)}, ["s"], {}),
        ((False, MY), {"s": (True, None), "i": (None, True)}, ["i"], {}),
        ((MY, MY), {"s": (True, None), "i": (None, True)}, ["i", "s"], {}),
        ((MY, ONES), {"s": (True, None), "i": (None, True)}, [], {"i == 1": ["i"], MINES: ["s"]}),
        ((MY, ONES), {"s": (True, True), "i": (None, True)}, ["s"], {"i == 1": ["i", "s"]}),
        ((True, ONES), {"s": (True, None), "i": (None, True)}, ["s"], {"i == 1": ["i"]}),
        ((MY, True), {"s": (True, None), "i": (None, True)}, ["i"], {MINES: ["s"]}),
        ((True, True), {"s": (True, None), "i": (None, True)}, ["i", "s"], {}),
        ((MY, ONES), {"i": (None, True)}, ["i"], {}),  # only who may write sees
    ],
)
def test_a_view_shows_of_each_object_what_is_readable(
    filters: tuple[Any, Any], fields: Any, shown: list[str], some: dict[str, list[str]]
) -> None:
    made = rights(*filters, read=None, write=None, fields=fields)
    assert made.shown == {made.view_text: shown} | some
    for s, i in product(("mine", "x"), (1, 2)):
        on = made.rights_on({"_id": 1, "s": s, "i": i})
        holds = {made.view_text: on.is_visible, MINES: s == "mine", "i == 1": i == 1}
        seen = {name for text, names in made.shown.items() if holds[text] for name in names}
        assert {*on.readable} - {"_id"} == (seen if on.is_visible else set())


def test_no_role_gives_nothing() -> None:
    made = ClassRights(SCHEMA, "Patient", None, context())
    seen = made.rights_on(MINE)
    assert (seen.readable, seen.writable, seen.insert, seen.delete) == ([], [], False, False)
    assert not (made.may_insert(MINE) or made.may_delete(MINE) or made.may_update(MINE, MINE, []))
    assert made.view_text == "FALSEPREDICATE"


def test_equal_rights_have_equal_digests() -> None:
    assert rights({"s": "mine"}).digest == rights({"$or": [{"s": {"$in": ["mine"]}}]}).digest
    different = [
        rights(True),
        rights({"s": "mine"}),
        rights(False, {"s": "mine"}),
        rights({"s": "mine"}, read=False),
        rights({"s": "mine"}, insert=False),
        rights({"s": "mine"}, delete=False),
        rights({"s": "mine"}, read=False, fields={"s": (True, None)}),
        rights({"s": "mine"}, read=False, fields={"s": (None, True)}, write=None),
        ClassRights(SCHEMA, "Patient", None, context()),
    ]
    assert len({made.digest for made in different}) == len(different)


@pytest.mark.parametrize(
    "made",
    [
        {},
        {"read_filter": True},
        {"read_filter": True, "write_filter": True, "what": 1},
        {"read_filter": True, "write_filter": True, "read": 1},
        {"read_filter": True, "write_filter": {"s": {"$regex": "x"}}},
    ],
    ids=str,
)
def test_roles_that_cannot_be(made: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        Role(**made)


def test_filters_may_be_compiled_before() -> None:
    mine = Expression({"s": "mine"}, "filter")
    assert rights(mine.fields == ["s"]).rights_on(MINE).is_visible
    owners = Role(read_filter=mine, write_filter=mine, insert=mine, delete=False, write=True)
    made = ClassRights(SCHEMA, "Patient", owners, context())
    assert made.may_insert(MINE) and not made.may_insert(OTHER)
    with pytest.raises(KeyError):
        ClassRights(SCHEMA, "Nobody", None, context())
    with pytest.raises(ExpressionError):
        made.may_insert({"s": deep(101)})


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value
