"""`app.sync`: the sync client's settings and the sessions of an App.

Specification: client-session.md 16.4.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realmsync import _core
from realmsync.account.app import AppServices
from realmsync.account.places import PartitionValue
from realmsync.account.user import User
from realmsync.callbacks import Callback
from realmsync.enums import LogCategory, LogLevel
from realmsync.errors import ArgumentTypeError, IllegalOperationError, InvalidArgumentError
from realmsync.logs import set_log_level
from realmsync.naming import Explained, shown
from realmsync.process import forked
from realmsync.sync.config import (
    DOWNLOAD_BEFORE_OPEN_BEHAVIOR,
    OPEN_LOCAL_REALM_BEHAVIOR,
    SyncConfiguration,
)
from realmsync.sync.file_actions import FileActions
from realmsync.sync.open_task import OpenSyncedRealmTask
from realmsync.sync.session import SyncSession
from realmsync.version import __version__

if TYPE_CHECKING:
    from realmsync.sync.client import SyncClient


class AppSync(Explained):
    """The synchronisation of an App."""

    OPEN_LOCAL_REALM_BEHAVIOR = OPEN_LOCAL_REALM_BEHAVIOR
    DOWNLOAD_BEFORE_OPEN_BEHAVIOR = DOWNLOAD_BEFORE_OPEN_BEHAVIOR

    def __init__(self, app: AppServices) -> None:
        self._app = app
        self._client: SyncClient | None = None
        self._multiplexing = app.config.multiplex_sessions
        self._user_agent = f"realmsync/{__version__}"
        self._logger: Callback | None = None
        self._file_actions = FileActions(app)

    # What a SyncConfiguration passes on from its realm.

    def _before_opening(self, path: Path) -> None:
        self.require_own()
        self._file_actions.run_earlier(str(path))

    def _attach(
        self, file: _core.RealmFile, config: SyncConfiguration, schema_version: int
    ) -> SyncSession:
        """The session of a file; starts the sync client."""
        self.require_own()
        if self._client is None:
            # With the sockets beneath, a third of the time that `import realmsync` would take.
            from realmsync.sync.client import SyncClient

            self._client = SyncClient(
                self._app,
                multiplexing=self._multiplexing,
                user_agent=self._user_agent,
                request_timeout=self._app.config.timeout,
            )
            self._client.server_log = self._logger
        return self._client.acquire(file, config, schema_version=schema_version)

    def _require_fitting(self, file: _core.RealmFile, config: SyncConfiguration) -> None:
        """Raises MismatchedConfigError while a migrated file is synchronised in the other mode."""
        if self._client is not None and file.is_migrated:  # opening it would change that
            self._client.require_fitting(str(file.path), config)

    def _open(self, config: Any, sync: SyncConfiguration) -> OpenSyncedRealmTask:
        return OpenSyncedRealmTask(config, sync)

    @property
    def is_parents(self) -> bool:
        """Whether it was synchronising when this process was forked: then it is the parent's."""
        return self._client is not None and self._client.is_parents

    def require_own(self) -> None:
        """Raises ForkedProcessError when it is the parent's."""
        if self.is_parents:
            raise forked("App")

    # Settings.

    def _before_start(self, what: str) -> None:
        self.require_own()
        if self._client is not None:
            raise IllegalOperationError(f"Cannot {what} after creating the sync client")

    def enable_session_multiplexing(self) -> None:
        """Lets sessions of a user share a connection, as is the default."""
        if not self._multiplexing:
            self._before_start("enable session multiplexing")
            self._multiplexing = True

    def set_user_agent(self, text: str) -> None:
        """Adds to the User-Agent of sync connections. Before the first synced realm.

        Raises InvalidArgumentError for what a header cannot hold.
        """
        if not isinstance(text, str) or not text.isascii() or not text.isprintable():
            raise InvalidArgumentError(f"a user agent is printable ASCII text, not {shown(text)}")
        self._before_start("set the user agent")
        self._user_agent = f"realmsync/{__version__} {text}"

    def set_log_level(self, level: LogLevel | str | int) -> None:
        """Sets from which level on the category "Realm.Sync" is logged, of all apps."""
        set_log_level(level, LogCategory.SYNC)

    def set_logger(self, callback: Callable[[str, str], object] | None) -> None:
        """Sends the server's log messages to `callback(level, message)`; None ends that."""
        self._logger = None if callback is None else Callback(callback)
        if self._client is not None:
            self._client.server_log = self._logger

    def _sessions(self) -> list[SyncSession]:
        self.require_own()
        if self._client is None:
            return []
        with self._client.lock:
            sessions = list(self._client.by_path.values())
        return [s for s in sessions if _is_in_use(s)]

    def get_all_sync_sessions(self, user: User) -> list[SyncSession]:
        """The sessions of a user's open realms. Raises ArgumentTypeError for what is no User."""
        _require_user(user)
        return [s for s in self._sessions() if s.user is user]

    def get_sync_session(self, user: User, partition_value: PartitionValue) -> SyncSession | None:
        """The session of a partition's realm at its default path, if that is open."""
        _require_user(user)
        self.require_own()
        path = str(user.realm_path(partition_value).resolve())
        session = None if self._client is None else self._client.by_path.get(path)
        if session is None or session.user is not user or not _is_in_use(session):
            return None
        return session

    @property
    def has_existing_sessions(self) -> bool:
        """Whether a synced realm is open."""
        return bool(self._sessions())

    def reconnect(self) -> None:
        """Has all sessions try again at once, as `session.reconnect()` does: for a user's order."""
        for session in self._sessions():
            session.reconnect()

    def notify_network_change(self) -> None:
        """Says that the network may be another one now: for a system's news of it, however many.

        Connections that wait try again at once, open ones are checked with a PING. Other than
        `reconnect`, it leaves alone what the server has asked for: delays that it gave, and
        sessions that an error has stopped. It counts once in 30 seconds: what is told meanwhile
        counts as one at their end, and delays that began anew with the first are not longer.
        """
        self.require_own()
        if self._client is not None:
            self._client.runtime.notify_network_change()

    @property
    def recovered_changes(self) -> list[str]:
        """Paths of files that were kept, newest last: changes are in them that a realm has lost.

        By a reset in any mode, and when the server had a realm deleted. Each is a whole realm as it
        was before: open it with `Realm(path=...)`. They stay until you delete them, or remove their
        user.
        """
        return [str(path) for path in self._file_actions.kept()]

    def initiate_client_reset(self, path: str | os.PathLike[str]) -> str | None:
        """Does now what an error has asked for: the next opening of the realm begins anew.

        Without it that is done when the next run of the program opens the realm. Puts the file
        aside and gives its new place; one that the server had deleted is deleted, unless it has
        unsent changes: then None. A session that is still uploading is ended, and
        waited for: `await session.shut_down_and_wait()` before it spares the event loop that.

        Raises InvalidArgumentError for a file of which no error has asked for anything, and
        DeleteOnOpenRealmError while a realm of the file is open.
        """
        self.require_own()
        source = str(Path(path).resolve())
        self._file_actions.require(source)
        if self._client is not None:
            self._client.end(source)
        place = self._file_actions.run(source)
        return None if place is None else str(place)

    def stop(self) -> None:
        """Ends all sessions and the sync client's thread; a later realm starts it anew."""
        if self._client is None or self.is_parents:
            return
        client, self._client = self._client, None
        client.stop()


def _require_user(user: object) -> None:
    if not isinstance(user, User):
        raise ArgumentTypeError(f"Expected 'user' to be a User, got {shown(user)}")


def _is_in_use(session: SyncSession) -> bool:
    """Whether the application has a realm open with it."""
    return session.references > 0 and not session.is_of_reset
