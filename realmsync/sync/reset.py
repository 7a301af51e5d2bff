"""A client reset: from the server's demand until what was recovered is uploaded.

The engine asks for one when nothing uses the file any more (csrc/client/sync_session.cpp), and what
becomes of the file is decided in csrc/realm/client_reset.cpp. Here lies what is between: a second
session downloads what the server has into a file beside it, and the application's callbacks see the
realm before and after. When the server has gone over to the other mode the file goes along
(flexible-sync.md 15); for another version of the schema it begins anew, when all is uploaded, and
nobody is called (16). All on the sync client's thread. Specification: client-session.md 13, 14.
"""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from realmsync import _core
from realmsync.callbacks import Callback
from realmsync.enums import ClientResetMode, SessionStopPolicy
from realmsync.errors import RealmError, SyncError
from realmsync.events import ResetRequired
from realmsync.model.realm import Realm
from realmsync.model.write import now as timestamp
from realmsync.sync.config import MISSING, ClientResetConfiguration, SyncConfiguration
from realmsync.sync.session import SyncSession

logger = logging.getLogger("realmsync.sync.client.reset")

T = TypeVar("T")
_TO_FLEXIBLE, _TO_PARTITION = "MigrateToFLX", "RevertToPBS"
_MIGRATIONS = (_TO_FLEXIBLE, _TO_PARTITION)
_TO_SCHEMA = "MigrateSchema"


class ResetHost(Protocol):
    """What a reset needs of the sync client."""

    @property
    def runtime(self) -> _core.ClientRuntime: ...
    def acquire(
        self,
        file: _core.RealmFile,
        config: SyncConfiguration,
        *,
        schema_version: int,
        of_reset: bool,
    ) -> SyncSession: ...
    def release(self, session: SyncSession, *, at_once: bool) -> None: ...


def _is_flexible(session: SyncSession, event: ResetRequired) -> bool:
    """How the file is synchronised afterwards: the server may have gone over to the other mode."""
    if event.action in _MIGRATIONS:
        return event.action == _TO_FLEXIBLE
    return session.config.flexible or session.file.is_migrated


async def reset(host: ResetHost, session: SyncSession, event: ResetRequired) -> None:
    """Resets the file of a session and tells the engine how that went.

    Cancelled when the session stops: then nothing happens to the file that has not begun, and the
    engine is told by who has cancelled it.
    """
    try:
        if event.action == _TO_SCHEMA:
            begun = await _whole(session.file.begin_anew)
            logger.info("%s %s", session.path, "begins anew" if begun else "has changes to upload")
            host.runtime.finish_reset(session.id, _is_flexible(session, event))
            return
        fresh = await _download(host, session, event)
        if event.action not in _MIGRATIONS and await _whole(session.file.is_untouched):
            await _whole(lambda: _remove(fresh))  # there is nothing to reset
        else:
            await _reset(session, fresh, event)
    except Exception as error:
        logger.warning("client reset of %s failed: %s", session.path, error)
        host.runtime.fail_reset(session.id, _reason_of(error))
        return
    host.runtime.finish_reset(session.id, _is_flexible(session, event))


async def acknowledge(session: SyncSession) -> None:
    """Waits until the server knows all that a reset has left, so that another one may come.

    Begun anew whenever the session starts, until the file has forgotten the reset.
    """
    try:
        await session.upload_all_local_changes()
        await session.download_all_server_changes()
        await _whole(session.file.forget_reset)
    except SyncError as error:
        logger.debug("the client reset of %s is not acknowledged: %s", session.path, error)


def _reason_of(error: Exception) -> str:
    return error.reason if isinstance(error, SyncError) else str(error) or repr(error)


async def _whole(function: Callable[[], T]) -> T:
    """Runs a function on a thread and, when cancelled, waits for its end nevertheless."""
    running = asyncio.get_running_loop().run_in_executor(None, function)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


async def _download(host: ResetHost, session: SyncSession, event: ResetRequired) -> str:
    """What the server has, in a file of a new client: its path."""
    path = f"{session.path}.realmsync-fresh"
    flexible = _is_flexible(session, event)
    file = await _whole(lambda: _open(path, flexible=flexible))
    config = dataclasses.replace(
        session.config,
        flexible=flexible,
        partition_value=MISSING if flexible else session.config.partition_value,
        client_reset=ClientResetConfiguration(mode=ClientResetMode.MANUAL),
        initial_subscriptions=None,
        on_error=lambda _, error: logger.debug("fresh download of %s: %s", session.path, error),
        session_stop_policy=SessionStopPolicy.IMMEDIATELY,
    )
    served = session.served_schema_version
    version = session.schema_version if served is None else served
    copy = host.acquire(file, config, schema_version=version, of_reset=True)
    copy.is_of_reset = True
    del file  # the session has it
    is_of_use = True  # for the next attempt, which goes on with it
    try:
        await copy.download_all_server_changes()
        if flexible:  # the classes are there; then what the realm subscribes to
            version = await _whole(lambda: _subscribe(session, copy, event))
            await copy._wait("download", None, version=version)
    except Exception:
        is_of_use = False
        raise
    finally:
        host.release(copy, at_once=True)
        await _whole(copy._wait_for_end)
        if not is_of_use:
            await _whole(lambda: _remove(path))
    return path


def _subscribe(session: SyncSession, copy: SyncSession, event: ResetRequired) -> int:
    if event.action == _TO_FLEXIBLE:
        return _core.subscribe_to_all(copy.file, event.partition_query, timestamp())
    return _core.import_subscriptions(session.file, copy.file, timestamp())


def _open(path: str, *, flexible: bool) -> _core.RealmFile:
    """An unfinished download goes on, unless the file is of no use, or of the other mode."""
    try:
        is_of_use = flexible or not _core.is_flexible(_core.RealmFile.open(path))
    except (RealmError, OSError):
        is_of_use = False
    if not is_of_use:
        _core.RealmFile.remove(path)
    file = _core.RealmFile.open(path)
    if flexible:
        _core.claim_flexible(file)
    return file


async def _reset(session: SyncSession, fresh: str, event: ResetRequired) -> None:
    """The file becomes what the server has; callbacks see it before and after."""
    hooks = session.reset_hooks
    if session.served_schema_version is not None:  # it is not the application's schema (14.5)
        hooks = hooks.without_realms()
    before = f"{session.path}.realmsync-before"
    actions = session.user.app.sync._file_actions
    kept = await _whole(lambda: actions.place(session.user))
    try:
        if hooks.on_before or hooks.on_after:
            await _whole(lambda: _copy(session.file, before))
        await _call(hooks.on_before, before)
        recovered, is_kept = await _whole(lambda: _change(session, fresh, kept, event))
        logger.info(
            "client reset of %s: local changes were %s",
            session.path,
            "recovered" if recovered else "discarded",
        )
        if is_kept:
            logger.warning("changes of %s are lost; the file as it was is %s", session.path, kept)
            if hooks.on_discard is not None:
                hooks.on_discard(session, kept)
        mode = session.config.client_reset.mode
        if recovered or mode is not ClientResetMode.RECOVER_OR_DISCARD_UNSYNCED_CHANGES:
            await _call(hooks.on_after, before, session.path)
        elif hooks.on_fallback is not None:
            hooks.on_fallback(session, kept if is_kept else "")
    finally:
        await _whole(lambda: _remove(before, fresh))


def _copy(file: _core.RealmFile, path: str) -> None:
    _core.RealmFile.remove(path)  # of a reset that was interrupted
    _core.FileCopy(file, path).run()


def _remove(*paths: str) -> None:
    for path in paths:
        _core.RealmFile.remove(path)


def _mode(session: SyncSession, event: ResetRequired) -> ClientResetMode:
    """Nobody is asked to change the mode by hand."""
    mode = ClientResetMode(session.config.client_reset.mode)
    is_by_hand = mode is ClientResetMode.MANUAL and event.action in _MIGRATIONS
    return ClientResetMode.RECOVER_UNSYNCED_CHANGES if is_by_hand else mode


def _change(session: SyncSession, fresh: str, kept: str, event: ResetRequired) -> tuple[bool, bool]:
    outcome = session.file.reset(
        _core.RealmFile.open(fresh),
        _mode(session, event).value,
        may_recover=event.may_recover,
        status=event.status,
        message=event.message,
        copy=kept,
        now_ms=int(time.time() * 1000),
        action=event.action,
        partition_query=event.partition_query,
        has_forgotten=event.has_forgotten,
    )
    session.user.app.sync._file_actions.withdraw(session.path)  # what an earlier error asked for
    return outcome


async def _call(callback: Callback | None, *paths: str) -> None:
    """Calls back with the realms at these paths, which are closed afterwards; raises what it does.

    They have the classes of their files, and belong to the loop and thread of the callback.
    """
    if callback is None:
        return

    async def call(function: Callable[..., Any]) -> None:
        realms: list[Realm] = []
        try:
            realms += [Realm(path=path) for path in paths]
            outcome = function(*realms)
            if inspect.isawaitable(outcome):
                await outcome
        finally:
            for realm in realms:
                realm.close()

    await callback.complete(call)
