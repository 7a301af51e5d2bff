"""Paused: the context in which a session is paused. What pausing is: session.py."""

from __future__ import annotations

from typing import Protocol


class Pausable(Protocol):
    """What it needs of a session."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...


class Paused:
    """With or without async; the session goes on however the block is left."""

    def __init__(self, session: Pausable) -> None:
        self._session = session

    def __enter__(self) -> None:
        self._session.pause()

    def __exit__(self, *_: object) -> None:
        self._session.resume()

    async def __aenter__(self) -> None:
        self._session.pause()

    async def __aexit__(self, *_: object) -> None:
        self._session.resume()
