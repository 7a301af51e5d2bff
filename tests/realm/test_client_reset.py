"""A client reset: what becomes of local changes, row by row of client-session.md 13.5 to 13.11."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from instructions import (
    Instruction,
    add_column,
    add_table,
    create,
    erase,
    insert,
    on,
    update,
    value,
)
from realm.resets import MODES, Story, plain, set_insert
from realmsync import _core, _testbed
from realmsync.errors import RealmError


def set_erase(key: int, element: str) -> Instruction:
    return on("SetErase", "Dog", key, "set") | {"value": value(element)}


def list_insert(index: int, element: str, size: int = 3) -> Instruction:
    return insert("Dog", 1, "list", index, element, size)


def list_set(index: int, element: str, size: int = 3) -> Instruction:
    return update("Dog", 1, "list", element, index) | {"prior_size": size}


def list_erase(index: int, size: int = 3) -> Instruction:
    return on("ArrayErase", "Dog", 1, "list", index) | {"prior_size": size}


def list_move(index: int, to: int, size: int = 3) -> Instruction:
    return on("ArrayMove", "Dog", 1, "list", index) | {"ndx_2": to, "prior_size": size}


def add(amount: int, field: str = "age", key: int = 1) -> Instruction:
    return on("AddInteger", "Dog", key, field) | {"value": amount}


def clear(field: str, collection: int) -> Instruction:
    return on("Clear", "Dog", 1, field) | {"collection": collection}


def link(key: int) -> dict[str, Any]:
    return {"t": "link", "table": "Dog", "pk": value(key)}


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


Fields = dict[str, Any]
# Local changes, the server's, and what differs from the seed after recovery and after discarding.
CASES: dict[str, tuple[list[Instruction], list[Instruction], Fields, Fields]] = {
    "both modify": (
        [update("Dog", 1, "name", "local")],
        [update("Dog", 1, "name", "server"), update("Dog", 1, "age", 7)],
        {"name": "local", "age": 7},
        {"name": "server", "age": 7},
    ),
    "both add elements": (
        [list_insert(3, "local")],
        [list_insert(0, "server")],
        {"list": ["server", "a", "b", "local", "c"]},
        {"list": ["server", "a", "b", "c"]},
    ),
    "elements added and changed locally": (
        [list_insert(0, "x"), list_insert(1, "y", 4), list_set(0, "X", 5), list_erase(1, 5)],
        [list_erase(2)],
        {"list": ["X", "a", "b"]},
        {"list": ["a", "b"]},
    ),
    "elements added and moved locally": (
        [list_insert(0, "x"), list_insert(1, "y", 4), list_insert(2, "z", 5), list_move(0, 2, 6)],
        [],
        {"list": ["y", "z", "x", "a", "b", "c"]},
        {},
    ),
    "a list cleared locally": (
        [clear("list", 1), list_insert(0, "new", 0)],
        [list_insert(0, "server")],
        {"list": ["new"]},
        {"list": ["server", "a", "b", "c"]},
    ),
    "an old element removed locally": (
        [list_insert(0, "new"), list_erase(1, 4)],
        [list_insert(3, "server")],
        {"list": ["new", "b", "c"]},
        {"list": ["a", "b", "c", "server"]},
    ),
    "an old element moved locally": (
        [list_move(0, 2)],
        [list_insert(3, "server")],
        {"list": ["b", "c", "a"]},
        {"list": ["a", "b", "c", "server"]},
    ),
    "a new element removed locally": (
        [list_insert(0, "new"), list_erase(0, 4)],
        [list_insert(3, "server")],
        {"list": ["a", "b", "c", "server"]},
        {"list": ["a", "b", "c", "server"]},
    ),
    "sets": (
        [set_insert(1, "l"), set_erase(1, "s")],
        [set_insert(1, "r")],
        {"set": {"l", "r"}},
        {"set": {"r", "s"}},
    ),
    "dictionaries": (
        [update("Dog", 1, "dict", "L", "l"), update("Dog", 1, "dict", {"t": "erased"}, "key")],
        [update("Dog", 1, "dict", "R", "r"), update("Dog", 1, "dict", "R", "key")],
        {"dict": {"l": "L", "r": "R"}},
        {"dict": {"key": "R", "r": "R"}},
    ),
    "an erased key that is gone": (
        [update("Dog", 1, "dict", {"t": "erased"}, "key")],
        [update("Dog", 1, "dict", {"t": "erased"}, "key")],
        {"dict": {}},
        {"dict": {}},
    ),
    "counters": ([add(5), add(2)], [update("Dog", 1, "age", 10)], {"age": 17}, {"age": 10}),
    "counters that are null": ([add(5, "weight")], [], {}, {}),
    "a link to what the server has erased": (
        [update("Dog", 1, "friend", link(3)), insert("Dog", 1, "friends", 0, link(3), 0)]
        + [insert("Dog", 1, "friends", 1, link(2), 1)],
        [erase("Dog", 3)],
        {"friends": [2]},
        {},
    ),
    "nested collections": (
        [
            on("Clear", "Dog", 1, "any") | {"collection": 1},
            insert("Dog", 1, "any", 0, 5, 0),
            insert("Dog", 1, "any", 1, {"t": "dictionary"}, 1),
            update("Dog", 1, "any", "deep", 1, "key"),
        ],
        [update("Dog", 1, "any", "server")],
        {"any": [5, {"key": "deep"}]},
        {"any": "server"},
    ),
}


def seeded() -> Fields:
    return {
        "_id": 1,
        "name": "Rex",
        "age": 0,
        "weight": None,
        "any": None,
        "friend": None,
        "list": ["a", "b", "c"],
        "set": {"s"},
        "dict": {"key": "d"},
        "friends": [],
    }


@pytest.mark.parametrize("mode", ["recover", "discard", "recover_or_discard"])
@pytest.mark.parametrize("case", CASES)
def test_one_object(story: Story, case: str, mode: str) -> None:
    local, server, recovered, discarded = CASES[case]
    story.offline(*local)
    if server:
        story.server(*server)
    after = story.dog(mode=mode)
    assert after is not None
    assert after == seeded() | (discarded if mode == "discard" else recovered)
    if mode == "discard":
        assert story.uploads() == []


def test_objects_made_and_erased(story: Story) -> None:
    story.offline(create("Dog", 4), update("Dog", 4, "name", "local"), erase("Dog", 2))
    story.offline(create("Dog", 5), update("Dog", 5, "age", 5), update("Dog", 3, "name", "x"))
    story.server(create("Dog", 4), update("Dog", 4, "name", "server"), update("Dog", 4, "age", 4))
    story.server(erase("Dog", 3), erase("Dog", 2))
    rows = story.reset()["Dog"]
    dogs = {plain(row["_id"]): (row["name"], plain(row["age"])) for row in rows}
    assert dogs == {1: ("Rex", 0), 4: ("local", 4), 5: (None, 5)}
    assert story.uploads() == [["CreateObject", "Update"], ["CreateObject", "Update"]]


def test_the_file_is_a_new_client_afterwards(story: Story) -> None:
    story.offline(update("Dog", 1, "name", "one"))
    story.offline(update("Dog", 3, "name", "nothing is left of it"))
    story.offline(update("Dog", 1, "name", "three"))
    before = _testbed.state(story.file)
    story.server(erase("Dog", 3))
    story.reset()
    state = _testbed.state(story.file)
    assert (state["file_ident"], state["download"], state["upload"]) == (3, (2, 0), (0, 0))
    history = _testbed.history(story.file)
    assert {entry["remote_version"] for entry in history} == {2}
    sent = [entry for entry in history if entry["changeset"]]
    assert [entry["version"] for entry in sent] == [before["version"] - 2, before["version"]]
    assert state["uploadable_bytes"] == sum(len(entry["changeset"]) for entry in sent)
    assert (state["uploaded_bytes"], state["downloaded_bytes"]) == (0, 0)
    assert story.uploads() == [["Update"], ["Update"]]


def test_new_classes_and_properties_are_declared_again(story: Story) -> None:
    added = (add_table("Cat"), add_column("Cat", "name", 3), add_column("Dog", "sex", 2))
    story.offline(*added, create("Cat", 1), update("Dog", 1, "sex", {"t": "bool", "v": True}))
    story.server(add_table("Bird"), create("Bird", 1), *added[:2])
    objects = story.reset()
    assert [len(objects[name]) for name in ("Bird", "Cat", "Dog")] == [1, 1, 3]
    assert objects["Dog"][0]["sex"] is True
    assert story.uploads()[0][:3] == ["AddTable", "AddColumn", "AddColumn"]


@pytest.mark.parametrize(
    ("local", "server", "mode", "message"),
    [
        ([add_table("Cat")], [], "discard", "classes have been removed: {Cat}"),
        (
            [add_column("Dog", "sex", 2)],
            [],
            "discard",
            "columns have been removed from 'Dog': {sex}",
        ),
        ([add_table("Cat")], [add_table("Cat", pk_type=3)], "recover", "Cat"),
        ([add_column("Dog", "x", 1)], [add_column("Dog", "x", 2)], "recover", "x"),
        ([add_column("Dog", "x", 1)], [add_column("Dog", "x", 2)], "discard", "x"),
    ],
)
def test_schemas_that_differ(
    story: Story, local: list[Instruction], server: list[Instruction], mode: str, message: str
) -> None:
    story.offline(*local, update("Dog", 1, "name", "kept"))
    if server:
        story.server(*server)
    before = _testbed.objects(story.file), _testbed.history(story.file)
    with pytest.raises(RealmError, match=message):
        story.reset(mode)
    assert (_testbed.objects(story.file), _testbed.history(story.file)) == before


# The cycle guard: mode and whether the server permits recovery of two resets in turn; what the
# second one does.
GUARD: list[tuple[tuple[str, bool], tuple[str, bool], str]] = [
    (("discard", True), ("discard", True), "A previous 'DiscardLocal' mode reset"),
    (("discard", True), ("recover", True), "A previous 'DiscardLocal' mode reset"),
    (("recover", True), ("recover", True), "giving up on 'Recover' mode to prevent a cycle"),
    (("recover", True), ("recover_or_discard", True), "discards"),
    (("recover_or_discard", True), ("recover_or_discard", True), "discards"),
    (("recover", True), ("discard", True), "discards"),
    (("recover", True), ("recover_or_discard", False), "discards"),
    (("recover", True), ("recover", False), "server does not allow recovery"),
    (("recover_or_discard", False), ("recover", True), "recovers"),
    (("recover_or_discard", False), ("recover_or_discard", False), "A previous 'DiscardLocal'"),
]


@pytest.mark.parametrize(("first", "second", "outcome"), GUARD)
def test_the_same_is_not_tried_for_ever(
    story: Story, first: tuple[str, bool], second: tuple[str, bool], outcome: str
) -> None:
    story.reset(first[0], may_recover=first[1])
    assert story.file.has_reset()
    story.offline(update("Dog", 1, "name", "local"))
    if outcome in ("discards", "recovers"):
        story.reset(second[0], may_recover=second[1])
        assert story.uploads() == ([["Update"]] if outcome == "recovers" else [])
        return
    with pytest.raises(RealmError, match=outcome):
        story.reset(second[0], may_recover=second[1])
    assert story.uploads() == [["Update"]], "a refused reset changes nothing"


def lossless(story: Story) -> None:
    story.offline(update("Dog", 1, "name", "kept"))


def update_of_an_erased_object(story: Story) -> None:
    story.offline(update("Dog", 3, "name", "lost"))
    story.server(erase("Dog", 3))


def link_to_an_erased_object(story: Story) -> None:
    story.offline(update("Dog", 1, "friend", link(3)))
    story.server(erase("Dog", 3))


def changed_type(story: Story) -> None:
    story.server(update("Dog", 1, "any", "text"))
    story.offline(
        on("Clear", "Dog", 1, "any") | {"collection": 1}, insert("Dog", 1, "any", 0, 1, 0)
    )
    story.offline(insert("Dog", 1, "any", 1, 2, 1))


@pytest.mark.parametrize(
    ("happens", "mode", "is_kept"),
    [
        (lossless, "recover", False),
        (lossless, "discard", True),
        (update_of_an_erased_object, "recover", True),
        (link_to_an_erased_object, "recover", True),
        (changed_type, "recover", False),
        (lambda story: None, "discard", False),
    ],
)
def test_a_copy_is_kept_of_what_is_lost(
    story: Story, tmp_path: Path, happens: Callable[[Story], None], mode: str, is_kept: bool
) -> None:
    happens(story)
    before = _testbed.objects(story.file)
    path = tmp_path / "kept.realm"
    story.reset(mode, copy=str(path))
    assert story.outcome == (mode == "recover", is_kept)
    assert path.exists() == is_kept
    if is_kept:
        assert _testbed.objects(_core.RealmFile.open(str(path))) == before


def test_nothing_is_discarded_before_it_is_kept(story: Story, tmp_path: Path) -> None:
    story.offline(update("Dog", 1, "name", "kept"))
    before = _testbed.objects(story.file), _testbed.history(story.file)
    with pytest.raises((RealmError, OSError)):
        story.reset("discard", copy=str(tmp_path / "nowhere" / "kept"))
    assert (_testbed.objects(story.file), _testbed.history(story.file)) == before


@pytest.mark.parametrize("mode", MODES)
def test_a_copy_is_kept_of_what_the_server_has_forgotten(
    story: Story, tmp_path: Path, mode: str
) -> None:
    """It had acknowledged it, and is older now: restored from a backup, for instance."""
    story.server(update("Dog", 1, "name", "acknowledged"))
    story.catch_up()
    story._history.pop()
    path = tmp_path / "kept"
    rows = story.reset(mode, copy=str(path))["Dog"]
    assert story.outcome[1] and {row["name"] for row in rows} == {"Rex", None}
    kept = _testbed.objects(_core.RealmFile.open(str(path)))["Dog"]
    assert {row["name"] for row in kept} == {"acknowledged", None}


def test_a_copy_appears_when_it_is_whole(story: Story, tmp_path: Path) -> None:
    path, part = tmp_path / "kept", tmp_path / "kept.realmsync-copy"
    part.write_bytes(b"half of an earlier one")
    _core.FileCopy(story.file, str(path)).run()
    assert not part.exists()
    assert _testbed.objects(_core.RealmFile.open(str(path))) == _testbed.objects(story.file)


def test_after_its_acknowledgement_a_reset_may_come_again(story: Story) -> None:
    for _ in range(3):
        story.reset("discard")
        story.file.forget_reset()
        assert not story.file.has_reset()


def test_classes_that_were_declared_in_another_order(story: Story) -> None:
    """Embedded objects are stored in the order of their class: that of the file they come from."""
    toe = {"op": "AddTable", "table": "Toe", "embedded": True}
    columns = [add_column("Toe", name, 3) for name in ("nail", "ring", "rash")]
    toes = (
        add_column("Dog", "toe", 9, nullable=True, target="Toe"),
        add_column("Dog", "toes", 9, collection=1, target="Toe"),
    )
    story.offline(toe, *columns, *toes, *toe_of(2, "l"))
    story.server(toe, *toes[::-1], *columns[::-1], *toe_of(3, "s"))
    rows = {plain(row["_id"]): row for row in story.reset()["Dog"]}
    for key, word in ((2, "l"), (3, "s")):
        for found in (rows[key]["toe"], *rows[key]["toes"]):
            assert found["$embedded"]["value"] == {
                name: f"{word}-{name}" for name in ("nail", "ring", "rash")
            }


def toe_of(key: int, word: str) -> list[Instruction]:
    names = ("nail", "ring", "rash")
    made = {"t": "object_value"}
    return [
        update("Dog", key, "toe", made),
        *(update("Dog", key, "toe", f"{word}-{name}", name) for name in names),
        insert("Dog", key, "toes", 0, made, 0),
        *(update("Dog", key, "toes", f"{word}-{name}", 0, name) for name in names),
    ]


def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    """Somebody may still have it, on another thread for a moment."""
    path = tmp_path / "r.realm"
    moved = _core.RealmFile.open(str(path))
    _testbed.store_ident(moved, 2, 22)
    path.rename(tmp_path / "moved.realm")
    again = _core.RealmFile.open(str(path))
    assert path.exists() and again is not moved
    assert _testbed.state(again)["file_ident"] == 0
    assert _core.RealmFile.open(str(path)) is again
