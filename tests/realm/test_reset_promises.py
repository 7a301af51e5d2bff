"""What client-session.md 13 promises of a reset with recovery, over random histories: as if there
had been none where it promises that, else exactly what its rules say; and the arithmetic of its
lists, against a list that remembers everything."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from instructions import Instruction, create, erase, insert, on, update, value
from realm.recovery_model import Objects, history, recover
from realm.resets import Story, plain, set_insert
from realmsync import _core, _testbed

# Made by either side, and erased by none: what is erased here and made anew there is one object
# after a reset, and may be none after a merge.
NEW = {4, 5, 6}


def change(chance: random.Random, side: str, alive: set[int]) -> list[Instruction]:
    """One that both sides may make; `alive` are the objects that this one knows."""
    kind = chance.randrange(7)
    absent = sorted(NEW - alive)
    if kind == 0 and absent:
        key = chance.choice(absent)
        alive.add(key)
        return [create("Dog", key)]
    if not alive:
        return []
    key = chance.choice(sorted(alive))
    word = f"{side}{chance.randrange(100)}"
    if kind == 1 and key not in NEW and chance.random() < 0.5:
        alive.discard(key)
        return [erase("Dog", key)]
    if kind in (1, 2):
        return [update("Dog", key, "name", word)]
    if kind == 3:
        return [on("AddInteger", "Dog", key, "age") | {"value": chance.randrange(-9, 9)}]
    if kind == 4:
        return [set_insert(key, word)]
    if kind == 5:
        return [update("Dog", key, "dict", word, f"key{chance.randrange(4)}")]
    return [update("Dog", key, "weight", chance.randrange(100))]


@pytest.mark.parametrize("seed", range(30))
def test_as_if_there_had_been_no_reset(tmp_path: Path, seed: int) -> None:
    """Local changes are the newer ones, so where both meet they win either way."""
    stories = []
    for name in ("reset", "merged"):
        chance = random.Random(seed)
        (tmp_path / name).mkdir()
        story = Story(tmp_path / name)
        for side, write in (("l", story.offline), ("s", story.server)):
            alive = {1, 2, 3}
            for _ in range(chance.randrange(1, 12)):
                instructions = [
                    i for _ in range(chance.randrange(1, 4)) for i in change(chance, side, alive)
                ]
                if instructions:
                    write(*instructions)
        stories.append(story)
    recovered = stories[0].reset()
    stories[1].catch_up()
    assert readable(recovered) == readable(_testbed.objects(stories[1].file))


def readable(objects: dict[str, Any]) -> dict[int, Any]:
    return {plain(row["_id"]): {k: plain(v) for k, v in row.items()} for row in objects["Dog"]}


@pytest.mark.parametrize("seed", range(60))
def test_new_elements_are_followed_wherever_they_go(tmp_path: Path, seed: int) -> None:
    """Local changes of new elements alone: the old ones stay what and where the server has them,
    and the new ones are there in the order that they had, whatever was done to them."""
    chance = random.Random(seed)
    story = Story(tmp_path)
    local: list[str] = ["a", "b", "c"]
    for number in range(chance.randrange(1, 25)):
        size = len(local)
        new = [at for at, element in enumerate(local) if element not in "abc"]
        kind = chance.randrange(4)
        if kind == 0 or not new:
            at = chance.randrange(size + 1)
            story.offline(insert("Dog", 1, "list", at, f"n{number}", size))
            local.insert(at, f"n{number}")
        elif kind == 1:
            at = chance.choice(new)
            story.offline(update("Dog", 1, "list", f"u{number}", at) | {"prior_size": size})
            local[at] = f"u{number}"
        elif kind == 2:
            at = chance.choice(new)
            story.offline(on("ArrayErase", "Dog", 1, "list", at) | {"prior_size": size})
            del local[at]
        elif len(new) > 1:
            at, to = chance.sample(new, 2)
            move = on("ArrayMove", "Dog", 1, "list", at) | {"ndx_2": to, "prior_size": size}
            story.offline(move)
            local.insert(to, local.pop(at))
    row = story.reset()["Dog"][0]
    assert row["list"] == local, "the server's list is as it was: so is the outcome"


@pytest.mark.parametrize("seed", range(150))
def test_any_history(tmp_path: Path, seed: int) -> None:
    """What differs from a merge, such as lists whose old elements were changed on both sides, is
    what the rules of recovery make of it; what they cannot recover is kept in a copy; and everybody
    else gets the same."""
    chance = random.Random(seed)
    story = Story(tmp_path)
    server, _, changes = history(chance, "s", chance.randrange(5))
    for change in changes:
        story.server(*change)
    local, ops, changes = history(chance, "l", chance.randrange(1, 8))
    for change in changes:
        story.offline(*change)
    before, kept = _testbed.objects(story.file), tmp_path / "kept"
    recovered = story.reset(copy=str(kept))
    expected, is_lost = recover(server, local, ops)
    assert modelled(recovered) == expected
    assert story.outcome == (True, is_lost) and kept.exists() == is_lost
    if is_lost:
        assert _testbed.objects(_core.RealmFile.open(str(kept))) == before
    assert modelled(story.elsewhere()) == modelled(recovered)
    assert modelled(story.reset("discard")) == server, "it may be recovered once, and discarded"


def modelled(objects: dict[str, Any]) -> Objects:
    fields = ("name", "age", "weight", "list", "set", "dict")
    return {key: {name: dog[name] for name in fields} for key, dog in readable(objects).items()}


def test_sets_of_values_that_are_gone(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.offline(on("SetErase", "Dog", 1, "set") | {"value": value("s")})
    story.server(on("SetErase", "Dog", 1, "set") | {"value": value("s")})
    assert plain(story.reset()["Dog"][0]["set"]) == set()
