"""No byte of a value that a user may not read reaches a session of his, whatever happens when.

Specification: app-configuration.md 5.5; flexible-sync.md 10, 17.9 (K4, K17).
"""

from __future__ import annotations

import pytest

from flexible.naive.histories import Generator, Story, run
from flexible.naive.history import Broken
from planted_secrets import Leak, Planting, Watching
from real_histories import PAGE_BYTES
from realmsync import _core


class Leaking(Watching):
    """Whatever the roles, everything is shown."""

    def _give_roles(self, number: int, session: int, question: int, user: str) -> None:
        self.served[number, session] = self.permissions[user]
        roles = _core.SessionRoles.everything()
        self.server.runtime.authorize_roles(number, session, question, roles, self.server.now)


def watched(seed: int, world: type[Watching] = Watching) -> Watching:
    """A history of planted secrets, when it is over."""
    planting, made = Planting(seed), []

    def make(story: Story) -> Watching:
        tuning = {"page_bytes": PAGE_BYTES[seed % len(PAGE_BYTES)]}
        made.append(world(story, planting.secrets, tuning=tuning))
        return made[-1]

    run(planting.story(Generator(seed).story()), make)
    return made[-1]


@pytest.mark.parametrize("block", range(4))
def test_nothing_is_sent_that_must_not_be_read(block: int, scale: int) -> None:
    """80 histories; with --long, 800."""
    worlds = [watched(seed) for seed in range(2_000 + block, 2_000 + 80 * scale, 4)]
    assert sum(world.found for world in worlds) > 50 * scale
    assert sum(world.hidden() for world in worlds) > 10 * scale


def test_a_server_that_shows_everything_is_found() -> None:
    def finds(seed: int) -> bool:
        try:
            watched(seed, Leaking)
        except Leak:
            return True
        except Broken:  # the model sees it first
            return False
        return False

    assert any(map(finds, range(2_000, 2_040)))
