"""Recovery of every type of value in every place (client-session.md 13.6, 18.10): what a merge
makes of the same changes, a reset with recovery makes of them, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from instructions import Instruction, add_column, create, insert, on, update
from realm.resets import Story, plain
from realmsync import _testbed
from tables.test_values import CODES, VALUES, single

Payload = dict[str, Any]

LINK = [{"t": "link", "table": "Dog", "pk": {"t": "int", "v": key}} for key in (1, 2, 3)]
# Zero and minus zero are equal.
DIFFERENT = VALUES | {name: [VALUES[name][0], *VALUES[name][2:]] for name in ("float", "double")}
KINDS: dict[str, list[Payload]] = {
    **{name: DIFFERENT[name] for name in CODES},
    "link": LINK,
    **{f"mixed {name}": DIFFERENT[name] for name in CODES},
    "mixed link": LINK,
}


def column(kind: str, field: str, collection: int) -> Instruction:
    code = 0 if kind.startswith("mixed") else 9 if kind == "link" else CODES[kind]
    nullable = code in (0, 9) if collection in (0, 2) else code == 0
    more: dict[str, Any] = {"key_type": 3} if collection == 2 else {}
    if code == 9:
        more["target"] = "Dog"
    return add_column("Dog", field, code, nullable=nullable, collection=collection, **more)


def set_insert(value: Payload) -> Instruction:
    return on("SetInsert", "Dog", 1, "aset") | {"value": value}


@pytest.mark.parametrize("kind", KINDS)
def test_values(tmp_path: Path, kind: str) -> None:
    first, second, *more = KINDS[kind]
    last = more[-1] if more else first
    seed = [
        column(kind, "one", 0),
        column(kind, "alist", 1),
        column(kind, "copied", 1),
        column(kind, "adict", 2),
        column(kind, "aset", 3),
        insert("Dog", 1, "alist", 0, first, 0),
        insert("Dog", 1, "copied", 0, first, 0),
        insert("Dog", 1, "copied", 1, first, 1),
        update("Dog", 1, "adict", first, "old"),
        set_insert(first),
    ]
    objects = []
    for name in ("reset", "merged"):
        (tmp_path / name).mkdir()
        story = Story(tmp_path / name, *seed)
        story.offline(
            update("Dog", 1, "one", second),
            insert("Dog", 1, "alist", 1, second, 1),
            insert("Dog", 1, "alist", 2, last, 2),
            update("Dog", 1, "copied", second, 1) | {"prior_size": 2},
            update("Dog", 1, "adict", last, "new"),
            update("Dog", 1, "adict", second, "old"),
            set_insert(second),
        )
        story.offline(set_insert(last), update("Dog", 2, "one", first))
        story.server(update("Dog", 1, "adict", first, "other"), update("Dog", 1, "one", first))
        if name == "reset":
            objects.append(story.reset())
            assert story.elsewhere() == objects[-1]
        else:
            story.catch_up()
            objects.append(_testbed.objects(story.file))
    assert objects[0] == objects[1]


EMBEDDED = [{"op": "AddTable", "table": name, "embedded": True} for name in ("Toe", "Nail")] + [
    add_column("Toe", "name", 3, nullable=True),
    add_column("Toe", "nail", 9, nullable=True, target="Nail"),
    add_column("Toe", "nails", 9, collection=1, target="Nail"),
    add_column("Nail", "size", 6),
    add_column("Nail", "marks", 1, collection=1),
    add_column("Dog", "toe", 9, nullable=True, target="Toe"),
    add_column("Dog", "toes", 9, collection=1, target="Toe"),
    add_column("Dog", "bytoe", 9, collection=2, nullable=True, target="Toe", key_type=3),
]
MADE = {"t": "object_value"}


def toe_at(key: int, field: str, *path: Any, name: str, size: float) -> list[Instruction]:
    """What is in a new embedded object, two levels deep."""
    return [
        update("Dog", key, field, name, *path, "name"),
        update("Dog", key, field, MADE, *path, "nail"),
        update("Dog", key, field, single(size), *path, "nail", "size"),
        insert("Dog", key, field, 0, MADE, 0) | {"path": [*path, "nails", 0]},
        update("Dog", key, field, single(size + 1), *path, "nails", 0, "size"),
        insert("Dog", key, field, 0, 7, 0) | {"path": [*path, "nails", 0, "marks", 0]},
    ]


def test_embedded_objects_on_two_levels(tmp_path: Path) -> None:
    seed = [*EMBEDDED, update("Dog", 3, "toe", MADE), update("Dog", 3, "toe", "old", "name")]
    objects = []
    for name in ("reset", "merged"):
        (tmp_path / name).mkdir()
        story = Story(tmp_path / name, *seed)
        story.offline(
            update("Dog", 1, "toe", MADE),
            *toe_at(1, "toe", name="one", size=1.0),
            insert("Dog", 1, "toes", 0, MADE, 0),
            *toe_at(1, "toes", 0, name="two", size=2.0),
            update("Dog", 1, "bytoe", MADE, "key"),
            *toe_at(1, "bytoe", "key", name="three", size=3.0),
        )
        story.offline(  # of what both have
            update("Dog", 3, "toe", MADE, "nail"),
            update("Dog", 3, "toe", single(4.0), "nail", "size"),
            insert("Dog", 3, "toe", 0, 9, 0) | {"path": ["nail", "marks", 0]},
        )
        story.server(update("Dog", 3, "toe", "server", "name"), create("Dog", 4))
        if name == "reset":
            objects.append(story.reset())
            assert story.elsewhere() == objects[-1]
        else:
            story.catch_up()
            objects.append(_testbed.objects(story.file))
    assert objects[0] == objects[1]
    toe = objects[0]["Dog"][0]["toe"]["$embedded"]["value"]
    assert toe["name"] == "one" and len(toe["nails"]) == 1


def test_nested_collections_of_mixed(tmp_path: Path) -> None:
    """New ones are followed, and old ones that were changed are taken as a whole."""
    new = [
        on("Clear", "Dog", 1, "any") | {"collection": 2},
        update("Dog", 1, "any", {"t": "list"}, "list"),
        insert("Dog", 1, "any", 0, {"t": "dictionary"}, 0) | {"path": ["list", 0]},
        update("Dog", 1, "any", "deep", "list", 0, "key"),
        update("Dog", 1, "any", {"t": "list"}, "list", 0, "inner"),
        insert("Dog", 1, "any", 0, LINK[1], 0) | {"path": ["list", 0, "inner", 0]},
        insert("Dog", 1, "any", 1, None, 1) | {"path": ["list", 0, "inner", 1]},
    ]
    expected = {"list": [{"key": "deep", "inner": [2, None]}]}
    story = Story(tmp_path)
    story.offline(*new)
    story.server(update("Dog", 1, "any", "server"))
    assert plain(story.reset()["Dog"][0]["any"]) == expected
    assert story.elsewhere() == _testbed.objects(story.file)

    (tmp_path / "old").mkdir()
    story = Story(tmp_path / "old", *new)
    story.offline(update("Dog", 1, "any", "changed", "list", 0, "key"))
    story.server(update("Dog", 1, "any", "more", "other"))
    changed = {"list": [{"key": "changed", "inner": [2, None]}], "other": "more"}
    assert plain(story.reset()["Dog"][0]["any"]) == changed
    assert story.elsewhere() == _testbed.objects(story.file)
