"""Whole worlds that go wrong in every way that a seed can think of: nothing is lost or doubled,
every wait tells the truth and ends, and all replicas become equal (client-session.md 5, 15.3;
server-behaviour.md 7.7, 19, 20)."""

from __future__ import annotations

from collections import Counter

import pytest

from simulation.long import again
from simulation.world import FAULTS, OUTCOMES, USERS, World

SEEDS = 20  # of a group


@pytest.mark.parametrize("group", range(3))
def test_everything_arrives_once_and_waits_tell_the_truth(group: int) -> None:
    counts = Counter[str]()
    for seed in range(group * SEEDS, (group + 1) * SEEDS):
        world = World(seed)
        try:
            world.make()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {again(seed)}") from error
        counts += world.counts
    assert {*USERS, *FAULTS, *OUTCOMES} <= counts.keys(), "else they test nothing"


def test_a_seed_repeats_itself() -> None:
    first, second = World(7), World(7)
    for world in (first, second):
        world.make()
    assert (first.trace, first.counts, first.now) == (second.trace, second.counts, second.now)
