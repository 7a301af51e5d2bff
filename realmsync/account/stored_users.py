"""Users of an app on disk: tokens, profile, state, and who is the current one.

A small SQLite file beside the realms, opened by Python's own SQLite and by nothing else. Several
processes may use it. Specification: app-services-http.md section 17.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realmsync.enums import UserState

if TYPE_CHECKING:
    import sqlite3

_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY,
    state INTEGER NOT NULL,
    access_token TEXT NOT NULL,
    refresh_token TEXT NOT NULL,
    device_id TEXT NOT NULL,
    identities TEXT NOT NULL,
    profile TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS current_user (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id TEXT NOT NULL
);
"""

# In the order of their numbers in the file.
_STATES = (UserState.LOGGED_OUT, UserState.LOGGED_IN, UserState.REMOVED)

_ALL = (
    "SELECT id, state, access_token, refresh_token, device_id, identities, profile "
    "FROM users ORDER BY rowid"
)


@dataclass
class StoredUser:
    """One user as stored."""

    id: str
    state: UserState = UserState.LOGGED_OUT
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    device_id: str = ""
    identities: list[tuple[str, str]] = field(default_factory=list)
    profile: dict[str, Any] = field(default_factory=dict)


class UserStore:
    """The users file of one app. Without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def load(self) -> tuple[dict[str, StoredUser], str | None]:
        """All users and the current one's id. Creates nothing."""
        if self._path is None or not self._path.exists():
            return {}, None
        with self._open() as database:
            users = {row[0]: _from_row(row) for row in database.execute(_ALL)}
            row = database.execute("SELECT id FROM current_user").fetchone()
        return users, row[0] if row else None

    def save(self, user: StoredUser) -> None:
        """Stores a user, durably."""
        if self._path is None:
            return
        with self._open() as database:
            database.execute(
                "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                "state = excluded.state, access_token = excluded.access_token, "
                "refresh_token = excluded.refresh_token, device_id = excluded.device_id, "
                "identities = excluded.identities, profile = excluded.profile",
                (
                    user.id,
                    _STATES.index(user.state),
                    user.access_token,
                    user.refresh_token,
                    user.device_id,
                    json.dumps(user.identities),
                    json.dumps(user.profile),
                ),
            )

    def save_current(self, user_id: str | None) -> None:
        """Stores who the current user is."""
        if self._path is None:
            return
        with self._open() as database:
            database.execute("DELETE FROM current_user")
            if user_id is not None:
                database.execute("INSERT INTO current_user VALUES (1, ?)", (user_id,))

    def forget(self, user_id: str) -> None:
        """Deletes a user."""
        if self._path is None or not self._path.exists():
            return
        with self._open() as database:
            database.execute("DELETE FROM users WHERE id = ?", (user_id,))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        import sqlite3  # programs that never log in do without it

        assert self._path is not None
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Tokens are as good as passwords: nobody else may read them.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        with contextlib.closing(sqlite3.connect(self._path, timeout=10)) as database:
            database.executescript(_SCHEMA)
            with database:
                yield database


def _from_row(row: tuple[Any, ...]) -> StoredUser:
    id, state, access_token, refresh_token, device_id, identities, profile = row
    return StoredUser(
        id,
        _STATES[state],
        access_token,
        refresh_token,
        device_id,
        [(item[0], item[1]) for item in json.loads(identities)],
        json.loads(profile),
    )
