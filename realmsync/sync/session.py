"""SyncSession: pause, resume, waits, progress and connection state of one synced file.

The state machine is csrc/client; threads and the registry are client.py. Specification:
client-session.md 3 to 6 and 16.2.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from types import TracebackType
from typing import NamedTuple, Protocol

from realmsync import _core
from realmsync.account.user import User
from realmsync.callbacks import Callback
from realmsync.codes import SyncCode
from realmsync.enums import (
    ClientResetMode,
    ConnectionState,
    ProgressDirection,
    ProgressMode,
    SessionLifecycleState,
    SessionState,
)
from realmsync.errors import (
    ClientResetError,
    SyncError,
    SyncOperationAborted,
    SyncTimeoutError,
)
from realmsync.events import ConnectionChanged, Errored, Progressed, WaitResolved
from realmsync.sync.config import SyncConfiguration
from realmsync.sync.progress import Progress, progress_function

logger = logging.getLogger("realmsync.sync")

# States in which a session takes part in its connection.
_CONNECTABLE = (SessionLifecycleState.ACTIVE, SessionLifecycleState.DYING)
_ACTIVE = (*_CONNECTABLE, SessionLifecycleState.WAITING_FOR_ACCESS_TOKEN)
# Reports that an `async for` has not taken yet; older ones make way.
_PENDING_REPORTS = 100


def seconds_of(timeout: float | timedelta | None) -> float | None:
    """A time-out in seconds."""
    return timeout.total_seconds() if isinstance(timeout, timedelta) else timeout


class SessionHost(Protocol):
    """What a session needs of the sync client."""

    lock: threading.RLock

    @property
    def runtime(self) -> _core.ClientRuntime: ...
    def release(self, session: SyncSession) -> None: ...


class _Snapshot(NamedTuple):
    """What the engine knows of a session, all at one time."""

    lifecycle: int
    connection: str
    file_ident: int


class SyncSession:
    """The session of a synced realm, shared by all realms of the same file.

    Callbacks run on the event loop on which they were registered, in order; without one, on the
    sync client's thread. All other methods may be called from any thread.
    """

    def __init__(
        self,
        client: SessionHost,
        id: int,
        path: str,
        file: _core.RealmFile,
        config: SyncConfiguration,
    ) -> None:
        self._client = client
        self._runtime = client.runtime
        self.id = id
        self.path = path
        self.file = file
        self.references = 0
        self.ended = threading.Event()
        self._config = config
        self._waits: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Future[bool]]] = {}
        self._tokens = itertools.count()
        self._connection_callbacks: dict[int, Callback] = {}
        self._progress: dict[int, tuple[Callable[..., object], Callback]] = {}
        on_manual = config.client_reset.on_manual
        self._on_error = Callback(config.on_error) if config.on_error is not None else None
        self._on_manual = Callback(on_manual) if on_manual is not None else None

    def __repr__(self) -> str:
        return f"<SyncSession of {self.path}: {self.lifecycle_state.name}>"

    # state

    @property
    def config(self) -> SyncConfiguration:
        """The configuration it was opened with."""
        return self._config

    @property
    def user(self) -> User:
        """Whose session it is."""
        return self._config.user

    @property
    def url(self) -> str:
        """The server's address for sync."""
        url: str = self.user.app.sync_route[0]
        return url

    @property
    def lifecycle_state(self) -> SessionLifecycleState:
        """One of all five states."""
        return SessionLifecycleState(self._snapshot().lifecycle)

    @property
    def state(self) -> SessionState:
        """ACTIVE or INACTIVE. Says nothing about the network: an offline session is active."""
        return SessionState.ACTIVE if self.lifecycle_state in _ACTIVE else SessionState.INACTIVE

    @property
    def connection_state(self) -> ConnectionState:
        """What the session sees of its connection."""
        return ConnectionState(self._snapshot().connection)

    @property
    def is_connected(self) -> bool:
        """Connected, and active."""
        now = self._snapshot()
        return (
            now.connection == ConnectionState.CONNECTED
            and SessionLifecycleState(now.lifecycle) in _CONNECTABLE
        )

    @property
    def file_ident(self) -> int:
        """The file's number on the server; 0 before the server gave it one."""
        return self._snapshot().file_ident

    def _snapshot(self) -> _Snapshot:
        return _Snapshot(*self._runtime.snapshot(self.id))

    # control

    def pause(self) -> None:
        """Stops both directions of this realm until `resume`. Sticky: nothing else starts it."""
        self._runtime.pause(self.id)

    def resume(self) -> None:
        """Goes on, at once: a reconnect delay is cut short."""
        self._runtime.resume(self.id, self.user._token_expired)

    def paused(self) -> _Paused:
        """A context, with or without async, in which the session is paused. Does not count."""
        return _Paused(self)

    def reconnect(self) -> None:
        """Ends delays; on an open connection, checks that it is alive."""
        self._runtime.reconnect(self.id)

    # waits

    async def upload_all_local_changes(self, timeout: float | timedelta | None = None) -> bool:
        """Waits until the server has acknowledged all that is written now. Gives True.

        Raises SyncTimeoutError after `timeout` seconds, SyncError when the session fails.
        """
        return await self._wait("upload", "Uploading", timeout)

    async def download_all_server_changes(self, timeout: float | timedelta | None = None) -> bool:
        """Waits until all that the server has now is in the file. Gives True; raises as above."""
        return await self._wait("download", "Downloading", timeout)

    async def _wait(self, direction: str, doing: str, timeout: float | timedelta | None) -> bool:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        with self._client.lock:  # the outcome may come before the number is known
            wait = self._runtime.wait(self.id, direction)
            self._waits[wait] = (loop, future)
        seconds = seconds_of(timeout)
        try:
            return await asyncio.wait_for(future, seconds)
        except asyncio.TimeoutError:
            raise SyncTimeoutError(
                f"Timed out: {doing} changes did not complete in {round((seconds or 0) * 1000)} ms."
            ) from None
        finally:
            with self._client.lock:
                self._waits.pop(wait, None)

    # progress

    def add_progress_notification(
        self,
        direction: ProgressDirection | str,
        mode: ProgressMode | str,
        callback: Callable[..., object],
    ) -> int:
        """Reports transfers to `callback(Progress)`, or to a callable with two parameters as
        (transferred, transferable). Called at once if there is something to report. Gives a token.
        """
        function = progress_function(callback)
        streaming = ProgressMode(mode) is ProgressMode.REPORT_INDEFINITELY
        with self._client.lock:
            token, first = self._runtime.add_notifier(
                self.id, ProgressDirection(direction).value, streaming
            )
            if token:
                self._progress[token] = (callback, Callback(function))
        if first is not None:
            function(Progress(*first[:3]))
        return token

    def remove_progress_notification(self, token_or_callback: int | Callable[..., object]) -> None:
        """Removes what was added; unknown tokens and callbacks are ignored."""
        with self._client.lock:
            tokens = [
                token
                for token, (callback, _) in self._progress.items()
                if token_or_callback in (token, callback)
            ]
            for token in tokens:
                del self._progress[token]
                self._runtime.remove_notifier(self.id, token)

    async def progress(
        self, direction: ProgressDirection | str, mode: ProgressMode | str
    ) -> AsyncIterator[Progress]:
        """Reports one by one. Ends by itself in one-shot mode."""
        direction, mode = ProgressDirection(direction), ProgressMode(mode)
        one_shot = mode is ProgressMode.FOR_CURRENTLY_OUTSTANDING_WORK
        reports: deque[Progress] = deque(maxlen=_PENDING_REPORTS)
        arrived = asyncio.Event()

        def take(report: Progress) -> None:
            reports.append(report)
            arrived.set()

        token = self.add_progress_notification(direction, mode, take)
        try:
            while True:
                while reports:
                    report = reports.popleft()
                    yield report
                    if one_shot and not reports and report.transferred >= report.transferable:
                        return
                arrived.clear()
                await arrived.wait()
        finally:
            self.remove_progress_notification(token)

    # connection

    def add_connection_notification(
        self, callback: Callable[[ConnectionState, ConnectionState], object]
    ) -> int:
        """Calls `callback(new, old)` when the connection state changes. Gives a token."""
        with self._client.lock:
            token = next(self._tokens)
            self._connection_callbacks[token] = Callback(callback)
        return token

    def remove_connection_notification(
        self, token_or_callback: int | Callable[..., object]
    ) -> None:
        """Removes what was added; unknown tokens and callbacks are ignored."""
        with self._client.lock:
            self._connection_callbacks = {
                token: callback
                for token, callback in self._connection_callbacks.items()
                if token_or_callback not in (token, callback.function)
            }

    async def connection_changes(self) -> AsyncIterator[tuple[ConnectionState, ConnectionState]]:
        """Changes of the connection state as (new, old), for ever."""
        queue: asyncio.Queue[tuple[ConnectionState, ConnectionState]] = asyncio.Queue()
        token = self.add_connection_notification(lambda new, old: queue.put_nowait((new, old)))
        try:
            while True:
                yield await queue.get()
        finally:
            self.remove_connection_notification(token)

    # for the sync client and the opening of realms

    def _release(self) -> None:
        """A realm was closed: its reference is given back."""
        self._client.release(self)

    def _force_close(self) -> None:
        """Ends the session, whoever else uses it."""
        self._runtime.force_close(self.id)

    def _matches(self, url: str) -> bool:
        """Whether a connection to this address is (also) for this session."""
        return url.startswith(self.url)

    # events, on the sync client's thread

    def _on_event(self, event: Progressed | WaitResolved | ConnectionChanged | Errored) -> None:
        """Called by the sync client with what is for the application."""
        match event:
            case Progressed():
                self._on_progress(event)
            case WaitResolved():
                self._on_wait(event.wait, event.status, event.message)
            case ConnectionChanged():
                self._on_connection(event)
            case Errored():
                self._on_errored(event)

    def _release_file(self) -> None:
        """The session is over: whoever still holds it does not keep the file open."""
        self.file.release_sync()
        del self.file
        self.ended.set()

    def _abandon_waits(self) -> None:
        """The session is gone: what still waits would wait for ever."""
        with self._client.lock:
            waits = list(self._waits)
        for wait in waits:
            self._on_wait(wait, SyncCode.OperationAborted.value, "Sync session became inactive")

    def _on_wait(self, wait: int, status: int, message: str) -> None:
        with self._client.lock:
            entry = self._waits.pop(wait, None)
        if entry is None:
            return  # nobody waits any more
        loop, future = entry

        def resolve() -> None:
            if future.done():
                return
            if status == SyncCode.Ok:
                future.set_result(True)
            elif status == SyncCode.OperationAborted:
                future.set_exception(SyncOperationAborted(message, code=status))
            else:
                future.set_exception(SyncError(message, code=status))

        try:
            loop.call_soon_threadsafe(resolve)
        except RuntimeError:
            logger.debug("the event loop of a wait is closed")

    def _on_connection(self, event: ConnectionChanged) -> None:
        new, old = ConnectionState(event.current), ConnectionState(event.previous)
        for token, callback in list(self._connection_callbacks.items()):
            if token in self._connection_callbacks:
                callback(new, old)

    def _on_progress(self, event: Progressed) -> None:
        with self._client.lock:
            entry = self._progress.get(event.token)
            if event.expired:
                self._progress.pop(event.token, None)
        if entry is not None:
            entry[1](Progress(event.transferred, event.transferable, event.estimate))

    def _on_errored(self, event: Errored) -> None:
        error = self._make_error(event)
        if (
            isinstance(error, ClientResetError)
            and self._config.client_reset.mode is ClientResetMode.MANUAL
            and self._on_manual is not None
        ):
            self._on_manual(self, self.path)
        elif self._on_error is not None:
            self._on_error(self, error)
        else:
            level = logging.ERROR if error.is_fatal else logging.WARNING
            logger.log(level, "session of %s: %s", self.path, error.reason)

    def _make_error(self, event: Errored) -> SyncError:
        info: dict[str, str] = {}
        if event.file_action != "none":
            info["ORIGINAL_FILE_PATH"] = self.path
        if event.file_action == "back_up_then_remove":
            info["RECOVERY_FILE_PATH"] = str(self.user.app.sync.recovery_path(self.path))
        make = ClientResetError if event.client_reset else SyncError
        return make(
            event.message,
            code=event.status,
            log_url=event.log_url,
            is_fatal=event.is_fatal,
            action=event.action,
            user_info=info,
        )


class _Paused:
    def __init__(self, session: SyncSession) -> None:
        self._session = session

    def __enter__(self) -> None:
        self._session.pause()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.resume()

    async def __aenter__(self) -> None:
        self._session.pause()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.resume()
