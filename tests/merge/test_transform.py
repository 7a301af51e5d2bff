"""The merge engine on single meetings: schema rules, independent changes, windows and bases."""

from __future__ import annotations

from typing import Any

import pytest

from instructions import (
    DOG,
    Instruction,
    add_column,
    add_table,
    changeset,
    create,
    erase,
    insert,
    on,
    update,
    value,
)
from realmsync._testbed import transform
from realmsync.errors import BadProgressError, SchemaMismatchError
from realmsync.inspect import decode_changeset


def merge(
    local: list[Instruction], incoming: list[Instruction], *, earlier: bool = False
) -> tuple[list[Any], list[Any] | None]:
    """Both sides after one meeting; None for a local side that stayed as it was."""
    window = [(5, 100, 2, changeset(*local))]
    (transformed,), changed = transform(
        window, [(4, 50 if earlier else 200, 3, changeset(*incoming))]
    )
    return decode_changeset(transformed), decode_changeset(changed[5]) if 5 in changed else None


def test_the_same_schema_from_two_clients_vanishes_on_both_sides() -> None:
    transformed, changed = transform([(5, 100, 2, changeset(*DOG))], [(4, 200, 3, changeset(*DOG))])
    assert transformed == [b""]
    assert changed == {5: b""}, "empty, but present"


def test_a_larger_schema_keeps_what_is_new() -> None:
    extra = add_column("Dog", "weight", 7)
    assert merge(list(DOG), [*DOG, extra]) == ([extra], [])
    assert merge([*DOG, extra], list(DOG)) == ([], [extra])


def test_schema_and_objects_do_not_touch_each_other() -> None:
    objects = [create("Dog", 1), update("Dog", 1, "name", "Rex")]
    assert merge([*DOG, *objects], list(DOG)) == ([], objects)
    assert merge(list(DOG), [*DOG, *objects]) == (objects, [])


@pytest.mark.parametrize(
    ("local", "incoming", "text"),
    [
        (add_table("Dog"), add_table("Dog", pk="id"), "'_id' on one side, but 'id'"),
        (add_table("Dog"), add_table("Dog", pk_type=3), "type Int on one side and type String"),
        (add_table("Dog"), add_table("Dog", pk_nullable=True), "nullable on one side"),
        (add_table("Dog"), add_table("Dog", asymmetric=True), "asymmetric on one side"),
        (
            add_table("Dog"),
            {"op": "AddTable", "table": "Dog", "embedded": True},
            "has a primary key on one side",
        ),
        (
            {"op": "AddTable", "table": "Dog", "embedded": True},
            add_table("Dog"),
            "embedded on one side",
        ),
        (add_column("Dog", "a", 1), add_column("Dog", "a", 7), "type Int on one side and"),
        (add_column("Dog", "a"), add_column("Dog", "a", nullable=True), "nullable on one"),
        (
            add_column("Dog", "a"),
            add_column("Dog", "a", collection=3),
            "a single value on one side, but a set",
        ),
        (
            add_column("Dog", "a", 9, nullable=True, target="Dog"),
            add_column("Dog", "a", 9, nullable=True, target="Cat"),
            "links to class 'Dog' on one side, but to class 'Cat'",
        ),
    ],
)
def test_schema_mismatch(local: Instruction, incoming: Instruction, text: str) -> None:
    with pytest.raises(SchemaMismatchError, match=f"^Schema mismatch: .*{text}"):
        merge([local], [incoming])


NULL_LIST = value({"t": "list"})


@pytest.mark.parametrize(
    ("local", "incoming"),
    [
        (update("Dog", 1, "name", "a"), update("Dog", 1, "age", 2)),
        (update("Dog", 1, "name", "a"), update("Dog", 2, "name", "b")),
        (update("Dog", 1, "name", "a"), update("Dog", "1", "name", "b")),
        (update("Dog", 1, "name", "a"), update("Cat", 1, "name", "b")),
        (create("Dog", 1), create("Dog", 1)),
        (create("Dog", 1), update("Dog", 2, "age", 1)),
        (erase("Dog", 1), create("Dog", 2)),
        (
            update("Dog", 1, "owner", {"t": "link", "table": "Person", "pk": value(7)}),
            erase("Person", 7),
        ),
        (update("Dog", 1, "map", 1, "a"), update("Dog", 1, "map", 1, "b")),
        (on("AddInteger", "Dog", 1, "age") | {"value": 2},) * 2,
        (
            on("SetInsert", "Dog", 1, "set") | {"value": value(1)},
            on("SetErase", "Dog", 1, "set") | {"value": value(2)},
        ),
        (update("Dog", 1, "any", NULL_LIST), update("Dog", 1, "any", NULL_LIST)),
        (update("Dog", 1, "any", NULL_LIST), insert("Dog", 1, "any", 0, 5, 0)),
        (insert("Dog", 1, "list", 3, 5, 4), update("Dog", 1, "list", 1, 1, "name")),
    ],
)
def test_independent_changes_stay_as_they_are(local: Instruction, incoming: Instruction) -> None:
    assert merge([local], [incoming]) == ([incoming], None)
    assert merge([incoming], [local]) == ([local], None)


def test_later_bases_see_the_reciprocals_of_earlier_ones() -> None:
    window = [(5, 100, 2, changeset(*DOG)), (6, 101, 2, changeset(create("Dog", 7)))]
    incoming = [
        (4, 200, 3, changeset(*DOG)),
        (4, 201, 3, changeset(create("Dog", 1))),
        (5, 202, 3, changeset(create("Dog", 2))),
    ]
    transformed, changed = transform(window, incoming)
    assert transformed == [b"", incoming[1][3], incoming[2][3]]
    assert changed == {5: b""}
    # With the empty reciprocal the same schema again meets nothing.
    again, changed = transform([(5, 100, 2, b"")], [(4, 203, 3, changeset(*DOG))])
    assert again == [changeset(*DOG)]
    assert changed == {}


def test_descending_bases_are_refused() -> None:
    window = [(5, 100, 2, changeset(create("Dog", 1)))]
    with pytest.raises(BadProgressError):
        transform(window, [(4, 1, 3, b""), (3, 1, 3, b"")])
