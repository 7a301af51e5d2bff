"""Realm.open of a synced realm: at once, or after a download, with progress, time-out and cancel.

Specification: client-session.md 7.1 to 7.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

from realmsync import _core
from realmsync.enums import OpenRealmBehaviorType, OpenRealmTimeOutBehavior, ProgressMode
from realmsync.errors import OpenCancelledError, SyncOperationAborted, SyncTimeoutError
from realmsync.model.configuration import file_path, option
from realmsync.model.realm import Realm
from realmsync.sync.config import (
    DOWNLOAD_BEFORE_OPEN_BEHAVIOR,
    OpenRealmBehaviorConfiguration,
    SyncConfiguration,
)
from realmsync.sync.progress import Progress, progress_function
from realmsync.sync.session import SyncSession

_CANCELLED = "Async open canceled"


class OpenRealmTask:
    """A realm being opened: await it. Begins at once; needs a running event loop."""

    def __init__(self, config: Any, sync: SyncConfiguration) -> None:
        self._config = config
        self._sync = sync
        self._path = file_path(config)
        self._session: SyncSession | None = None
        self._cancelled = False
        self._callbacks: list[Callable[[Progress], object]] = []
        self._tokens: list[int] = []
        self._task = asyncio.get_running_loop().create_task(self._run())

    def __await__(self) -> Generator[Any, None, Realm]:
        return self._task.__await__()

    def progress(self, callback: Callable[..., object]) -> OpenRealmTask:
        """Reports the download; called at once with nothing done yet. Gives this task."""
        function = progress_function(callback)
        function(Progress(0, 0, 1.0))
        if not self._task.done():
            self._callbacks.append(function)
            if self._session is not None:
                self._report(self._session, function)
        return self

    def cancel(self) -> None:
        """Gives up; awaiting raises OpenCancelledError. Stops the file's session."""
        if self._task.done() or self._cancelled:
            return
        self._cancelled = True
        if self._session is not None:
            self._stop(self._session)

    def _report(self, session: SyncSession, function: Callable[[Progress], object]) -> None:
        mode = ProgressMode.REPORT_INDEFINITELY
        self._tokens.append(
            session.add_progress_notification("download", mode, lambda p: function(p))
        )

    def _stop(self, session: SyncSession) -> None:
        for token in self._tokens:
            session.remove_progress_notification(token)
        session._force_close()

    def _open(self) -> Realm:
        return Realm(self._config)

    def _behavior(self) -> OpenRealmBehaviorConfiguration:
        exists = self._path.exists()
        sync = self._sync
        given = sync.existing_realm_file_behavior if exists else sync.new_realm_file_behavior
        return given or DOWNLOAD_BEFORE_OPEN_BEHAVIOR

    async def _run(self) -> Realm:
        behavior = self._behavior()
        if behavior.type is OpenRealmBehaviorType.OPEN_IMMEDIATELY:
            if self._cancelled:
                raise OpenCancelledError(_CANCELLED)
            return self._open()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        durability = option(self._config, "durability", "full")
        file = _core.RealmFile.open(str(self._path), durability=durability)
        session: SyncSession = self._sync._attach(file)
        self._session = session
        try:
            for function in self._callbacks:
                self._report(session, function)
            if self._cancelled:
                raise OpenCancelledError(_CANCELLED)
            return await self._download(session, behavior)
        finally:
            for token in self._tokens:
                session.remove_progress_notification(token)
            self._session = None
            session._release()

    async def _download(
        self, session: SyncSession, behavior: OpenRealmBehaviorConfiguration
    ) -> Realm:
        try:
            await session.download_all_server_changes(behavior.time_out)
        except SyncTimeoutError:
            self._stop(session)
            if behavior.time_out_behavior is OpenRealmTimeOutBehavior.OPEN_LOCAL_REALM:
                return self._open()  # revives the session, which downloads in the background
            milliseconds = round((behavior.time_out or 0) * 1000)
            raise SyncTimeoutError(
                "Timed out: Realm could not be downloaded in the allocated time:"
                f" {milliseconds} ms."
            ) from None
        except SyncOperationAborted as error:
            raise OpenCancelledError(_CANCELLED) from error
        if self._cancelled:
            raise OpenCancelledError(_CANCELLED)
        return self._open()
