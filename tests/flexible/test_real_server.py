"""Random histories of the real server, judged by the second model: nothing breaks.

Specification: flexible-sync.md 17.9, 18 (37, 38).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from flexible.naive.histories import Generator, Story, run
from flexible.naive.views import Permissions
from real_world import RealWorld

PAGE_BYTES = (1, 200, 1 << 20)  # soft limit of a DOWNLOAD


def unrestricted(story: Story) -> Story:
    """The same where everybody may do everything."""
    return replace(
        story,
        permissions={name: Permissions() for name in story.permissions},
        steps=tuple(step for step in story.steps if step.what != "change_role"),
    )


def play(story: Story, seed: int) -> None:
    tuning = {"page_bytes": PAGE_BYTES[seed % len(PAGE_BYTES)]}
    run(story, lambda each: RealWorld(each, tuning=tuning))


@pytest.mark.parametrize("block", range(4))
def test_nothing_breaks_at_the_real_server(block: int, scale: int) -> None:
    """60 histories; with --long, 600."""
    for seed in range(block, 60 * scale, 4):
        play(unrestricted(Generator(seed).story()), seed)


@pytest.mark.parametrize("block", range(4))
def test_nothing_breaks_with_roles(block: int, scale: int) -> None:
    """120 histories; with --long, 1,200."""
    for seed in range(block, 120 * scale, 4):
        play(Generator(seed).story(), seed)
