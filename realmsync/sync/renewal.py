"""Renewal of access tokens before they end, so that no reconnection has to wait for one.

A user's token is renewed in its last third while a session of the user runs, at a time that chance
picks: many clients that a server's restart has brought back at once do not come back together once
more. Nobody has asked for it: when it fails it is tried again later, and even a refusal is only
logged. What a server says of a token that a session needs is heard in client.py. How long a token
is good is known to account/validity.py. Specification: client-session.md 11.2 and 11.3.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Protocol

from realmsync.account.user import User
from realmsync.account.validity import steady

logger = logging.getLogger("realmsync.sync.client")

# Of a token's length: where in its last part it is renewed.
_EARLIEST, _LATEST = 0.3, 0.1
# Seconds between two tries: at first, and at most.
_FIRST_S, _LONGEST_S = 10.0, 300.0
# Seconds after which is looked again in any case: clocks are set, and machines sleep.
_LOOK_S = 30.0


class Schedule:
    """When the token of one user is to be renewed. Knows no clock: times are given, in seconds."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._token = ""
        self._share = 0.0
        self._failures = 0
        self._not_before = 0.0

    def wait(self, token: str, length: float, left: float, now: float) -> float:
        """Seconds from now until this token is to be renewed, of which so much is left."""
        if token != self._token:
            self._token = token
            self._share = _LATEST + (_EARLIEST - _LATEST) * self._chance()
            self._failures, self._not_before = 0, now
        return max(left - length * self._share, self._not_before - now, 0.0)

    def failed(self, now: float) -> float:
        """A try has failed; seconds until the next one."""
        pause = min(_FIRST_S * 2.0**self._failures, _LONGEST_S)
        pause -= pause / 4 * self._chance()
        self._failures = min(self._failures + 1, 10)
        self._not_before = now + pause
        return pause


class RenewalHost(Protocol):
    """What the renewals need of the sync client."""

    def is_running(self, user: User) -> bool: ...
    def renew(self, user: User) -> None: ...


class Renewals:
    """The schedules of all users with running sessions. On the sync client's thread."""

    def __init__(self, host: RenewalHost, loop: asyncio.AbstractEventLoop) -> None:
        self._host = host
        self._loop = loop
        self._schedules: dict[str, Schedule] = {}

    def watch(self, user: User) -> None:
        """A session of the user has started."""
        if user.id not in self._schedules:
            self._schedules[user.id] = Schedule()
            self._look(user)

    def failed(self, user: User, unasked: Exception | None) -> None:
        """A request has failed; the error if no session has asked for it, which is all it does."""
        if (schedule := self._schedules.get(user.id)) is None:
            return
        pause = schedule.failed(steady())
        if unasked is not None:
            words = "the access token of user %s was not renewed, next try in %.0f s: %s"
            logger.info(words, user.id, pause, unasked)

    def _look(self, user: User) -> None:
        token, validity = user.access_token, user._token_validity
        if not token or not validity or not validity.length or not self._host.is_running(user):
            del self._schedules[user.id]  # until a session starts
            return
        wait = self._schedules[user.id].wait(token, *validity, steady())
        # What is asked for again before there is an answer, is asked for once.
        if wait == 0:
            self._host.renew(user)
            wait = validity.length * _LATEST / 2
        self._loop.call_later(min(wait, _LOOK_S), self._look, user)
