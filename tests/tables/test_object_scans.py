"""Objects that are asked for by key, in any order, are those that are there."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from instructions import add_column, add_table, changeset, create, update
from realmsync import _testbed

# The type's number, and its keys: close to each other, at the ends, and such as sort badly as text.
KEYS: dict[str, tuple[int, Any]] = {
    "int": (1, st.one_of(st.integers(-5, 60), st.sampled_from([-(2**63), 2**63 - 1]))),
    "string": (3, st.one_of(st.text(max_size=3), st.sampled_from(["a", "B", "é", "😀", "a\0"]))),
    "objectId": (10, st.integers(0, 300).map(lambda n: ObjectId(f"{n * 7:024x}"))),
    "uuid": (11, st.integers(0, 300).map(lambda n: uuid.UUID(int=n << 100))),
}


def payload(key: Any) -> dict[str, Any]:
    if key is None:
        return {"t": "null"}
    if isinstance(key, ObjectId):
        return {"t": "objectid", "v": str(key)}
    if isinstance(key, uuid.UUID):
        return {"t": "uuid", "v": str(key)}
    return {"t": "int" if isinstance(key, int) else "string", "v": key}


@pytest.mark.parametrize("server", [False, True])
@pytest.mark.parametrize("kind", KEYS)
@given(data=st.data())
def test_what_is_found_is_what_is_there(kind: str, server: bool, data: Any) -> None:
    number, keys = KEYS[kind]
    some = st.lists(st.one_of(keys, st.none()), max_size=40)
    stored = list(dict.fromkeys(data.draw(some)))
    asked = data.draw(st.lists(st.one_of(keys, st.none()), max_size=80))
    if data.draw(st.booleans()):
        asked = sorted(asked, key=lambda key: (key is not None, key))
    store = _testbed.ScratchStore(":memory:", server=server)
    table = add_table("T", pk_type=number, pk_nullable=True)
    for partition, offset in ((1, 0), (2, 1000)) if server else ((1, 0),):
        changes = [table, add_column("T", "n")]
        for n, key in enumerate(stored):
            changes += [create("T", payload(key)), update("T", payload(key), "n", offset + n)]
        store.apply(changeset(*changes), partition)
    values = {key: n for n, key in enumerate(stored)}
    found = store.find("T", asked)
    numbers = [one and int(one["n"]["$numberLong"]) for one in found]
    assert numbers == [values.get(key) for key in asked]


def test_objects_of_an_empty_class_are_not_there() -> None:
    store = _testbed.ScratchStore(":memory:")
    store.apply(changeset(add_table("T")))
    assert store.find("T", [1, 0, 1]) == [None, None, None]
