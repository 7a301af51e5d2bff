"""The sync client of an App. It starts a session with the first realm of a file and ends it with
the last one, and carries log-outs, new tokens and the end of the App to the sessions. Beneath it is
a background thread with an event loop of its own, on which the native engine and its sockets live.

What the engine decides is in csrc/client; sockets are in transport/. Specification:
client-session.md 2.6, 8 and 11.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import secrets
import threading
import weakref
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from math import inf
from typing import Any, Protocol

from realmsync import _core
from realmsync.account.user import User, absence_of
from realmsync.callbacks import Callback
from realmsync.codes import AppCode
from realmsync.enums import (
    ClientResetMode,
    SessionLifecycleState,
    SessionStopPolicy,
    UserState,
)
from realmsync.errors import (
    AppError,
    DeleteOnOpenRealmError,
    MismatchedConfigError,
    MultipleSyncAgentsError,
)
from realmsync.events import (
    ClientEvent,
    Connect,
    ConnectionChanged,
    Errored,
    FileActionDue,
    LifecycleChanged,
    LogOut,
    Progressed,
    RefreshLocation,
    RefreshToken,
    Released,
    ResetPending,
    ResetRequired,
    ServerLog,
    TransportEvent,
    WaitResolved,
)
from realmsync.process import tell_forks
from realmsync.sync.config import SessionCallbacks, SyncConfiguration
from realmsync.sync.renewal import Renewals
from realmsync.sync.reset import acknowledge, reset
from realmsync.sync.session import SyncSession
from realmsync.transport.loop import CLIENT_LIMITS, ClientDriver, new_event_loop
from realmsync.transport.websocket import monotonic_ms

logger = logging.getLogger("realmsync.sync.client")
session_logger = logger.getChild("session")
network_logger = logger.getChild("network")
server_logger = logging.getLogger("realmsync.sync.server")

# Outcomes of a token refresh that no later try can mend (client-session.md 11.3).
_AUTHENTICATION_CODES = {AppCode.ClientUserNotFound, AppCode.ClientUserNotLoggedIn}
_REFUSALS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_REDIRECTS = {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.PERMANENT_REDIRECT}
_STOPPED = (SessionLifecycleState.INACTIVE, SessionLifecycleState.PAUSED)
# What the end of the interpreter grants to a callback of the application.
_EXIT_SECONDS = 1.0


class SyncService(Protocol):
    """What the sync client needs of its app."""

    # Called with a user whose state or tokens have changed, in the thread that changed them.
    user_hooks: list[Callable[[User], None]]

    @property
    def sync_route(self) -> tuple[str, bool]: ...
    async def refresh_location(self) -> None: ...


class SyncClient:
    """Made with the first session of an App; methods may be called from any thread."""

    def __init__(
        self, service: SyncService, *, multiplexing: bool, user_agent: str, request_timeout: float
    ) -> None:
        self._service = weakref.ref(service)
        self.user_agent = user_agent
        # An attempt to connect may take what a request of the app may, which has one: at most.
        connect_ms = min(_core.connect_timeout_ms, (request_timeout or inf) * 1000)
        self.runtime = _core.ClientRuntime(
            workers=max(2, min(4, os.cpu_count() or 2)),
            seed=secrets.randbits(64),
            tuning={
                "download_limit_bytes": CLIENT_LIMITS.max_message,
                "connect_timeout_ms": max(1, round(connect_ms)),
            },
        )
        self.runtime.enable_multiplexing(multiplexing)
        self.lock = threading.RLock()
        # Whoever uses a session holds it; one that nobody uses but has not ended is in _ending.
        self.by_path: weakref.WeakValueDictionary[str, SyncSession] = weakref.WeakValueDictionary()
        self.by_id: weakref.WeakValueDictionary[int, SyncSession] = weakref.WeakValueDictionary()
        self._ending: dict[int, SyncSession] = {}
        self.server_log: Callback | None = None
        self._unheard: dict[tuple[int, str], list[str]] = {}  # errors to be logged, and whose
        self._logged_out: set[str] = set()  # users whose sessions wait for their next log-in
        self._refreshes: dict[str, set[int]] = {}  # by user, the sessions that wait for it
        self._relocations: dict[str, set[int]] = {}
        self._resets: dict[int, asyncio.Task[None]] = {}  # of sessions
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = new_event_loop()
        self._renewals = Renewals(self, self._loop)
        self._stopped = False
        self.is_parents = False
        self._driver: ClientDriver | None = None
        started = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="realmsync-sync", daemon=True
        )
        self._thread.start()
        started.wait()
        service.user_hooks.append(self._user_changed)
        tell_forks(self)
        # Daemon threads die at the end of the interpreter wherever they are: stop it before.
        atexit.register(self._at_exit)

    # the thread

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self._start, started)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._wind_up(asyncio.all_tasks(self._loop)))
            self._loop.close()

    async def _wind_up(self, tasks: set[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(5):  # sockets that were shut down hear of it, and close
            await asyncio.sleep(0)

    def _start(self, started: threading.Event) -> None:
        self._driver = ClientDriver(self.runtime, self._on_event, on_connect=self._connect)
        started.set()

    def _on_fork(self) -> None:
        self.is_parents = True
        _core.keep(self)  # the end of its loop and its sockets would be felt by the parent

    def _at_exit(self) -> None:
        self.stop(_EXIT_SECONDS)

    def stop(self, limit: float | None = None) -> None:
        """Ends all sessions, connections and the thread. Waits fail. Idempotent.

        Waits for a callback that runs on the thread, at most `limit` seconds.
        """
        if self._stopped or self.is_parents or threading.current_thread() is self._thread:
            return
        self._stopped = True
        atexit.unregister(self._at_exit)
        self.runtime.shutdown()

        def finish() -> None:
            for event in self.runtime.drain(monotonic_ms()):
                if not isinstance(event, TransportEvent):
                    self._on_event(event)
            if self._driver is not None:
                self._driver.close()
            self._loop.call_soon(self._loop.stop)

        self._loop.call_soon_threadsafe(finish)
        self._thread.join(limit)
        self.runtime.close()
        if (service := self._service()) is not None:
            service.user_hooks.remove(self._user_changed)
        with self.lock:
            for session in list(self.by_path.values()):
                # A job that was running will not be heard of any more, but it is over.
                self._let_go(session, "its app was closed")
            self.by_path.clear()
            self.by_id.clear()
            self._ending.clear()

    # sessions

    def acquire(
        self,
        file: _core.RealmFile,
        config: SyncConfiguration,
        *,
        schema_version: int,
        of_reset: bool = False,
    ) -> SyncSession:
        """The session of a file, with one more reference; revived if the user is logged in.

        `of_reset`: the file is the fresh copy of a client reset, and uploads nothing.
        """
        user = config.user
        path = str(file.path)
        with self.lock:  # so that a removal has come before, or finds the session
            if user.state is UserState.REMOVED:
                raise absence_of(user)
            session = self.by_path.get(path)
            self.require_fitting(path, config)
            if session is None:
                session = self._add(path, file, config, schema_version, of_reset)
            elif session.references == 0 or session._outlived_realm:  # its handlers are nobody's
                session._adopt(config, schema_version)
            elif config.flexible and session.schema_version != schema_version:
                raise MismatchedConfigError(
                    f"Realm at path '{path}' already opened with different schema version"
                )
            if session._outlived_realm:  # its reference is free again
                session._outlived_realm = False
            else:
                session.references += 1
            self._ending.pop(session.id, None)
            self.runtime.open_session(session.id)
            if user.is_logged_in and session.openings == 0:
                self.runtime.revive(session.id, user._token_expired)
        return session

    def require_fitting(self, path: str, config: SyncConfiguration) -> None:
        """Raises MismatchedConfigError for a file that has a session for somebody else, or of
        another partition or mode."""
        session = self.by_path.get(path)
        if session is not None and (
            session.config.user is not config.user
            or session.config.partition_json != config.partition_json
        ):
            raise MismatchedConfigError(
                f"Realm at path '{path}' already opened with different sync configuration"
            )

    def _add(
        self,
        path: str,
        file: _core.RealmFile,
        config: SyncConfiguration,
        schema_version: int,
        of_reset: bool,
    ) -> SyncSession:
        service = self._service()
        assert service is not None, "a user keeps its app alive"
        callbacks = SessionCallbacks(config)  # which it may refuse
        config.user._synchronises(path)
        if not file.try_claim_sync():
            raise MultipleSyncAgentsError(
                f"Another process, or another App of this one, synchronises the realm at '{path}'"
            )
        url, verified = service.sync_route
        if not config.user.is_logged_in:
            self._logged_out.add(config.user.id)
        partition = config.partition_json
        if partition is None and file.is_migrated:  # until it has left that
            partition = file.partition()
        try:
            id = self.runtime.add_session(
                file,
                user=config.user.id,
                partition=partition,
                url=url,
                access_token=config.user.access_token or "",
                verified=verified,
                connection_settings=config.connection_settings,
                stop_policy=SessionStopPolicy(config.session_stop_policy).value,
                cancel_waits=config.cancel_waits_on_non_fatal_error,
                manual_reset=config.client_reset.mode == ClientResetMode.MANUAL,
                fresh_copy=of_reset,
                flexible=config.flexible or file.is_migrated,
                schema_version=schema_version,
            )
        except BaseException:
            file.release_sync()
            raise
        session = SyncSession(self, id, path, file, config, callbacks, schema_version)
        self.by_path[path] = self.by_id[id] = session
        return session

    def release(self, session: SyncSession, *, at_once: bool) -> None:
        """Gives a reference back. The last one ends the session: by its stop policy, or at once.

        Whoever else has the file open, or is opening it, keeps the session running.
        """
        with self.lock:
            session.references -= 1
            if session.references > 0 or self._stopped:
                return
            self._ending[session.id] = self.by_id[session.id] = self.by_path[session.path] = session
            if at_once:
                self.runtime.force_close(session.id)
            self.runtime.close_session(session.id)

    def soon(self, function: Callable[[], object]) -> None:
        """Calls a function on this thread, which is the client's, after what has happened now."""
        self._loop.call_soon(function)

    def end(self, path: str) -> None:
        """Ends the session of a file without open realms; returns when the file is free.

        Raises DeleteOnOpenRealmError while a realm is open, and on the sync client's own thread
        when the session has not ended already.
        """
        with self.lock:
            session = self.by_path.get(path)
            if session is None:
                return
            if session.references > 0:
                raise DeleteOnOpenRealmError(f"the realm '{path}' is open")
            self.runtime.force_close(session.id)
        here = threading.current_thread() is self._thread
        if here or not session._wait_for_end():
            raise DeleteOnOpenRealmError(f"the session of '{path}' has not ended yet")

    def _released(self, session: SyncSession) -> None:
        with self.lock:
            if session.references > 0 or session.id not in self._ending:
                return
            if not self.runtime.is_released(session.id):
                return  # it has been opened and closed once more meanwhile: that will be told, too
            del self._ending[session.id]
            del self.by_id[session.id], self.by_path[session.path]
            # Under the lock: who no longer finds the session must find the file free.
            self._let_go(session, "its realms were closed")

    def _let_go(self, session: SyncSession, reason: str) -> None:
        self.runtime.remove_session(session.id)
        session._end(reason)
        session._release_file()

    def _user_changed(self, user: User) -> None:
        """Log-outs stop the user's sessions, the next log-in starts them again (2.3)."""
        if self._stopped:
            return
        with self.lock:
            sessions = [s for s in list(self.by_id.values()) if s.user is user]
            if not user.is_logged_in:
                for session in sessions:
                    session._on_log_out()
                self._logged_out.add(user.id)
                self.runtime.log_out(user.id)
            elif user.id in self._logged_out:
                self._logged_out.discard(user.id)
                self.runtime.set_access_token(user.id, user.access_token or "")
            else:  # whoever has asked for it hears of it in _refresh
                self.runtime.keep_access_token(user.id, user.access_token or "")
        if user.state is UserState.REMOVED:
            for session in sessions:
                session._end("its user was removed")

    # events, on the client's thread

    def _on_event(self, event: ClientEvent) -> None:
        if isinstance(event, ServerLog):
            self._log(event)
            return
        session = self.by_id.get(event.session)
        if session is None:
            return  # it is over; nobody is left to be told
        match event:
            case ConnectionChanged():
                network_logger.debug("session of %s: %s", session.path, event.current)
                session._on_event(event)
            case Progressed() | WaitResolved() | Errored():
                session._on_event(event)
            case FileActionDue():
                session._note(event.file_action)
            case Released():
                self._released(session)
                session._on_state()
            case RefreshToken():
                self._asking(self._refreshes, session.user, self._refresh).add(session.id)
            case RefreshLocation():
                asking = self._asking(self._relocations, session.user, self._refresh_location)
                asking.add(session.id)
            case LogOut():
                session.user.log_out_locally()
            case ResetRequired():
                task = self._spawn(reset(self, session, event))
                self._resets[session.id] = task
                task.add_done_callback(lambda ended: self._reset_ended(session.id, ended))
            case ResetPending():
                if session.acknowledgement is not None:  # whose waits may be over already
                    session.acknowledgement.cancel()
                session.acknowledgement = self._spawn(acknowledge(session))
            case LifecycleChanged():
                # `lifecycle_state` asks the engine
                state = SessionLifecycleState(event.state).name
                session_logger.debug("session of %s: %s", session.path, state)
                session._on_state()
                if event.state not in _STOPPED:
                    self._renewals.watch(session.user)
                elif running := self._resets.get(session.id):
                    running.cancel()
            case _:
                raise TypeError(f"no session event: {event!r}")

    def _reset_ended(self, id: int, task: asyncio.Task[None]) -> None:
        del self._resets[id]
        if task.cancelled():  # perhaps before its first step
            self.runtime.fail_reset(id, "the session was stopped")

    def _connect(self, event: Connect) -> None:
        assert self._driver is not None
        network_logger.debug("connecting to %s", event.url.partition("?")[0])  # a token follows
        session = self.by_id.get(event.session)
        try:
            if session is None:  # it is over, which others of the connection need not be
                reason = "the session that wanted it has ended"
                self.runtime.closed(event.connection, None, reason, monotonic_ms())
                return
            config = session.config
            context = config.ssl.context() if event.url.startswith("wss:") else None
        except OSError as error:  # the file is no longer what it was
            self.runtime.connect_failed(
                event.connection, "tls", 0, f"certificate_path: {error}", monotonic_ms()
            )
            return
        finally:
            self._driver.activity()
        self._driver.connect(
            event.connection,
            event.url,
            event.subprotocols,
            self._headers(config),
            ssl_context=context,
            proxy=config.proxy,
        )

    def _headers(self, config: SyncConfiguration) -> dict[str, str]:
        headers = dict(config.custom_http_headers)
        if not any(name.lower() == "user-agent" for name in headers):
            headers["User-Agent"] = self.user_agent
        return headers

    def log_error(self, level: int, path: str, reason: str) -> None:
        """Logs an error of a session whose application does not want to be called.

        On this thread. Sessions that have it together, as they lost their connection, share a line.
        """
        if not self._unheard:
            self.soon(self._log_unheard)
        self._unheard.setdefault((level, reason), []).append(path)

    def _log_unheard(self) -> None:
        errors, self._unheard = self._unheard, {}
        for (level, reason), (path, *others) in errors.items():
            more = f" and of {len(others)} others" if others else ""
            session_logger.log(level, "session of %s%s: %s", path, more, reason)

    def _log(self, event: ServerLog) -> None:
        text = f"Server log: {event.message}"
        if self.server_log is not None:
            self.server_log(event.level, text)
        else:
            server_logger.debug(text)

    def _spawn(self, coroutine: Any) -> asyncio.Task[None]:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # tokens and places: one request serves all sessions of a user who ask meanwhile

    def is_running(self, user: User) -> bool:
        """Whether a session of the user is neither stopped nor paused."""
        with self.lock:
            sessions = [s for s in list(self.by_id.values()) if s.user is user]
        return any(s.lifecycle_state not in _STOPPED for s in sessions)

    def renew(self, user: User) -> None:
        """Gets a new access token that no session has asked for."""
        self._asking(self._refreshes, user, self._refresh)

    def _asking(
        self,
        requests: dict[str, set[int]],
        user: User,
        request: Callable[[User], Coroutine[Any, Any, None]],
    ) -> set[int]:
        """The sessions that wait for the user's request, which is begun if there is none."""
        if user.id not in requests:
            requests[user.id] = set()
            self._spawn(request(user))
        return requests[user.id]

    async def _refresh(self, user: User) -> None:
        try:
            token = await user.refresh_access_token()
        except Exception as error:  # whatever it is: the sessions wait for an answer
            asking = self._refreshes.pop(user.id)
            self._renewals.failed(user, None if asking else error)
            for id in asking:
                self._refresh_failed(id, error)
            return
        with self.lock:  # so that no log-out comes between
            if self._refreshes.pop(user.id) and user.is_logged_in:
                self.runtime.set_access_token(user.id, token)

    async def _refresh_location(self, user: User) -> None:
        service = self._service()
        if service is None:
            return
        try:
            await service.refresh_location()
            token = await user.refresh_access_token()
        except Exception as error:  # whatever it is: the sessions wait for an answer
            for id in self._relocations.pop(user.id):
                self._refresh_failed(id, error)
            return
        url, verified = service.sync_route
        for id in self._relocations.pop(user.id):
            self.runtime.set_route(id, url, token, verified)

    def _refresh_failed(self, id: int, error: Exception) -> None:
        if not isinstance(error, AppError | OSError | asyncio.TimeoutError):
            logger.error("refreshing an access token failed", exc_info=error)
        status = getattr(error, "status", None)
        code = getattr(error, "code", None)
        authentication = status in _REFUSALS or code in _AUTHENTICATION_CODES
        if status in _REFUSALS:
            message = f"Unable to refresh the user access token: {error}"
        elif status in _REDIRECTS:
            authentication = True
            message = f"Unhandled redirect response when trying to reach the server: {error}"
        else:
            message = str(error)
        reported = AppCode.AuthError if authentication else code or AppCode.HTTPError
        self.runtime.token_refresh_failed(id, authentication, reported, message)
