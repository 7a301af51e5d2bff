"""The naive model's objects: what instructions make of them is what a real store makes.

Specification: changeset-format.md 12, flexible-sync.md 8.2.
"""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest

from flexible.naive.objects import (
    Entries,
    Fields,
    Inapplicable,
    Items,
    Members,
    Named,
    State,
    Versions,
    text_of,
    touched,
)
from flexible.naive.streams import creation, erasure, renewal
from instructions import DOG, add_column, add_table, create, erase, insert, on, update
from merge.generator import Generator, Topic
from merge.places import SCHEMA
from realmsync.inspect import MergePeer, decode_changeset, encode_changeset


def plain(state: State, value: Any) -> Any:
    """A value as the recordings write states, as far as random transactions have any."""
    if isinstance(value, Items):
        return [plain(state, each) for each in value]
    if isinstance(value, Entries):
        return {"$dictionary": {name: plain(state, each) for name, each in value.items()}}
    if isinstance(value, Members):
        return {"$set": sorted((plain(state, each) for each in value), key=text_of)}
    if isinstance(value, Fields):
        inner = {name: plain(state, state.value(value, name)) for name in columns(state, value)}
        return {"$embedded": {"table": f"class_{value.table}", "value": inner}}
    if value["t"] == "int":
        return {"$numberLong": str(value["v"])}
    if value["t"] == "double":
        return {"$numberDouble": f"{struct.unpack('<d', bytes.fromhex(value['hex_le']))[0]:.16e}"}
    if value["t"] == "link":
        return {"$link": {"table": value["table"], "key": plain(state, value["pk"])}}
    return value.get("v")


def columns(state: State, fields: Fields) -> list[str]:
    return list(state.tables[fields.table].columns)


def recorded(state: State) -> dict[str, dict[str, dict[str, Any]]]:
    """All objects by class and key; links, whose targets may be hidden, by `without_links`."""
    return {
        table: {
            text_of(plain(state, {"t": kind, "v": key})): {
                name: plain(state, state.value(fields, name)) for name in columns(state, fields)
            }
            for (kind, key), fields in objects.items()
        }
        for table, objects in state.objects.items()
        if not state.is_embedded(table)
    }


def native(peer: MergePeer) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        table: {
            text_of(each["_id"]): {
                name: in_order(value) for name, value in each.items() if name != "_id"
            }
            for each in objects
        }
        for table, objects in peer.state().items()
        if table != "E"
    }


def in_order(value: Any) -> Any:
    """Sets sorted, everywhere."""
    if isinstance(value, list):
        return [in_order(each) for each in value]
    if isinstance(value, dict) and "$set" in value:
        return {"$set": sorted(map(in_order, value["$set"]), key=text_of)}
    if isinstance(value, dict):
        return {name: in_order(each) for name, each in value.items()}
    return value


def without_links(value: Any) -> Any:
    """Links as null: a real store hides those to missing objects, the model keeps all."""
    if isinstance(value, list):
        return [without_links(each) for each in value]
    if isinstance(value, dict) and "$link" in value:
        return None
    if isinstance(value, dict) and "$set" in value:
        return {"$set": [each for each in value["$set"] if "$link" not in str(each)]}
    if isinstance(value, dict):
        return {name: without_links(each) for name, each in value.items()}
    return value


@pytest.mark.parametrize("seed", range(60))
def test_random_transactions_make_what_a_real_store_makes(seed: int) -> None:
    rng = random.Random(seed)
    peer, state = MergePeer(2), State()
    peer.commit(encode_changeset(SCHEMA), 1)
    state.apply(SCHEMA)
    generator = Generator(rng, 2, Topic.random(rng))
    for timestamp in range(2, 40):
        data = encode_changeset(generator.transaction(peer.state()))
        if data:
            peer.commit(data, timestamp)
            state.apply(decode_changeset(data))
        assert without_links(recorded(state)) == without_links(native(peer))


@pytest.mark.parametrize("seed", range(30))
def test_an_object_is_made_again_from_its_image(seed: int) -> None:
    rng = random.Random(seed)
    state = State()
    state.apply(SCHEMA)
    peer = MergePeer(2)
    peer.commit(encode_changeset(SCHEMA), 1)
    generator = Generator(rng, 2, Topic.random(rng))
    for timestamp in range(2, 25):
        data = encode_changeset(generator.transaction(peer.state()))
        if data:
            peer.commit(data, timestamp)
            state.apply(decode_changeset(data))
    other = State()
    other.apply(SCHEMA)
    other.tables = state.fork().tables
    other.objects |= {name: {} for name in state.objects if name not in other.objects}
    for table, objects in state.objects.items():
        for key in objects:
            about = (table, key)
            image = state.image(about)
            assert image is not None
            other.apply(decode_changeset(encode_changeset(renewal(state, about, frozenset(image)))))
            assert other.image(about) == image
            other.apply(renewal(state, about, frozenset(image)))
            assert other.image(about) == image


# -- single rules ----------------------------------------------------------------------------------

REX: Named = ("Dog", ("int", 1))


@pytest.fixture
def dogs() -> State:
    state = State()
    state.apply([*DOG, create("Dog", 1), update("Dog", 1, "name", "Rex")])
    return state


def test_what_was_never_set_is_the_default(dogs: State) -> None:
    assert dogs.image(REX) == {
        "name": {"t": "string", "v": "Rex"},
        "age": {"t": "int", "v": 0},
        "tags": [],
    }
    assert dogs.image(("Dog", ("int", 2))) is None


def test_creating_again_keeps_and_erasing_ends(dogs: State) -> None:
    dogs.apply([create("Dog", 1)])
    assert dogs.image(REX)["name"] == {"t": "string", "v": "Rex"}  # type: ignore[index]
    dogs.apply([erase("Dog", 1), erase("Dog", 1), create("Dog", 1)])
    assert dogs.image(REX)["name"] == {"t": "null"}  # type: ignore[index]


def test_a_fork_is_apart(dogs: State) -> None:
    other = dogs.fork()
    other.apply([insert("Dog", 1, "tags", 0, "good", 0), create("Dog", 2)])
    assert dogs.image(REX)["tags"] == []  # type: ignore[index]
    assert len(other.image(REX)["tags"]) == 1  # type: ignore[index]
    assert len(dogs.everything()) == 1


@pytest.mark.parametrize(
    "instruction",
    [
        update("Dog", 2, "name", "x"),
        update("Cat", 1, "name", "x"),
        update("Dog", 1, "nothing", "x"),
        insert("Dog", 1, "tags", 0, "x", 1),
        insert("Dog", 1, "tags", 1, "x", 0),
        on("ArrayErase", "Dog", 1, "tags", 0) | {"prior_size": 0},
        update("Dog", 1, "name", "x", "deeper"),
        add_column("Cat", "name"),
    ],
    ids=str,
)
def test_what_cannot_be_applied_is_told(dogs: State, instruction: dict[str, Any]) -> None:
    with pytest.raises(Inapplicable):
        dogs.apply([instruction])


def test_every_version_is_kept() -> None:
    versions = Versions()
    versions.commit(1, DOG)
    versions.commit(2, [create("Dog", 1)])
    versions.commit(4, [update("Dog", 1, "age", 3)])
    ages = [(versions[v].image(REX) or {}).get("age", {}).get("v") for v in range(5)]
    assert ages == [None, None, 0, 0, 3]


def test_instructions_by_object_in_their_order() -> None:
    changes = [add_table("X"), create("Dog", 2), create("Dog", 1), update("Dog", 2, "age", 1)]
    assert [key for _, key in touched(changes)] == [("int", 2), ("int", 1)]
    assert len(touched(changes)["Dog", ("int", 2)]) == 2


def test_only_the_fields_that_may_be_read_are_made(dogs: State) -> None:
    assert creation(dogs, REX, frozenset({"age"})) == [create("Dog", 1)]
    assert len(creation(dogs, REX, frozenset({"name", "age"}))) == 2
    assert renewal(dogs, REX, frozenset()) == [*erasure(REX), create("Dog", 1)]
