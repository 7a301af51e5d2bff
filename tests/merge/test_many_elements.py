"""Many changes of one property on both sides, which the native walk sorts by element: it does what
the naive engine does by trying all pairs."""

from __future__ import annotations

import random

import pytest

from instructions import Instruction, changeset, insert, on, update
from merge.engines import NAIVE, NATIVE
from realmsync.errors import RealmError

LIST, DICTIONARY = {"t": "list"}, {"t": "dictionary"}


def change(chance: random.Random, whole: bool) -> Instruction:
    """Of a dictionary in a Mixed, or of what lies deeper in it; `whole`: also of all of it."""
    key = f"k{chance.randrange(12)}"
    match chance.randrange(8 if whole else 7):
        case 0 | 1:
            return update("T", 1, "m", chance.choice((1, "x", None, LIST, DICTIONARY)), key)
        case 2:
            return update("T", 1, "m", {"t": "erased"}, key)
        case 3:
            return on("AddInteger", "T", 1, "m", key) | {"value": 3}
        case 4:
            return on("Clear", "T", 1, "m", key) | {"collection": chance.choice((1, 2))}
        case 5:
            index = chance.randrange(3)
            return insert("T", 1, "m", 0, 7, 2) | {"path": [key, index]}
        case 6:
            return update("T", 1, "m", 5, key, "inner")
        case _:
            return on("Clear", "T", 1, "m") | {"collection": 2}


@pytest.mark.parametrize("profile", ["strict", "safe", "full"])
@pytest.mark.parametrize("whole", [False, True])
def test_sorting_by_element_changes_nothing(profile: str, whole: bool) -> None:
    compared = 0
    for seed in range(40):
        chance = random.Random(seed)
        sides = [changeset(*(change(chance, whole) for _ in range(24))) for _ in range(4)]
        window = [(5, 10, 2, sides[0]), (6, 30, 2, sides[1])]
        incoming = [(4, 20, 3, sides[2]), (4, chance.choice((5, 40)), 4, sides[3])]
        try:
            expected = NAIVE.transform(window, incoming, profile)
        except RealmError as error:
            with pytest.raises(type(error)):
                NATIVE.transform(window, incoming, profile)
            continue
        assert NATIVE.transform(window, incoming, profile) == expected, seed
        compared += 1
    assert compared > 15
