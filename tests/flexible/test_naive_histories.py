"""Random histories of the naive server and its clients: nothing breaks but what was planted.

Specification: flexible-sync.md 17.9, 18 (37, 38).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from flexible.naive.histories import Generator, Story, broken, run, shrunk
from flexible.naive.planted import PLANTED
from flexible.naive.serving import Server
from flexible.naive.worlds import NaiveWorld


def world(story: Story, server: type[Server] = Server) -> NaiveWorld:
    return NaiveWorld(list(story.schema), list(story.users), story.permissions, server)


@pytest.mark.parametrize("block", range(8))
def test_nothing_breaks_in_a_random_history(block: int, scale: int) -> None:
    """200 histories; with --long, 2,000."""
    for seed in range(block, 200 * scale, 8):
        run(Generator(seed).story(), world)


@pytest.mark.parametrize("server", PLANTED, ids=lambda server: server.__name__)
def test_a_planted_fault_is_found(server: type[Server]) -> None:
    def faulty(story: Story) -> NaiveWorld:
        return world(story, server)

    for seed in range(1000):
        found = broken(Generator(seed).story(), faulty)
        if found is not None:
            assert found.name in PLANTED[server], found
            return
    raise AssertionError("no history shows it")


@pytest.mark.parametrize("server", list(PLANTED)[::4], ids=lambda server: server.__name__)
def test_a_history_shrinks_to_what_shows_the_fault(server: type[Server]) -> None:
    def faulty(story: Story) -> NaiveWorld:
        return world(story, server)

    story = next(s for s in map(whole, range(1000)) if broken(s, faulty) is not None)
    short, found = shrunk(story, faulty)
    assert len(short.steps) < len(story.steps)
    assert str(found) and broken(short, world) is None
    for at in range(len(short.steps)):
        fewer = replace(short, steps=(*short.steps[:at], *short.steps[at + 1 :]))
        without = broken(fewer, faulty)
        assert without is None or without.name != found.name


def whole(seed: int) -> Story:
    return Generator(seed).story()


def test_a_story_is_told_by_its_seed_alone() -> None:
    assert str(whole(7)) == str(whole(7))
    assert str(whole(7)) != str(whole(8))
    assert "advance" in str(whole(7))
