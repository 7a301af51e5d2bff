"""Memory of messages that have begun to arrive: one account for the process, a share per user.

A client may leave as many messages unfinished as it has websockets. What a user's messages will
take is reserved when they begin; one that does not fit is not taken in, and its client comes back
when others of that user are complete. When all that has arrived is more than the account, the
costliest message is given up. transport/websocket.pyx tells what arrives; what is complete is the
engine's. Specification: wire-protocol.md 4.4, server-behaviour.md 5.3.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from realmsync.server.connections import decrement
from realmsync.transport.websocket import EngineSocket, monotonic_ms

_logger = logging.getLogger("realmsync.server")

# Messages up to this number of bytes never wait: neither for a user's large ones, nor for a share.
_SMALL = 64 << 10


@dataclass
class _Message:
    user_id: str
    since: int  # ms
    reserved: int
    received: int = 0


class UnfinishedMessages:
    """The account. All methods are for the event loop's thread, and take constant time.

    But for `holds` when the account is full: that looks at all unfinished messages. `total` and
    `per_user` are bytes; one message fits into every user's share, whatever its size.
    """

    def __init__(self, total: int, per_user: int, now_ms: Callable[[], int] = monotonic_ms) -> None:
        self._total = total
        self._per_user = per_user
        self._now_ms = now_ms
        self._messages: dict[EngineSocket, _Message] = {}
        self._reserved: Counter[str] = Counter()
        self.received = 0

    def of(self, user_id: str) -> UserShare:
        """What a user's websockets report to."""
        return UserShare(self, user_id)

    def holds(self, user_id: str, websocket: EngineSocket, expected: int, received: int) -> None:
        """A message of `expected` bytes is incomplete; `received` have arrived."""
        message = self._messages.get(websocket)
        if message is None:
            message = self._begin(user_id, expected)
            self._messages[websocket] = message
        self.received += received - message.received
        message.received = received
        if message.reserved and self._reserved[user_id] > max(self._per_user, message.reserved):
            _logger.warning("user %s has too many unfinished messages", user_id)
            websocket.give_up()
        elif self.received > self._total:
            self._give_one_up()

    def released(self, websocket: EngineSocket) -> None:
        """The message is complete, or will never be."""
        message = self._messages.pop(websocket, None)
        if message is None:
            return
        self.received -= message.received
        decrement(self._reserved, message.user_id, message.reserved)

    def _begin(self, user_id: str, expected: int) -> _Message:
        reserved = expected if expected > _SMALL else 0
        self._reserved[user_id] += reserved
        return _Message(user_id, self._now_ms(), reserved)

    def _give_one_up(self) -> None:
        # What it holds, times how long it has: an attacker's messages are large or old, and one
        # that makes progress is neither for long.
        now = self._now_ms()
        websocket, message = max(
            self._messages.items(), key=lambda item: item[1].received * (now - item[1].since + 1)
        )
        _logger.warning("too many unfinished messages: gave up one of user %s", message.user_id)
        websocket.give_up()


class UserShare:
    """The account as one user's websockets know it."""

    def __init__(self, account: UnfinishedMessages, user_id: str) -> None:
        self._account = account
        self._user_id = user_id

    def holds(self, websocket: EngineSocket, expected: int, received: int) -> None:
        """As `UnfinishedMessages.holds`."""
        self._account.holds(self._user_id, websocket, expected, received)

    def released(self, websocket: EngineSocket) -> None:
        """As `UnfinishedMessages.released`."""
        self._account.released(websocket)
