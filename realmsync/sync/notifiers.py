"""Notifiers: the callbacks of one kind that an application has registered, by token.

What is told, and when, is session.py's. Specification: client-session.md 4 and 6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from realmsync.callbacks import Callback


class Notifiers:
    """Whom to call. All but `tell` want the lock of whoever has them."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[Callable[..., object], Callback]] = {}

    def __contains__(self, token: int) -> bool:
        """Whether it has neither been removed nor expired."""
        return token in self._entries

    def add(self, token: int, given: Callable[..., object], callback: Callback) -> None:
        """`given` is what the application knows it by."""
        self._entries[token] = (given, callback)

    def remove(self, token_or_callback: int | Callable[..., object]) -> list[int]:
        """Ends what the token or the callback stands for, and gives its tokens."""
        if isinstance(token_or_callback, int):
            tokens = [token_or_callback] if token_or_callback in self._entries else []
        else:
            tokens = [t for t, (given, _) in self._entries.items() if given == token_or_callback]
        for token in tokens:
            self._entries.pop(token)[1].end()
        return tokens

    def find(self, token: int, *, expired: bool) -> Callback | None:
        """Who is told; if expired, for the last time."""
        entry = self._entries.pop(token, None) if expired else self._entries.get(token)
        return None if entry is None else entry[1]

    def tell(self, *arguments: Any) -> None:
        """Calls all of them. One may remove others."""
        for token, (_, callback) in list(self._entries.items()):
            if token in self._entries:
                callback(*arguments)
