"""What a forked child inherits and may not use: its parent's realms and sync clients.

The child has copies of the objects, but none of their threads, and shares what they stand for:
sockets, descriptors, locks. So it is told what it inherited (`_on_fork`), which is left alone from
then on and raises ForkedProcessError when it is used. What the native core does is in
csrc/base/process.hpp.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

from realmsync.errors import ForkedProcessError


class Inherited(Protocol):
    """What wants to know when it is a copy in a child."""

    def _on_fork(self) -> None:
        """In the child, before anything else runs there."""


_inherited: weakref.WeakSet[Inherited] = weakref.WeakSet()


def tell_forks(one: Inherited) -> None:
    """Has `_on_fork` called in each child that is forked while the object lives."""
    _inherited.add(one)


def _forked() -> None:
    for one in list(_inherited):
        one._on_fork()
    _inherited.clear()


def forked(what: str) -> ForkedProcessError:
    """The error of something that is the parent's."""
    return ForkedProcessError(
        f"This {what} belongs to the parent process, which has forked this one: a child opens its"
        " own realms, with an App of its own."
    )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
