"""Random histories of the real server by their seeds.

What lives here: which story and which server a seed has, with roles or without. What a history is
is `naive.histories`', the server is `real_world`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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


def story_of(seed: int, *, has_roles: bool) -> Story:
    story = Generator(seed).story()
    return story if has_roles else unrestricted(story)


def server_of(seed: int, protocol: int = 14) -> Callable[[Story], RealWorld]:
    tuning = {"page_bytes": PAGE_BYTES[seed % len(PAGE_BYTES)]}
    return lambda story: RealWorld(story, tuning=tuning, protocol=protocol)


def play(seed: int, *, has_roles: bool, protocol: int = 14) -> None:
    """Raises Broken where a promise breaks."""
    run(story_of(seed, has_roles=has_roles), server_of(seed, protocol))
