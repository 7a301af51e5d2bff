"""The naive model's views and verdicts, against what the specification says in so many words.

Specification: flexible-sync.md 4, 9.2, 9.3; app-configuration.md 5.2 to 5.5.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest

from flexible.naive.judging import decoded_key, encoded_key, judge, spelled
from flexible.naive.objects import Key, Named, State
from flexible.naive.streams import as_seen, difference
from flexible.naive.views import (
    EVERYTHING,
    BadQuery,
    Permissions,
    Queries,
    View,
    differences,
    visible,
)
from instructions import Instruction, add_column, add_table, create, erase, on, update

OBJECT_ID = "0102030405060708090a0b0c"
ANN: Named = ("Person", ("int", 1))
BOB: Named = ("Person", ("int", 2))


@pytest.fixture
def state() -> State:
    made = State()
    made.apply(
        [
            add_table("Person"),
            add_table("Dog", pk_type=3),
            add_table("Meas", asymmetric=True),
            add_column("Person", "name", 3, nullable=True),
            add_column("Person", "age", nullable=True),
            add_column("Person", "dog", 9, nullable=True, target="Dog"),
            add_column("Dog", "age"),
            add_column("Meas", "v"),
            create("Person", 1),
            update("Person", 1, "name", "Ann"),
            update("Person", 1, "age", 30),
            create("Person", 2),
            update("Person", 2, "name", "Bob"),
            update("Person", 2, "age", 12),
            create("Dog", "rex"),
        ]
    )
    return made


def view_of(queries: dict[str, list[str]], role: Any = EVERYTHING) -> View:
    roots = {"user": {"id": "Ann"}}
    return View(Queries(queries), Permissions({}, [role] if role else [], roots))


def keys(view: View, state: State) -> set[Named]:
    return set(visible(state, view))


# -- queries ---------------------------------------------------------------------------------------


def test_a_body_as_it_travels() -> None:
    queries = Queries({"Person": ["age > 10", 'name == "é\\"', "age > 10"], "Dog": []})
    assert queries.body() == '{"Person":"(age > 10) OR (name == \\"é\\\\\\")"}'
    assert Queries({}).body() == "{}"
    assert Queries.of_body('{"Person":"(age > 10) OR (name == \\"Bob\\")"}').alternatives == {
        "Person": ['(age > 10) OR (name == "Bob")']
    }


def test_a_view_is_what_any_alternative_matches(state: State) -> None:
    assert keys(view_of({"Person": ["age > 20"]}), state) == {ANN}
    assert keys(view_of({"Person": ["age > 20", 'name == "Bob"']}), state) == {ANN, BOB}
    assert keys(view_of({"Dog": ["TRUEPREDICATE"]}), state) == {("Dog", ("string", "rex"))}
    assert keys(view_of({}), state) == set()


@pytest.mark.parametrize(
    ("table", "text"),
    [("Nobody", "TRUEPREDICATE"), ("Meas", "TRUEPREDICATE"), ("Person", "agee > 1"), ("Dog", "(")],
)
def test_a_query_without_meaning_is_bad(state: State, table: str, text: str) -> None:
    with pytest.raises(BadQuery):
        Queries({table: [text]}).check(state)


@pytest.mark.parametrize(
    ("text", "matching"),
    [
        ("d < 2", {"one"}),  # not NaN: the constant was a double
        ("2 > d", {"one"}),
        ("d < 2.0", {"one"}),
        ("!(d >= 2)", {"one", "nan", "null"}),
        ("d == nan", {"null"}),
        ("(d == 1 or d == nan)", {"one", "null"}),
        ("required == nan", set()),
        ("required < 2", {"one", "nan", "null"}),
    ],
)
def test_what_printing_spoils_is_as_it_was_meant(text: str, matching: set[str]) -> None:
    made = State()
    made.apply([add_table("N", pk_type=3), add_column("N", "d", 7, nullable=True)])
    made.apply([add_column("N", "required", 7)])
    for name, number in {"one": 1.0, "nan": float("nan"), "three": 3.0}.items():
        double = {"t": "double", "hex_le": struct.pack("<d", number).hex()}
        made.apply([create("N", name), update("N", name, "d", double)])
        if name == "three":
            made.apply([update("N", name, "required", double)])
    made.apply([create("N", "null")])
    assert {key for _, (_, key) in keys(view_of({"N": [text]}), made)} == matching


@pytest.mark.parametrize(
    "text", ["age > 1 SORT(age ASC)", "TRUEPREDICATE LIMIT(1)", "dog == L3:17"]
)
def test_what_is_no_subscription_is_bad(state: State, text: str) -> None:
    with pytest.raises(BadQuery):
        Queries({"Person": [text]}).check(state)


# -- permissions -----------------------------------------------------------------------------------

OWN = {"document_filters": {"read": {"name": "%%user.id"}, "write": False}, "read": True}


def test_a_role_narrows_what_the_queries_ask_for(state: State) -> None:
    everybody = {"Person": ["TRUEPREDICATE"]}
    assert keys(view_of(everybody, OWN), state) == {ANN}
    assert keys(view_of(everybody, None), state) == set()
    without_filter = {"document_filters": {"read": True}, "read": True}  # unusable: no access
    assert keys(view_of(everybody, without_filter), state) == set()


def test_fields_that_may_not_be_read_are_not_there(state: State) -> None:
    role = {
        "document_filters": {"read": True, "write": {"age": {"%gt": 20}}},
        "fields": {"name": {"read": True}, "age": {"write": True}},
    }
    view = view_of({"Person": ["TRUEPREDICATE"]}, role)
    images = {about[1][1]: set(image) for about, image in visible(state, view).items()}
    assert images == {1: {"name", "age"}, 2: {"name"}}  # write implies read


def test_an_object_of_which_nothing_can_be_read_is_not_in_the_view(state: State) -> None:
    role = {"document_filters": {"read": True, "write": False}, "fields": {}}
    assert keys(view_of({"Person": ["TRUEPREDICATE"]}, role), state) == set()


def test_each_difference_has_its_name(state: State) -> None:
    view = view_of({"Person": ["TRUEPREDICATE"]})
    must = visible(state, view)
    copy = state.fork()
    copy.apply([erase("Person", 1), update("Person", 2, "age", 13), create("Person", 3)])
    found = {(each.about[1][1], each.what, each.field) for each in differences(copy, must)}
    assert found == {
        (1, "missing", ""),
        (2, "wrong", "age"),
        (3, "extra", ""),
        ("rex", "extra", ""),
    }
    del must[ANN]["name"]
    assert ("unreadable", "name") in {(d.what, d.field) for d in differences(state, must)}


# -- verdicts --------------------------------------------------------------------------------------


def test_keys_in_errors() -> None:
    assert encoded_key(("objectid", OBJECT_ID)) == "CgECAwQFBgcICQoLDA=="
    assert encoded_key(("int", 123456)) == "AcDEBw=="
    assert encoded_key(("int", 77)) == "Ac0A"  # as recorded
    some: list[Key] = [("int", 1), ("int", 2), ("string", "1"), ("null", None)]
    assert [decoded_key(encoded_key(key), some) for key in some] == some
    assert decoded_key("", some) is None


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (("int", -5), "-5"),
        (("string", "rex"), '"rex"'),
        (("objectid", OBJECT_ID), f'ObjectID("{OBJECT_ID}")'),
        (("uuid", "0" * 8), "UUID(00000000)"),
    ],
)
def test_keys_in_reasons(key: Key, text: str) -> None:
    assert spelled(key) == text


OUTSIDE = "; object is outside of the current query view"
ADULTS = {"Person": ["age > 20"]}
READER = {"document_filters": {"read": True, "write": False}, "read": True}
KEEPER = EVERYTHING | {"delete": False, "insert": False}
NO_NAMES = {
    "document_filters": {"read": True, "write": True},
    "fields": {"name": {"read": True}},
    "additional_fields": {"write": True},
}
YOUNG = {"document_filters": {"read": True, "write": {"age": {"%lt": 40}}}, "write": True}


def case(name: str, role: Any, instructions: list[Instruction], kind: str, reason: str = "") -> Any:
    return pytest.param(role, instructions, kind, reason, id=name)


@pytest.mark.parametrize(
    ("role", "instructions", "kind", "reason"),
    [
        case(
            "create inside",
            EVERYTHING,
            [create("Person", 3), update("Person", 3, "age", 40)],
            "accepted",
        ),
        case("create outside", EVERYTHING, [create("Person", 3)], "compensated", OUTSIDE),
        case(
            "create where the user may not insert",
            KEEPER,
            [create("Person", 3), update("Person", 3, "age", 40)],
            "compensated",
            "",
        ),
        case(
            "create with a field that may not be written",
            NO_NAMES,
            [create("Person", 3), update("Person", 3, "age", 40)],
            "compensated",
            "",
        ),
        case("update inside", EVERYTHING, [update("Person", 1, "name", "x")], "accepted"),
        case("update that leaves", EVERYTHING, [update("Person", 1, "age", 1)], "accepted"),
        case(
            "update outside",
            EVERYTHING,
            [update("Person", 2, "age", 50)],
            "compensated",
            OUTSIDE,
        ),
        case("update without right", READER, [update("Person", 1, "age", 50)], "compensated", ""),
        case(
            "update that gives the right away",
            YOUNG,
            [update("Person", 1, "age", 50)],
            "compensated",
            "",
        ),
        case("a field that may be written", NO_NAMES, [update("Person", 1, "age", 31)], "accepted"),
        case(
            "one that may not, beside one that may",
            NO_NAMES,
            [update("Person", 1, "age", 31), update("Person", 1, "name", "x")],
            "compensated",
            "",
        ),
        case("erase inside", EVERYTHING, [erase("Person", 1)], "accepted"),
        case("erase without right", KEEPER, [erase("Person", 1)], "compensated", ""),
        case("erase outside", EVERYTHING, [erase("Person", 2)], "compensated", OUTSIDE),
        case(
            "a key that exists outside", EVERYTHING, [create("Person", 2)], "compensated", OUTSIDE
        ),
        case("nothing at all", EVERYTHING, [erase("Person", 9)], "dropped"),
        case("come and gone", EVERYTHING, [create("Person", 9), erase("Person", 9)], "dropped"),
        case("an asymmetric one", EVERYTHING, [create("Meas", 1)], "accepted"),
        case("an asymmetric one without right", READER, [create("Meas", 1)], "refused"),
    ],
)
def test_verdicts(
    state: State, role: Any, instructions: list[Instruction], kind: str, reason: str
) -> None:
    ((about, verdict),) = judge(state, instructions, view_of(ADULTS, role)).items()
    assert verdict.kind == kind, verdict
    if kind == "compensated":
        text = f'write to {about[1][1]} in table "Person" not allowed{reason}'
        assert verdict.reasons == (text,)


def test_an_indexed_queryable_field_stays_as_it_is(state: State) -> None:
    view = replace(view_of({"Person": ["TRUEPREDICATE"]}), indexed=("name",))
    changes = [update("Person", 1, "name", "x"), update("Person", 2, "age", 1)]
    verdicts = judge(state, [*changes, create("Person", 5)], view)
    assert [each.kind for each in verdicts.values()] == ["compensated", "accepted", "accepted"]


@pytest.mark.parametrize(
    ("kind", "coordinates", "is_accepted"),
    [
        ("Point", [10.5, 50.0], True),
        ("point", [10.5, 50.0, 3.0], True),
        ("Line", [10.5, 50.0], False),
        ("Point", [10.5], False),
        ("Point", [190.0, 50.0], False),
        ("Point", [10.0, -91.0], False),
    ],
)
def test_a_queryable_place_is_a_point(
    state: State, kind: str, coordinates: list[float], is_accepted: bool
) -> None:
    state.apply(
        [
            {"op": "AddTable", "table": "Geo", "embedded": True},
            add_column("Geo", "type", 3, nullable=True),
            add_column("Geo", "coordinates", 7, collection=1),
            add_column("Person", "place", 9, nullable=True, target="Geo"),
        ]
    )
    doubles = [{"t": "double", "hex_le": struct.pack("<d", each).hex()} for each in coordinates]
    changes = [
        update("Person", 1, "place", {"t": "object_value"}),
        update("Person", 1, "place", kind, "type"),
        *(
            on("ArrayInsert", "Person", 1, "place", "coordinates", at)
            | {"value": each, "prior_size": at}
            for at, each in enumerate(doubles)
        ),
    ]
    view = replace(view_of(ADULTS), geo=("place",))
    (verdict,) = judge(state, changes, view).values()
    text = 'write to 1 in table "Person" will corrupt geojson data'
    assert verdict.kind == ("accepted" if is_accepted else "compensated")
    assert verdict.reasons == (() if is_accepted else (text,))


def test_a_class_without_subscription_takes_nothing(state: State) -> None:
    changes = [create("Dog", "ike"), update("Person", 1, "age", 31)]
    verdicts = judge(state, changes, view_of(ADULTS))
    assert [each.kind for each in verdicts.values()] == ["compensated", "accepted"]


# -- streams ---------------------------------------------------------------------------------------


def seen(state: State, changes: list[Instruction], view: View, *, own: bool = False) -> list[str]:
    after = state.fork()
    after.apply(changes)
    return [
        f"{each['op']} {each['pk']['v']}" + (f".{each['field']}" if "field" in each else "")
        for each in as_seen(state, after, changes, view, own=own)
    ]


@pytest.mark.parametrize(
    ("changes", "sent", "to_itself"),
    [
        ([update("Person", 2, "age", 13)], [], []),
        ([update("Person", 1, "age", 31)], ["Update 1.age"], []),
        (
            [create("Person", 3), update("Person", 3, "age", 40)],
            ["CreateObject 3", "Update 3.age"],
            [],
        ),
        (
            [update("Person", 2, "age", 40)],
            ["EraseObject 2", "CreateObject 2", "Update 2.name", "Update 2.age"],
            ["EraseObject 2", "CreateObject 2", "Update 2.name", "Update 2.age"],
        ),
        ([erase("Person", 1)], ["EraseObject 1"], []),
        ([update("Person", 1, "age", 1)], ["EraseObject 1"], ["EraseObject 1"]),
    ],
    ids=["outside", "stays", "created", "enters", "erased", "leaves"],
)
def test_what_a_change_is_to_a_view(
    state: State, changes: list[Instruction], sent: list[str], to_itself: list[str]
) -> None:
    view = view_of(ADULTS)
    assert seen(state, changes, view) == sent
    assert seen(state, changes, view, own=True) == to_itself


def test_a_difference_takes_one_view_to_another(state: State) -> None:
    old, new = view_of({"Person": ["age < 20"]}), view_of({"Person": ["TRUEPREDICATE"]})
    copy = State()
    copy.tables = state.fork().tables
    copy.objects = {name: {} for name in state.objects}
    for view in (old, new, old):
        held = {about: view.sees(copy, about) for about in copy.everything()}
        copy.apply(difference(held, frozenset(), state, view))
        assert not differences(copy, visible(state, view))
