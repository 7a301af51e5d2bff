"""SyncSession: pause, resume, waits, progress and connection state of one synced file.

The state machine is csrc/client; threads and the registry are client.py. Specification:
client-session.md 3 to 6 and 16.2.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any, Literal, Protocol

from realmsync import _core
from realmsync.account.user import absence_of
from realmsync.callbacks import Callback
from realmsync.codes import SyncCode
from realmsync.durations import seconds_of
from realmsync.enums import (
    ClientResetMode,
    ConnectionState,
    ProgressDirection,
    ProgressMode,
    SessionState,
    SessionStopPolicy,
    member,
)
from realmsync.errors import (
    ClientResetError,
    RealmError,
    SyncError,
    SyncOperationAborted,
)
from realmsync.events import ConnectionChanged, Errored, Progressed, WaitResolved
from realmsync.progress import Progress, progress_function
from realmsync.sync.config import SessionCallbacks, SyncConfiguration
from realmsync.sync.facts import FactsHost, SessionFacts
from realmsync.sync.failure import aborted, error_of, sync_error
from realmsync.sync.notifiers import Notifiers
from realmsync.sync.paused import Paused
from realmsync.sync.stream import Stream, Streams
from realmsync.sync.waits import Wait, Waits

logger = logging.getLogger("realmsync.sync.client.session")

# Far more than a session takes to end: a job of the file may be running.
_END_SECONDS = 30.0
# Reports that an `async for` has not taken yet; older ones make way.
_PENDING_REPORTS = 100


class SessionHost(FactsHost, Protocol):
    """What a session needs of the sync client."""

    lock: threading.RLock

    def release(self, session: SyncSession, *, at_once: bool) -> None: ...
    def soon(self, function: Callable[[], object]) -> None: ...
    def log_error(self, level: int, path: str, reason: str) -> None: ...


class SyncSession(SessionFacts[SessionHost]):
    """The session of a synced realm, shared by all realms of the same file.

    Callbacks run on the event loop on which they were registered, in order; without one, on the
    sync client's thread. They may be asynchronous (callbacks.py). All other methods may be called
    from any thread.

    A session ends with the last realm of its file, with its app, and when its user is removed: then
    waits raise SyncOperationAborted and iterators end. (When that realm is dropped instead of
    closed, it ends when this object is dropped, too.) While an error has stopped it, both raise
    that error; `resume` and whatever else starts it again make up for it. After a log-out waits are
    kept: they go on when the user logs in again.
    """

    def __init__(
        self,
        client: SessionHost,
        id: int,
        path: str,
        file: _core.RealmFile,
        config: SyncConfiguration,
        callbacks: SessionCallbacks,
        schema_version: int,
    ) -> None:
        super().__init__(client, id, path, file, config)
        self.references = 0
        self.openings = 0  # that have started it already: their realms do not do so once more
        self._outlived_realm = False  # the last reference is that of this object itself
        self._collected = False
        self.ended = threading.Event()
        self.schema_version = schema_version  # of the realms
        self._stop_policy = SessionStopPolicy(config.session_stop_policy)
        self._waits = Waits()
        self._streams = Streams()
        self._failure: SyncError | None = None  # what the application was told of last
        self._tokens = itertools.count(1)
        self._connection_notifiers = Notifiers()
        self._progress_notifiers = Notifiers()
        self._take_handlers(callbacks)
        self.acknowledgement: asyncio.Task[None] | None = None  # of a reset: see reset.py
        self.is_of_reset = False  # its file is a reset's, and no realm of the application's

    # control

    def pause(self) -> None:
        """Stops both directions of this realm until `resume`. Sticky: nothing else starts it."""
        self._runtime.pause(self.id)

    def resume(self) -> None:
        """Goes on, at once: a reconnect delay is cut short. Nothing when it has ended for good."""
        if self._reason is None:  # a removed user's session exists until its realms are closed
            self._runtime.resume(self.id, self.user._token_expired)

    def paused(self) -> Paused:
        """A context, with or without async, in which the session is paused. Does not count."""
        return Paused(self)

    async def pause_and_wait(self, timeout: float | timedelta | None = None) -> None:
        """Pauses, and waits until nothing of the session uses its file or the network any more.

        Raises SyncTimeoutError after `timeout` seconds (it is paused all the same), and
        SyncOperationAborted when the session is started again meanwhile.
        """
        await self._wait_for_release(self._runtime.pause, timeout)

    async def shut_down_and_wait(self, timeout: float | timedelta | None = None) -> None:
        """The same, but whatever starts sessions starts it again: another opening, a log-in.

        Ends the session of a closed realm that is still uploading, so that its file can be deleted.
        """
        await self._wait_for_release(self._runtime.force_close, timeout)

    @property
    def stop_policy(self) -> SessionStopPolicy:
        """What happens when the last realm is closed. A change counts at once, also after that."""
        return self._stop_policy

    @stop_policy.setter
    def stop_policy(
        self, policy: SessionStopPolicy | Literal["after-upload", "immediately", "never"]
    ) -> None:
        policy = member(SessionStopPolicy, policy, "stop_policy")
        with self._client.lock:
            self._stop_policy = policy
            self._runtime.set_stop_policy(self.id, policy.value)

    def reconnect(self) -> None:
        """Tries again at once, whatever it waits for; checks that an open connection is alive.

        Ends a delay of its connection and one after an error, also one that the server has asked
        for. Use `app.sync.notify_network_change` for what is only a reason to look.
        """
        self._runtime.reconnect(self.id)

    # waits

    async def upload_all_local_changes(self, timeout: float | timedelta | None = None) -> bool:
        """Waits until the server has acknowledged all that is written now. Gives True.

        Raises SyncTimeoutError after `timeout` seconds, SyncError when the session fails or has
        failed, SyncOperationAborted when it has ended.
        """
        return await self._wait("upload", timeout)

    async def download_all_server_changes(self, timeout: float | timedelta | None = None) -> bool:
        """Waits until all that the server has now is in the file. Gives True; raises as above."""
        return await self._wait("download", timeout)

    async def _wait(
        self,
        direction: str,
        timeout: float | timedelta | None,
        *,
        to_open: bool = False,
        version: int | None = None,
    ) -> bool:
        """Waits for a transfer or, with a version, for that set of subscriptions."""
        seconds, wait = seconds_of(timeout), Wait.here(to_open)
        with self._client.lock:  # the outcome may come before the number is known
            if to_open and not self.user.is_logged_in:
                raise self._refusal()
            if self._reason is not None:
                raise self._aborted()
            if version is None:
                number = self._runtime.wait(self.id, direction)
            else:
                number = self._runtime.wait_for_set(self.id, version)
            self._waits.add(number, wait)
        try:
            doing = f"{direction.capitalize()}ing changes"
            if version is not None:
                doing = f"Synchronising subscriptions {version}"
            return await wait.outcome(seconds, doing, self)
        finally:
            with self._client.lock:
                self._waits.take(number)

    async def _wait_for_release(
        self, stop: Callable[[int], None], timeout: float | timedelta | None
    ) -> None:
        seconds, wait = seconds_of(timeout), Wait.here()
        with self._client.lock:  # or what has happened before it is stopped would count
            self._waits.for_release.append(wait)
            stop(self.id)
            self._on_state()
        try:
            await wait.outcome(seconds, "Stopping the session", self)
        finally:
            with self._client.lock:
                if wait in self._waits.for_release:
                    self._waits.for_release.remove(wait)

    # progress

    def add_progress_notification(
        self,
        direction: ProgressDirection | str,
        mode: ProgressMode | str,
        callback: Callable[..., object],
    ) -> int:
        """Reports transfers to `callback(Progress)`, or to a callable with two parameters as
        (transferred, transferable). Called at once if there is something to report; what it raises
        then is raised here, and it is not registered. Gives a token: 0, which is nobody's, when the
        session has ended.
        """
        direction = ProgressDirection(direction)
        function = Callback(progress_function(callback))
        streaming = ProgressMode(mode) is ProgressMode.REPORT_INDEFINITELY
        with self._client.lock:
            if self._reason is not None:  # the engine may still know it
                return 0
            token, first = self._runtime.add_notifier(
                self.id, direction.value, streaming, self._config._latest_version(self.file)
            )
            if token:
                self._progress_notifiers.add(token, callback, function)
        if first is not None:
            try:
                function.here(Progress(*first[:3]))
            except BaseException:  # who does not get the token cannot remove it
                self.remove_progress_notification(token)
                raise
        return token

    def remove_progress_notification(self, token_or_callback: int | Callable[..., object]) -> None:
        """Removes what was added; unknown tokens and callbacks are ignored."""
        with self._client.lock:
            for token in self._progress_notifiers.remove(token_or_callback):
                self._runtime.remove_notifier(self.id, token)

    async def progress(
        self, direction: ProgressDirection | str, mode: ProgressMode | str
    ) -> AsyncIterator[Progress]:
        """Reports one by one. Ends with the session, in one-shot mode also by itself."""
        direction, mode = ProgressDirection(direction), ProgressMode(mode)
        one_shot = mode is ProgressMode.FOR_CURRENTLY_OUTSTANDING_WORK
        reports: Stream[Progress] = self._stream(_PENDING_REPORTS)
        token = self.add_progress_notification(direction, mode, reports.put)
        try:
            async for report in reports:
                yield report
                if one_shot and reports.is_empty and token not in self._progress_notifiers:
                    return
        finally:
            self.remove_progress_notification(token)
            self._streams.discard(reports)

    # connection

    def add_connection_notification(
        self, callback: Callable[[ConnectionState, ConnectionState], object]
    ) -> int:
        """Calls `callback(new, old)` when the connection state changes. Gives a token."""
        with self._client.lock:
            token = next(self._tokens)
            self._connection_notifiers.add(token, callback, Callback(callback))
        return token

    def remove_connection_notification(
        self, token_or_callback: int | Callable[..., object]
    ) -> None:
        """Removes what was added; unknown tokens and callbacks are ignored."""
        with self._client.lock:
            self._connection_notifiers.remove(token_or_callback)

    async def connection_changes(self) -> AsyncIterator[tuple[ConnectionState, ConnectionState]]:
        """Changes of the connection state as (new, old). Ends with the session."""
        changes: Stream[tuple[ConnectionState, ConnectionState]] = self._stream()
        token = self.add_connection_notification(lambda new, old: changes.put((new, old)))
        try:
            async for change in changes:
                yield change
        finally:
            self.remove_connection_notification(token)
            self._streams.discard(changes)

    def _stream(self, limit: int | None = None) -> Stream[Any]:
        """A stream that ends when the session does; it may have."""
        stream: Stream[Any] = Stream(limit)
        with self._client.lock:
            self._streams.add(stream)
            if self._reason is not None:
                stream.end()
            elif (end := self._runtime.end(self.id)) is not None:
                stream.end(error_of(self._failure, *end, is_fatal=True))
        return stream

    # for the sync client and the opening of realms

    async def _download_to_open(self, timeout: float | timedelta | None) -> None:
        """A wait for what the server has, on behalf of a realm that is being opened.

        A log-out ends it with the error of `absence_of`; no log-in is waited for.
        """
        await self._wait("download", timeout, to_open=True)

    @property
    def served_schema_version(self) -> int | None:
        """The one that the server serves the file under, if it is not that of the realms."""
        return self._runtime.served_schema_version(self.id)

    def _migrate_schema(self) -> None:
        """Has the file begin anew (reset.py), unless somebody has done so; waits stay."""
        self._runtime.migrate_schema(self.id)

    def _take_handlers(self, callbacks: SessionCallbacks) -> None:
        self._on_error, self._on_manual = callbacks.on_error, callbacks.on_manual
        self.reset_hooks = callbacks

    def _adopt(self, config: SyncConfiguration, schema_version: int) -> None:
        """Its realms are closed, and one with this configuration goes on with it.

        Called with the client's lock, for the same user and partition. What the connection and the
        engine were given stays as it was.
        """
        callbacks = SessionCallbacks(config)  # which it may refuse
        self.stop_policy = SessionStopPolicy(config.session_stop_policy)
        self.schema_version = schema_version
        self._runtime.set_schema_version(self.id, schema_version)
        self._take_handlers(callbacks)

    def _release(self, *, at_once: bool = False) -> None:
        """A realm was closed, or an opening has ended: its reference is given back.

        The last one ends the session as its stop policy says, or at once.
        """
        if not self._host.is_parents:
            self._host.release(self, at_once=at_once)

    def _drop(self) -> None:
        """A realm was dropped without having been closed: who holds its session, goes on."""
        with self._client.lock:
            if self.references == 1 and not self._collected:
                self._outlived_realm = True
                return
        self._release()

    def __del__(self) -> None:
        self._collected = True
        if self._outlived_realm and not self.is_parents:
            self._outlived_realm = False
            self._release()

    # events, on the sync client's thread

    def _on_event(self, event: Progressed | WaitResolved | ConnectionChanged | Errored) -> None:
        """Called by the sync client with what is for the application."""
        match event:
            case Progressed():
                with self._client.lock:
                    notifier = self._progress_notifiers.find(event.token, expired=event.expired)
                if notifier is not None:
                    notifier(Progress(event.transferred, event.transferable, event.estimate))
            case WaitResolved():
                self._on_wait(event.wait, event.status, event.message)
            case ConnectionChanged():
                self._connection_notifiers.tell(
                    ConnectionState(event.current), ConnectionState(event.previous)
                )
            case Errored():
                self._on_errored(event)

    def _wait_for_end(self) -> bool:
        """Waits until nothing of the session uses its file; False when that takes too long."""
        return self.ended.wait(_END_SECONDS)

    def _release_file(self) -> None:
        """The session is over: whoever still holds it does not keep the file open."""
        self.file.release_sync()
        del self.file
        self.ended.set()
        self._on_state()

    def _on_state(self) -> None:
        """The state has changed, or the file was released: who waits for the end may be told."""
        with self._host.lock:
            if not self._waits.for_release:
                return
            error = None
            if not self.ended.is_set():
                if self.state is SessionState.ACTIVE:
                    error = aborted("The session was started again")
                elif self.references == 0 or not self._runtime.is_released(self.id):
                    return
            self._waits.resolve_release(error)

    def _on_log_out(self) -> None:
        """The user has just been logged out. Called with the client's lock."""
        if self._waits.has_openings:
            self._waits.end_openings(self._refusal())

    def _refusal(self) -> RealmError:
        """Why nothing is opened: the log-out, or the failure that the user is gone by."""
        end = self._runtime.end(self.id)
        return (
            absence_of(self.user) if end is None else error_of(self._failure, *end, is_fatal=True)
        )

    def _end(self, reason: str) -> None:
        """The session has ended for good: what still waits or listens would do so for ever."""
        with self._client.lock:
            if self._reason is None:
                self._reason = reason
            self._waits.end(self._aborted())
            self._streams.end()

    def _aborted(self) -> SyncOperationAborted:
        return aborted(f"Sync session became inactive: {self._reason}")

    def _on_wait(self, number: int, status: int, message: str) -> None:
        with self._client.lock:
            wait = self._waits.take(number)
        if wait is None:
            return  # nobody waits any more
        if status == SyncCode.Ok:
            wait.resolve(None)
            return
        # The error itself is told last (12.4): then there is more to say than a code.
        self._waits.fail_later(wait, status, message)
        self._client.soon(self._fail_waits)

    def _fail_waits(self) -> None:
        self._waits.fail(lambda status, message: error_of(self._failure, status, message))

    def _on_errored(self, event: Errored) -> None:
        error = self._failure = sync_error(event, self)
        self._fail_waits()
        end = self._runtime.end(self.id)
        if end is not None:
            with self._client.lock:
                self._streams.end(error_of(self._failure, *end, is_fatal=True))
        if (
            isinstance(error, ClientResetError)
            and self._config.client_reset.mode is ClientResetMode.MANUAL
            and self._on_manual is not None
        ):
            self._on_manual(self, error.recovery_path)
        elif self._on_error is not None:
            self._on_error(self, error)
        else:
            level = logging.ERROR if error.is_fatal else logging.WARNING
            self._host.log_error(level, self.path, error.reason)

    def _note(self, action: str) -> str:
        """Notes what an error makes of the file; gives where it goes if it is kept."""
        if self.is_of_reset:
            return ""  # it goes with its reset
        place: str = self.user.app.sync._file_actions.note(self.path, action, self.user)
        return place
