"""What can be read of a session: its configuration, its state, what it does and waits for.

How the state comes about is csrc/client; what can be done with a session is session.py.
Specification: client-session.md 3 and 16.2.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, Protocol, TypeVar

from realmsync import _core
from realmsync.account.user import User
from realmsync.enums import ConnectionState, DownloadPhase, SessionLifecycleState, SessionState
from realmsync.naming import Explained
from realmsync.process import forked
from realmsync.sync.config import SyncConfiguration
from realmsync.sync.explanation import explain

# States in which a session takes part in its connection.
_CONNECTABLE = (SessionLifecycleState.ACTIVE, SessionLifecycleState.DYING)
_ACTIVE = (*_CONNECTABLE, SessionLifecycleState.WAITING_FOR_ACCESS_TOKEN)


class FactsHost(Protocol):
    """Where they are read."""

    is_parents: bool  # this is a copy in a forked child

    @property
    def runtime(self) -> _core.ClientRuntime: ...


Host = TypeVar("Host", bound=FactsHost)


class _Snapshot(NamedTuple):
    """What the engine knows of a session, all at one time."""

    lifecycle: int
    connection: str
    file_ident: int


class SessionFacts(Explained, Generic[Host]):
    """The session as it is now. May be read from any thread."""

    def __init__(
        self, host: Host, id: int, path: str, file: _core.RealmFile, config: SyncConfiguration
    ) -> None:
        self._host = host
        self.id = id
        self.path = path
        self.file = file
        self._config = config
        self._reason: str | None = None  # why it has ended for good

    def __repr__(self) -> str:
        state = "the parent process's" if self._host.is_parents else self.lifecycle_state.name
        return f"<SyncSession of {self.path}: {state}>"

    @property
    def is_parents(self) -> bool:
        """Whether this process was forked while it lived: then it is of no use here."""
        return self._host.is_parents

    @property
    def _client(self) -> Host:
        if self.is_parents:
            raise forked("session")
        return self._host

    @property
    def _runtime(self) -> _core.ClientRuntime:
        return self._client.runtime

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

    @property
    def has_unsynced_changes(self) -> bool:
        """Whether the file has changes that the server has not acknowledged. Reads the file."""
        return self._reason is None and self.file.has_unsent()

    @property
    def is_syncing(self) -> bool:
        """Whether something is known to be on its way, or would be if there were a connection.

        Reads the file.
        """
        facts = self._runtime.situation(self.id)
        if SessionLifecycleState(facts["lifecycle"]) not in _ACTIVE:
            return False
        return bool(facts["downloadable_bytes"]) or self.has_unsynced_changes

    @property
    def download_phase(self) -> DownloadPhase:
        """STEADY while changes come as they happen; RECEIVING while there is known to be more.

        In flexible sync WAITING, too, before any data of new subscriptions have come, and APPLYING
        when all have come and cannot be read yet. Reads the file.
        """
        phase = DownloadPhase(self._runtime.situation(self.id)["phase"])
        is_late = phase is DownloadPhase.STEADY and self._config._awaits_set(self.file)
        return DownloadPhase.WAITING if is_late else phase

    @property
    def next_attempt_in(self) -> float | None:
        """Seconds until it tries again by itself: to connect, or what an error has suspended.

        None when no attempt is due: it is connected or just connecting, or something else has to
        happen first, which `explain` tells.
        """
        delay = self._runtime.situation(self.id)["next_attempt_ms"]
        return None if delay is None else delay / 1000

    def explain(self) -> str:
        """Why a wait waits: what the session is doing, or what it waits for itself, in one line.

        ::

            offline, the next attempt is in 12.0 s, 512 bytes are to be uploaded
        """
        if self._reason is not None:
            return f"ended: {self._reason}"
        end = self._runtime.end(self.id)
        return explain(
            self._runtime.situation(self.id),
            None if end is None else end[1],
            is_logged_in=self.user.is_logged_in,
        )

    def _snapshot(self) -> _Snapshot:
        return _Snapshot(*self._runtime.snapshot(self.id))
