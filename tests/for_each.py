"""One test of many things: what pytest does around a test would take longer than looking at a file.

All that fail are told, each with its name and reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def for_each(
    things: Iterable[T], name_of: Callable[[T], str] = str
) -> Callable[[Callable[[T], None]], Callable[[], None]]:
    """Makes a test of a check of one thing, as parametrize would make one of each."""

    every = list(things)

    def made(check: Callable[[T], None]) -> Callable[[], None]:
        def test() -> None:
            failed: list[str] = []
            for thing in every:
                try:
                    check(thing)
                except Exception as error:
                    failed.append(f"{name_of(thing)}: {error}")
            assert every and not failed, "\n".join(failed)

        test.__name__, test.__doc__, test.__module__ = (
            check.__name__,
            check.__doc__,
            check.__module__,
        )
        return test

    return made
