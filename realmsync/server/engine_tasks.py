"""What operators ask of the engine: classes of an app, client files to be reset, new histories.

The engine answers each request with an Administered event, when it is stored; here that is waited
for. What is asked for, and by whom, is somebody else's matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from realmsync.apps.plain_schemas import PlainClass
from realmsync.events import Administered
from realmsync.transport.websocket import monotonic_ms


class AdministeredEngine(Protocol):
    """The part of the native engine that is asked; each call gives the number of its answer."""

    def install_schema(self, app_id: str, classes: list[PlainClass], now_ms: int) -> int: ...
    def replace_schema(self, app_id: str, classes: list[PlainClass], now_ms: int) -> int: ...
    def schema(self, app_id: str, now_ms: int) -> int: ...
    def force_reset(self, app_id: str, file_ident: int, now_ms: int) -> int: ...
    def terminate(self, app_id: str, now_ms: int) -> int: ...


class EngineTaskError(Exception):
    """The engine does not do it, for the reason that it gives; nothing has changed."""


class EngineTasks:
    """Requests that are on their way, of one engine.

    force_reset(), done() and close() are for the thread of the running loop; everything else is for
    worker threads, which it blocks.
    """

    def __init__(self, engine: AdministeredEngine, activity: Callable[[], None]) -> None:
        """`activity` is called when the engine has been asked something."""
        self._engine = engine
        self._activity = activity
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[Administered]] = {}

    def done(self, event: Administered) -> None:
        """The engine has answered."""
        future = self._waiting.pop(event.task, None)
        if future is None or future.done():
            return
        if event.error is None:
            future.set_result(event)
        else:
            future.set_exception(EngineTaskError(event.error))

    def close(self) -> None:
        """Nothing will be answered any more: who waits is told so."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(EngineTaskError("the server is stopping"))
        self._waiting.clear()

    async def force_reset(self, app_id: str, file_ident: int) -> None:
        """Resets a client file, now or when it comes. Raises EngineTaskError if there is none."""
        await self._answer(lambda now: self._engine.force_reset(app_id, file_ident, now))

    def terminate(self, app_id: str) -> None:
        """Histories begin anew, and no client file is known. Raises EngineTaskError."""
        self._block(lambda now: self._engine.terminate(app_id, now))

    def schema(self, app_id: str) -> list[PlainClass]:
        """The classes that the app has by now. Raises EngineTaskError."""
        return self._block(lambda now: self._engine.schema(app_id, now)).classes or []

    def has_client_files(self, app_id: str) -> bool:
        """Whether there is a client that the app knows. Raises EngineTaskError."""
        return self._block(lambda now: self._engine.schema(app_id, now)).has_client_files

    def install_schema(self, app_id: str, classes: list[PlainClass]) -> None:
        """Adds what the app has not. Raises EngineTaskError for what contradicts it."""
        self._block(lambda now: self._engine.install_schema(app_id, classes, now))

    def replace_schema(self, app_id: str, classes: list[PlainClass]) -> None:
        """Drops what is not among the classes, too; all clients start afresh then."""
        self._block(lambda now: self._engine.replace_schema(app_id, classes, now))

    async def _answer(self, ask: Callable[[int], int]) -> Administered:
        future: asyncio.Future[Administered] = self._loop.create_future()
        self._waiting[ask(monotonic_ms())] = future
        self._activity()
        return await future

    def _block(self, ask: Callable[[int], int]) -> Administered:
        return asyncio.run_coroutine_threadsafe(self._answer(ask), self._loop).result()
