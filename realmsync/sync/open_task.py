"""Realm.open of a synced realm: at once, or after a download, with progress, time-out and cancel.

Specification: client-session.md 7.1 to 7.3, 14.5. An opening has a reference to the session of its
own: one that fails or is cancelled stops the session only if nobody else uses the file.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from realmsync import _core
from realmsync.callbacks import Callback
from realmsync.enums import OpenRealmBehaviorType, OpenRealmTimeOutBehavior, ProgressMode
from realmsync.errors import AppError, OpenCancelledError, SyncOperationAborted, SyncTimeoutError
from realmsync.model.configuration import file_path, open_file, option
from realmsync.model.in_thread import in_thread
from realmsync.model.realm import OpenRealmTask, Realm
from realmsync.sync.config import (
    DOWNLOAD_BEFORE_OPEN_BEHAVIOR,
    OpenRealmBehaviorConfiguration,
    SyncConfiguration,
)
from realmsync.sync.session import SyncSession

logger = logging.getLogger("realmsync.sync.client.session")


def _drop(_: _core.RealmFile) -> None:
    """What happens to a file that is open by the time nobody wants it: dropping it closes it."""


class _Limit:
    """The time that an opening may take."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    @property
    def rest(self) -> float | None:
        """Seconds that are left of it."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.0)


class OpenSyncedRealmTask(OpenRealmTask):
    """A synced realm being opened."""

    def __init__(self, config: Any, sync: SyncConfiguration) -> None:
        self._sync = sync
        self._path = file_path(config)
        self._is_new = False  # known once it is opened
        self._refused: int | None = None  # the latest subscriptions, as the file has them then
        self._session: SyncSession | None = None
        self._callbacks: list[Callback] = []
        self._tokens: list[int] = []
        super().__init__(config)

    def _follow(self, callback: Callback) -> None:
        if self._task is None or not self._task.done():
            self._callbacks.append(callback)
            if self._session is not None:
                self._report(self._session, callback)

    def cancel(self) -> None:
        super().cancel()
        if self._cancelled:
            self._report_no_more()

    def _report(self, session: SyncSession, callback: Callback) -> None:
        mode = ProgressMode.REPORT_INDEFINITELY
        self._tokens.append(session.add_progress_notification("download", mode, callback.here))

    def _report_no_more(self) -> None:
        if self._session is not None and not self._session.is_parents:
            for token in self._tokens:
                self._session.remove_progress_notification(token)
        self._tokens.clear()

    def _behavior(self) -> OpenRealmBehaviorConfiguration:
        sync = self._sync
        given = sync.new_realm_file_behavior if self._is_new else sync.existing_realm_file_behavior
        return given or DOWNLOAD_BEFORE_OPEN_BEHAVIOR

    async def _run(self) -> Realm:
        session = self._session = await self._attach()
        behavior = self._behavior()
        session.openings += 1
        opened = False
        try:
            downloads = behavior.type is OpenRealmBehaviorType.DOWNLOAD_BEFORE_OPEN
            limit = _Limit(behavior.seconds)
            if downloads:
                for callback in self._callbacks:
                    self._report(session, callback)
                await self._until(partial(self._download, session), limit, behavior)
            realm = await super()._run()
            if downloads and self._sync.flexible:
                await self._synchronise(realm, limit, behavior)
            opened = True
            return realm
        finally:
            self._report_no_more()
            self._session = None
            session.openings -= 1
            session._release(at_once=not opened)

    async def _attach(self) -> SyncSession:
        """The session of the file. Here, not in a thread: its callbacks belong to this loop."""
        file = await in_thread(self._open_file, _drop)
        try:
            self._refused = self._sync._refused_version(file)
            session: SyncSession = self._sync._attach(file, option(self._config, "schema_version"))
        except BaseException as error:
            traceback.clear_frames(error.__traceback__)  # nobody shall keep the file open
            raise
        finally:
            del file
        return session

    def _open_file(self) -> _core.RealmFile:
        self._sync._before_opening(self._path)
        self._is_new = not self._path.exists()
        file = open_file(self._config)
        try:
            self._sync._claim(file)
        except BaseException as error:
            del file
            traceback.clear_frames(error.__traceback__)  # nobody shall keep the file open
            raise
        return file

    async def _download(self, session: SyncSession, seconds: float | None) -> None:
        """What the server has, for the version of the schema that the realm is opened with."""
        limit = _Limit(seconds)
        await session._download_to_open(limit.rest)
        # No realm shall lose its classes while it is open.
        while session.served_schema_version is not None and session.references == session.openings:
            await session._wait("upload", limit.rest, to_open=True)
            session._migrate_schema()
            await session._download_to_open(limit.rest)

    async def _synchronise(
        self, realm: Realm, limit: _Limit, behavior: OpenRealmBehaviorConfiguration
    ) -> None:
        """Waits for the latest subscriptions, of an earlier opening or of this one.

        Those that the server had refused before are no error of this opening, which has not asked
        for them: what is in force goes on (6.4).
        """
        subscriptions = realm.subscriptions
        if subscriptions.version == self._refused:
            logger.warning(
                "the subscriptions %d of %s are refused, and those before stay in force until there"
                " are others: %s",
                subscriptions.version,
                self._path,
                subscriptions.error,
            )
            return
        try:
            await self._until(subscriptions._wait_to_open, limit, behavior)
        except BaseException:
            realm.close()
            raise

    async def _until(
        self,
        wait: Callable[[float | None], Awaitable[object]],
        limit: _Limit,
        behavior: OpenRealmBehaviorConfiguration,
    ) -> None:
        may_be_local = behavior.time_out_behavior is OpenRealmTimeOutBehavior.OPEN_LOCAL_REALM
        try:
            await wait(limit.rest)
        except (SyncTimeoutError, AppError) as error:
            if may_be_local:
                return  # the download goes on in the background
            if isinstance(error, AppError):
                raise
            milliseconds = round((behavior.seconds or 0) * 1000)
            late = SyncTimeoutError(
                "Timed out: Realm could not be downloaded in the allocated time:"
                f" {milliseconds} ms."
            )
            late.explanation = error.explanation
            raise late from None
        except SyncOperationAborted as error:
            raise OpenCancelledError("Async open canceled") from error
