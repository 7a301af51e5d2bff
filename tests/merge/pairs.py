"""Random pairs of transactions on one state, for what has to hold without any history."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from instructions import Instruction
from merge.generator import Generator, Topic
from merge.places import SCHEMA
from merge.stories import by_id
from merge.worked import A, B, Side
from realmsync._testbed import ScratchStore
from realmsync.inspect import encode_changeset


@dataclass
class Pair:
    """What A and B do at the same time. `number` tells which pair of a sequence it is."""

    number: int
    base: list[bytes]
    a: Side
    b: Side

    def after(self, *changes: list[Instruction]) -> Any:
        """The state with these on top."""
        store = ScratchStore(":memory:", durability="off")
        store.apply_all([*self.base, *map(encode_changeset, changes)])
        return by_id(store.state())


def pairs(count: int, reach: frozenset[str], most: int = 4) -> Iterator[Pair]:
    """Of `most` instructions each, eight on one growing state, then on another."""
    for number in range(count):
        if number % 8 == 0:
            rng = random.Random(number)
            topic = Topic.random(rng, reach)
            writers = [Generator(rng, ident, topic) for ident in (A, B, A)]
            store = ScratchStore(":memory:", durability="off")
            base = [encode_changeset(SCHEMA)]
            store.apply(base[0])
        for _ in range(8 if number % 8 == 0 else 2):
            base.append(encode_changeset(writers[2].transaction(store.state())))
            store.apply(base[-1])
        times = rng.choice(((5, 9), (9, 5), (5, 5)))
        a, b = (writer.transaction(store.state(), most) for writer in writers[:2])
        yield Pair(number, list(base), (a, times[0]), (b, times[1]))
