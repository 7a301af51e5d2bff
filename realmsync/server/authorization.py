"""Who may do what in a session: asks all who decide, and tells the engine.

The app's configuration decides (apps/session_rules.py) and the operator's function, where there are
such; both must allow. The engine asks at each BIND and keeps the answer with the session
(csrc/server/session.cpp); it stores nothing for a session before. Who takes long to decide delays
sessions of the users that he is asked about, and nobody else. Specification: server-behaviour.md
section 13.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from bson import ObjectId

from realmsync import _core
from realmsync.apps.permissions import SessionPermissions
from realmsync.enums import Text
from realmsync.events import Authorize
from realmsync.server.logs import one_line
from realmsync.transport.websocket import monotonic_ms
from realmsync.waiting import in_time

_logger = logging.getLogger("realmsync.server")

# Calls of the function that are on their way for one user; more wait for these.
_AT_ONCE = 16


class Permission(Text):
    """What a user may do with a partition, or with what his roles show him in flexible sync."""

    NONE = "none"
    READ = "read"
    WRITE = "write"  # and read


_LEVELS = list(Permission)  # each allows what those before it do


@dataclass(frozen=True)
class AuthorizationRequest:
    """A user opens a partition, or all that flexible sync shows him."""

    app_id: str
    user_id: str
    partition: None | int | str | ObjectId | UUID  # None where it is flexible
    is_flexible: bool = False


# Must not block the event loop, unless for microseconds; may be a coroutine function.
AuthorizeFunction = Callable[[AuthorizationRequest], Permission | str | Awaitable[Permission | str]]


def require_function(function: object) -> None:
    """Raises ValueError for what cannot be asked, which would be noticed at the first BIND only."""
    what = "authorize is called with one AuthorizationRequest"
    if not callable(function):
        raise ValueError(f"{what}: {function!r} is no function")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of a function in C, which may have none to be read
        return
    try:
        signature.bind(None)
    except TypeError as error:
        name = getattr(function, "__qualname__", repr(function))
        raise ValueError(f"{what}: {name}{signature} cannot be: {error}") from None


# Roles are an answer in flexible sync: they allow everything but what they say.
_Answer = Permission | str | SessionPermissions


@dataclass(frozen=True)
class Decider:
    """Somebody who is asked: his name for the log, and the seconds that he may take."""

    name: str
    function: Callable[[AuthorizationRequest], _Answer | Awaitable[_Answer]]
    timeout: float | None  # None: he sees to it himself


class AskingEngine(Protocol):
    """What is told of the answers."""

    def authorize(
        self, connection: int, session: int, question: int, permission: str | None, now_ms: int
    ) -> None: ...

    def authorize_roles(
        self, connection: int, session: int, question: int, roles: _core.SessionRoles, now_ms: int
    ) -> None: ...


@dataclass(frozen=True)
class _Verdict:
    """What all deciders allow."""

    permission: Permission
    roles: SessionPermissions | None = None  # in flexible sync, where there are any


class Authorizer:
    """Answers the engine's questions with what all deciders allow, asked in their order.

    `answered` is called after each answer, since the engine may have something to do then.
    """

    def __init__(
        self,
        deciders: Sequence[Decider],
        engine: AskingEngine,
        answered: Callable[[], None],
    ) -> None:
        self._deciders = deciders
        self._engine = engine
        self._answered = answered
        self._waiting: dict[str, deque[tuple[Authorize, AuthorizationRequest]]] = {}
        self._workers: dict[str, set[asyncio.Task[None]]] = {}

    def ask(self, event: Authorize, app_id: str, user_id: str) -> None:
        """The engine asks about one of the sessions of this user."""
        waiting = self._waiting.setdefault(user_id, deque())
        request = AuthorizationRequest(app_id, user_id, event.partition, event.is_flexible)
        waiting.append((event, request))
        workers = self._workers.setdefault(user_id, set())
        if len(workers) < _AT_ONCE:
            workers.add(asyncio.ensure_future(self._work(user_id)))

    async def close(self) -> None:
        """Ends all calls; what was asked stays without an answer."""
        tasks = [task for workers in self._workers.values() for task in workers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, user_id: str) -> None:
        waiting, workers = self._waiting[user_id], self._workers[user_id]
        try:
            while waiting:
                event, request = waiting.popleft()
                self._answer(event, await self._decide(request))
                self._answered()
                await asyncio.sleep(0)  # a flood of questions takes turns with all else
        finally:
            workers.discard(asyncio.current_task())
            if not workers:
                del self._waiting[user_id], self._workers[user_id]

    async def _decide(self, request: AuthorizationRequest) -> _Verdict | None:
        """The least that a decider allows; None when one of them gives no answer."""
        verdict = _Verdict(Permission.WRITE)
        for decider in self._deciders:
            answer = await _ask(decider, request)
            if answer is None:
                return None
            if isinstance(answer, SessionPermissions):
                verdict = replace(verdict, roles=answer)
            else:
                allowed = min(verdict.permission, answer, key=_LEVELS.index)
                verdict = replace(verdict, permission=allowed)
            if verdict.permission is Permission.NONE:
                break
        return verdict

    def _answer(self, event: Authorize, verdict: _Verdict | None) -> None:
        asked = event.connection, event.session, event.question
        if verdict is None:
            self._engine.authorize(*asked, None, monotonic_ms())
        elif verdict.roles is None or verdict.permission is Permission.NONE:
            self._engine.authorize(*asked, verdict.permission.value, monotonic_ms())
        else:
            roles = verdict.roles.for_engine(can_write=verdict.permission is Permission.WRITE)
            self._engine.authorize_roles(*asked, roles, monotonic_ms())


async def _ask(
    decider: Decider, request: AuthorizationRequest
) -> Permission | SessionPermissions | None:
    try:
        answer = decider.function(request)
        if inspect.isawaitable(answer):
            answer = await in_time(answer, decider.timeout)
        return answer if isinstance(answer, SessionPermissions) else Permission(answer)
    except Exception as error:
        _logger.error(
            "%s failed for user %s and %s: %s",
            decider.name,
            one_line(request.user_id),
            "flexible sync"
            if request.is_flexible
            else f"partition {one_line(repr(request.partition))}",
            one_line(f"{type(error).__name__}: {error}"),
            exc_info=None if isinstance(error, asyncio.TimeoutError) else error,
        )
        return None
