"""Users of an app on disk: tokens, profile, state, realm files, and who is the current one.

A small SQLite file beside the realms, opened by Python's own SQLite and by nothing else. Several
processes may use it: each stores only what it has changed. Specification: app-services-http.md
section 17.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realmsync.enums import UserState
from realmsync.errors import StorageError
from realmsync.folders import make_private_folder, private

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
CREATE TABLE IF NOT EXISTS files (
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (user_id, name)
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

    # Every method raises StorageError.

    def load(self) -> tuple[dict[str, StoredUser], str | None]:
        """All users and the current one's id. Creates no file."""
        if self._path is None or not self._path.exists():
            return {}, None
        with self._open() as database:
            users = {row[0]: _from_row(row) for row in database.execute(_ALL)}
            row = database.execute("SELECT id FROM current_user").fetchone()
        return users, row[0] if row else None

    def save(self, user: StoredUser, names: Iterable[str], log_in: str | None = None) -> None:
        """Stores the named members, durably; of a user who is not in the file, all.

        With `log_in`, a refresh token, only while the file has that log-in: what another process
        has begun or ended since is newer.
        """
        if self._path is None:
            return
        row = _to_row(user)
        with self._open() as database:
            if log_in is None:
                database.execute(
                    f"INSERT INTO users ({', '.join(row)}) VALUES ({', '.join('?' * len(row))}) "
                    "ON CONFLICT (id) DO NOTHING",
                    tuple(row.values()),
                )
            changes = {name: row[name] for name in names}
            database.execute(
                f"UPDATE users SET {', '.join(f'{name} = ?' for name in changes)} "
                "WHERE id = ? AND refresh_token = coalesce(?, refresh_token)",
                (*changes.values(), user.id, log_in),
            )

    def save_current(self, user_id: str | None) -> None:
        """Stores who the current user is."""
        if self._path is None:
            return
        with self._open() as database:
            database.execute("DELETE FROM current_user")
            if user_id is not None:
                database.execute("INSERT INTO current_user VALUES (1, ?)", (user_id,))

    def add_file(self, user_id: str, name: str) -> None:
        """Notes a realm file of a user that is not in the user's folder, but in the app's."""
        if self._path is None:
            return
        with self._open() as database:
            database.execute("INSERT OR IGNORE INTO files VALUES (?, ?)", (user_id, name))

    def files(self, user_id: str) -> list[str]:
        """Names of the files that were noted."""
        if self._path is None:
            return []
        with self._open() as database:
            return [
                name
                for (name,) in database.execute(
                    "SELECT name FROM files WHERE user_id = ?", (user_id,)
                )
            ]

    def forget(self, user_id: str) -> None:
        """Deletes a removed user, unless another process has logged in as that user again."""
        if self._path is None:
            return
        removed = _STATES.index(UserState.REMOVED)
        with self._open() as database:
            database.execute("DELETE FROM users WHERE id = ? AND state = ?", (user_id, removed))
            database.execute(
                "DELETE FROM files WHERE user_id = ?1 AND "
                "NOT EXISTS (SELECT 1 FROM users WHERE id = ?1)",
                (user_id,),
            )

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        import sqlite3  # programs that never log in do without it

        path = self._path
        assert path is not None
        try:
            if not path.exists():
                make_private_folder(path.parent)
                # Tokens are as good as passwords: nobody else may read them.
                os.close(private(str(path), os.O_CREAT | os.O_RDWR))
            with contextlib.closing(sqlite3.connect(path, timeout=10)) as database:
                if not _is_complete(database):
                    database.executescript(_SCHEMA)
                with database:
                    yield database
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"cannot use the users' file {path}: {error}") from error
        except (ValueError, TypeError, LookupError) as error:  # of a row
            raise StorageError(f"the users' file {path} is damaged: {error}") from error


def _is_complete(database: sqlite3.Connection) -> bool:
    """Whether the file has all tables: nothing is written then, where nothing may be."""
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    return {"users", "files", "current_user"} <= tables


def _to_row(user: StoredUser) -> dict[str, Any]:
    return vars(user) | {
        "state": _STATES.index(user.state),
        "identities": json.dumps(user.identities),
        "profile": json.dumps(user.profile),
    }


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
