"""Who may use which app: users, their identities, passwords and log-ins, in a small SQLite file.

The file is opened by Python's own SQLite on one thread and by nothing else; synced data is in other
files, which Python never opens (two copies of SQLite on one file break its locks). The form of
names and passwords is in credentials.py, that of tokens in auth.py. Specification:
app-services-http.md 8.3, 10.2, 11.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from realmsync.server.accounts.credentials import (
    hash_password,
    is_outdated,
    password_matches,
    unguessable,
)

Result = TypeVar("Result")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER))
) STRICT;
CREATE TABLE IF NOT EXISTS identities (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    provider TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS identities_of_user ON identities (user_id);
-- An account exists from its registration on; its user from the first log-in on.
CREATE TABLE IF NOT EXISTS accounts (
    app_id TEXT NOT NULL,
    email TEXT NOT NULL,
    password BLOB NOT NULL, -- as credentials.py stores it
    identity_id TEXT REFERENCES identities ON DELETE CASCADE,
    PRIMARY KEY (app_id, email)
) STRICT, WITHOUT ROWID;
-- One log-in; its refresh token is good as long as the row is there.
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    device_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_of_user ON sessions (user_id);
"""


@dataclass(frozen=True)
class Identity:
    """One way in which a user can log in."""

    id: str
    provider: str
    email: str | None


@dataclass(frozen=True)
class UserRecord:
    """A user as stored."""

    id: str
    app_id: str
    disabled: bool
    identities: tuple[Identity, ...]


class NameInUse(Exception):
    """The account name is taken."""


class IdentityTaken(Exception):
    """The account belongs to another user."""


def new_id() -> str:
    """24 hexadecimal digits nobody else has."""
    return os.urandom(12).hex()


class Users:
    """The user file. Coroutines for the event loop; the work is done on threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="realmsync-users")
        # Two at a time: strangers must not occupy the machine with wrong passwords.
        self._hashing = ThreadPoolExecutor(2, thread_name_prefix="realmsync-passwords")
        self._no_such_account = b""

    async def open(self) -> None:
        """Opens or creates the file."""

        def work() -> None:
            self._database = sqlite3.connect(self._path, isolation_level=None)
            self._database.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                "BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;"
            )

        await self._in_thread(work)
        self._no_such_account = await self._run(self._hashing, unguessable)

    async def close(self) -> None:
        """Closes the file."""
        await self._in_thread(lambda: self._database.close())
        self._thread.shutdown(wait=False)
        self._hashing.shutdown(wait=False)

    async def register(self, app_id: str, email: str, password: str) -> None:
        """Creates an account. Raises NameInUse."""
        hashed = await self._hash(password)

        def work() -> None:
            try:
                self._database.execute(
                    "INSERT INTO accounts (app_id, email, password) VALUES (?, ?, ?)",
                    (app_id, email, hashed),
                )
            except sqlite3.IntegrityError:
                raise NameInUse from None

        await self._in_thread(work)

    async def check_password(self, app_id: str, email: str, password: str) -> bool:
        """Whether the account exists and this is its password; as slow in either case."""

        def work() -> bytes | None:
            row = self._database.execute(
                "SELECT password FROM accounts WHERE app_id = ? AND email = ?", (app_id, email)
            ).fetchone()
            return None if row is None else bytes(row[0])

        stored = await self._in_thread(work)
        matches = await self._run(
            self._hashing, lambda: password_matches(password, stored or self._no_such_account)
        )
        if stored is None or not matches:
            return False
        if is_outdated(stored):
            await self._store_anew(app_id, email, password, stored)
        return True

    async def _store_anew(self, app_id: str, email: str, password: str, outdated: bytes) -> None:
        hashed = await self._hash(password)
        await self._in_thread(
            lambda: self._database.execute(
                # Unless it was changed meanwhile.
                "UPDATE accounts SET password = ? WHERE app_id = ? AND email = ? AND password = ?",
                (hashed, app_id, email, outdated),
            )
        )

    async def user_of_account(self, app_id: str, email: str) -> UserRecord:
        """The account's user, made at its first log-in."""

        def work() -> UserRecord:
            row = self._database.execute(
                "SELECT user_id FROM accounts JOIN identities ON identity_id = identities.id "
                "WHERE app_id = ? AND email = ?",
                (app_id, email),
            ).fetchone()
            if row is not None:
                return self._load(row[0])
            user_id = self._create_user(app_id)
            self._attach_account(app_id, email, user_id)
            return self._load(user_id)

        return await self._in_transaction(work)

    async def link_account(self, app_id: str, email: str, user_id: str) -> None:
        """Makes the account one of the user's identities. Raises IdentityTaken."""

        def work() -> None:
            row = self._database.execute(
                "SELECT user_id FROM accounts JOIN identities ON identity_id = identities.id "
                "WHERE app_id = ? AND email = ?",
                (app_id, email),
            ).fetchone()
            if row is None:
                self._attach_account(app_id, email, user_id)
            elif row[0] != user_id:
                raise IdentityTaken

        await self._in_transaction(work)

    async def create_anonymous(self, app_id: str) -> UserRecord:
        """A new user without a name."""

        def work() -> UserRecord:
            user_id = self._create_user(app_id)
            self._database.execute(
                "INSERT INTO identities (id, user_id, provider) VALUES (?, ?, 'anon-user')",
                (new_id(), user_id),
            )
            return self._load(user_id)

        return await self._in_transaction(work)

    async def open_session(self, user_id: str, device_id: str) -> str:
        """Records a log-in; gives its id."""
        session_id = new_id()
        await self._in_thread(
            lambda: self._database.execute(
                "INSERT INTO sessions (id, user_id, device_id) VALUES (?, ?, ?)",
                (session_id, user_id, device_id),
            )
        )
        return session_id

    async def user_of_session(self, session_id: str) -> UserRecord | None:
        """The user who logged in, or None when that log-in has ended."""

        def work() -> UserRecord | None:
            row = self._database.execute(
                "SELECT user_id FROM sessions WHERE id = ?", (session_id,)
            ).fetchone()
            return None if row is None else self._load(row[0])

        return await self._in_thread(work)

    async def close_session(self, session_id: str) -> None:
        """Ends a log-in."""
        await self._in_thread(
            lambda: self._database.execute("DELETE FROM sessions WHERE id = ?", (session_id,))
        )

    async def delete_user(self, user_id: str) -> None:
        """Forgets a user with all identities, accounts and log-ins."""
        await self._in_thread(
            lambda: self._database.execute("DELETE FROM users WHERE id = ?", (user_id,))
        )

    async def set_disabled(self, user_id: str, disabled: bool) -> None:
        """Locks a user out, or lets him in again."""
        await self._in_thread(
            lambda: self._database.execute(
                "UPDATE users SET disabled = ? WHERE id = ?", (int(disabled), user_id)
            )
        )

    def _create_user(self, app_id: str) -> str:
        user_id = new_id()
        self._database.execute("INSERT INTO users (id, app_id) VALUES (?, ?)", (user_id, app_id))
        return user_id

    def _attach_account(self, app_id: str, email: str, user_id: str) -> None:
        identity_id = new_id()
        self._database.execute(
            "INSERT INTO identities (id, user_id, provider) VALUES (?, ?, 'local-userpass')",
            (identity_id, user_id),
        )
        self._database.execute(
            "UPDATE accounts SET identity_id = ? WHERE app_id = ? AND email = ?",
            (identity_id, app_id, email),
        )

    def _load(self, user_id: str) -> UserRecord:
        app_id, disabled = self._database.execute(
            "SELECT app_id, disabled FROM users WHERE id = ?", (user_id,)
        ).fetchone()
        rows = self._database.execute(
            "SELECT identities.id, provider, email FROM identities "
            "LEFT JOIN accounts ON identity_id = identities.id "
            "WHERE user_id = ? ORDER BY identities.rowid",
            (user_id,),
        )
        return UserRecord(user_id, app_id, bool(disabled), tuple(Identity(*row) for row in rows))

    async def _hash(self, password: str) -> bytes:
        return await self._run(self._hashing, lambda: hash_password(password))

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await self._run(self._thread, work)

    async def _in_transaction(self, work: Callable[[], Result]) -> Result:
        def transaction() -> Result:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                result = work()
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
            return result

        return await self._in_thread(transaction)

    @staticmethod
    async def _run(pool: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(pool, work)
