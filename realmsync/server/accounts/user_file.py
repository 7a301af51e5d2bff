"""The file of users: its tables and every statement on them; synchronous, one thread at a time.

Who uses which app, with which identities, passwords and log-ins. A server has it open, and so has
each `realmsync user` in a process of its own; SQLite lets one write at a time, and tells a server
that another has written. It is opened by Python's own SQLite and by nothing else; synced data is in
other files, which Python never opens (two copies of SQLite on one file break its locks). Threads
are in users.py, the form of names and passwords in credentials.py. Specification:
app-services-http.md 8.3, 10.2, 11.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")

_VERSION = 1
_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS users (
        id TEXT PRIMARY KEY,
        app_id TEXT NOT NULL,
        disabled INTEGER NOT NULL DEFAULT 0,
        created INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER))
    ) STRICT
    """,
    """
    CREATE TABLE IF NOT EXISTS identities (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
        provider TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS users_by_age ON users (app_id, created, id)",
    # These hold all that is asked of them: a list of users reads four places for each.
    "CREATE INDEX IF NOT EXISTS identities_by_user ON identities (user_id, provider, id)",
    "DROP INDEX IF EXISTS identities_of_user",  # of older versions
    # An account exists from its registration on; its user from the first log-in on.
    """
    CREATE TABLE IF NOT EXISTS accounts (
        app_id TEXT NOT NULL,
        email TEXT NOT NULL,
        password BLOB NOT NULL, -- as credentials.py stores it
        identity_id TEXT REFERENCES identities ON DELETE CASCADE,
        PRIMARY KEY (app_id, email)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS accounts_of_identity ON accounts (identity_id)",
    # One log-in; its refresh token is good as long as the row is there.
    """
    CREATE TABLE IF NOT EXISTS sessions (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
        device_id TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)
# When a log-in was last used, in ms since 1970, to the day.
_ADD_USED = "ALTER TABLE sessions ADD COLUMN used INTEGER NOT NULL DEFAULT 0"
_SESSION_INDEXES = (
    "CREATE INDEX IF NOT EXISTS sessions_by_user ON sessions (user_id, used)",
    "DROP INDEX IF EXISTS sessions_of_user",  # of older versions
)

_DAY_MS = 24 * 3600 * 1000

# Users, and accounts that never logged in, as rows of UserSummary.
_USERS = """
    SELECT id, app_id, disabled, created,
        (SELECT json_group_array(provider) FROM identities WHERE user_id = users.id),
        (SELECT json_group_array(email) FROM identities JOIN accounts ON identity_id = identities.id
            WHERE user_id = users.id),
        (SELECT count(*) FROM sessions WHERE user_id = users.id),
        (SELECT max(used) / 1000 FROM sessions WHERE user_id = users.id)
    FROM users WHERE (:app IS NULL OR app_id = :app)
"""
_UNUSED_ACCOUNTS = """
    SELECT NULL, app_id, 0, NULL, json_array('local-userpass'), json_array(email), 0, NULL
    FROM accounts WHERE identity_id IS NULL AND (:app IS NULL OR app_id = :app)
"""
_USERS_PAGE = f"""
    {_USERS} AND (app_id, created, id) > (:last_app, :last_created, :last_id)
    ORDER BY app_id, created, id LIMIT :size
"""
_UNUSED_ACCOUNTS_PAGE = f"""
    {_UNUSED_ACCOUNTS} AND (app_id, email) > (:last_app, :last_name)
    ORDER BY app_id, email LIMIT :size
"""
_CALLED = f"""
    {_USERS} AND id IN (
        SELECT :who UNION ALL
        SELECT user_id FROM accounts JOIN identities ON identity_id = identities.id
        WHERE email = :who)
    UNION ALL {_UNUSED_ACCOUNTS} AND email = :who ORDER BY app_id, created, id
"""
_PAGE = 1000  # users that are read at once

# Anonymous users of whom nobody has heard since :before (ms).
_IDLE = """
    FROM users
    WHERE (:app IS NULL OR app_id = :app) AND created < :before / 1000
        AND NOT EXISTS (SELECT 1 FROM sessions WHERE user_id = users.id AND used >= :before)
        AND NOT EXISTS (
            SELECT 1 FROM identities WHERE user_id = users.id AND provider <> 'anon-user')
"""
_IDLE_AT_ONCE = 1000  # users deleted in one transaction: a server that runs must not wait long


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


@dataclass(frozen=True)
class UserSummary:
    """A user as an operator sees him. Times are seconds since 1970."""

    id: str | None  # None: an account that never logged in
    app_id: str
    disabled: bool
    created: int | None  # of the user, at the first log-in
    providers: tuple[str, ...]
    names: tuple[str, ...]  # of his accounts
    log_ins: int
    last_seen: int | None  # of the log-ins that he has, to the day


class LogInEnd(Enum):
    """Why nothing goes through a log-in any more."""

    LOGGED_OUT = "logged out"  # by its program, which may log in again on the websocket it has
    ENDED = "ended"  # with its user, by an operator, or for newer ones
    DISABLED = "disabled"  # with its user, until he is enabled


class NameInUse(Exception):
    """The account name is taken."""


class IdentityTaken(Exception):
    """The account belongs to another user."""


class Gone(Exception):
    """The user or account was deleted meanwhile."""


def new_id() -> str:
    """24 hexadecimal digits nobody else has."""
    return os.urandom(12).hex()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class UserFile:
    """The open file. What ends log-ins gives their ids, so that their websockets can be ended."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Raises sqlite3.Error when it cannot be used, or is missing and not to be created."""
        if create:
            # It has hashes of passwords. One that is there is not opened: closing it would drop the
            # locks that this process has. What goes wrong, SQLite tells.
            with contextlib.suppress(OSError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
        self._database = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            self._prepare()
        except BaseException:
            self._database.close()
            raise
        self._seen = self._data_version()

    def _prepare(self) -> None:
        self._database.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"
        )
        with self._transaction():
            ((version,),) = self._database.execute("PRAGMA user_version")
            if version > _VERSION:
                raise sqlite3.NotSupportedError("a newer version of realmsync has written it")
            for statement in _SCHEMA:
                self._database.execute(statement)
            if version < 1:
                self._database.execute(_ADD_USED)
                # Nobody knows when; before now nobody was counted as away.
                self._database.execute("UPDATE sessions SET used = ?", (_now_ms(),))
            for statement in _SESSION_INDEXES:
                self._database.execute(statement)
            self._database.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def together(self, works: Sequence[Callable[[], Result]]) -> list[Result | Exception]:
        """Does these in one transaction, one fsync; gives what each returned or raised.

        What raised has changed nothing. Raises sqlite3.Error when nothing of them all is stored.
        """
        outcomes: list[Result | Exception] = []
        with self._transaction():
            for work in works:
                try:
                    with self._transaction():
                        outcomes.append(work())
                except Exception as error:
                    if not self._database.in_transaction:
                        raise  # it took the others' changes with it
                    outcomes.append(error)
        return outcomes

    # accounts

    def add_account(self, app_id: str, email: str, password: bytes) -> None:
        """Creates an account. `password` is a stored form. Raises NameInUse."""
        try:
            self._database.execute(
                "INSERT INTO accounts (app_id, email, password) VALUES (?, ?, ?)",
                (app_id, email, password),
            )
        except sqlite3.IntegrityError:
            raise NameInUse from None

    def stored_password(self, app_id: str, email: str) -> bytes | None:
        """What is stored of an account's password; None when there is no such account."""
        row = self._database.execute(
            "SELECT password FROM accounts WHERE app_id = ? AND email = ?", (app_id, email)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def renew_password(self, app_id: str, email: str, old: bytes, new: bytes) -> None:
        """Stores the same password in another form, unless it was changed meanwhile."""
        self._database.execute(
            "UPDATE accounts SET password = ? WHERE app_id = ? AND email = ? AND password = ?",
            (new, app_id, email, old),
        )

    def reset_password(self, app_id: str, email: str, new: bytes, *, log_out: bool) -> list[str]:
        """Replaces a password; gives the log-ins that end with it. Raises Gone."""
        with self._transaction():
            user_id = self._user_of_account(app_id, email)
            self._database.execute(
                "UPDATE accounts SET password = ? WHERE app_id = ? AND email = ?",
                (new, app_id, email),
            )
            return self._end_log_ins(user_id) if user_id is not None and log_out else []

    def delete_account(self, app_id: str, email: str) -> None:
        """Forgets an account that never logged in; others go with their user. Raises Gone."""
        deleted = self._database.execute(
            "DELETE FROM accounts WHERE app_id = ? AND email = ? AND identity_id IS NULL",
            (app_id, email),
        )
        if deleted.rowcount == 0:
            raise Gone

    # users

    def user_of_account(self, app_id: str, email: str) -> UserRecord:
        """The account's user, made at its first log-in. Raises Gone."""
        with self._transaction():
            user_id = self._user_of_account(app_id, email)
            if user_id is None:
                user_id = self._create_user(app_id)
                self._attach_account(app_id, email, user_id)
            return self._load(user_id)

    def link_account(self, app_id: str, email: str, user_id: str) -> None:
        """Makes the account one of the user's identities. Raises IdentityTaken, Gone."""
        with self._transaction():
            owner = self._user_of_account(app_id, email)
            if owner is None:
                self._attach_account(app_id, email, user_id)
            elif owner != user_id:
                raise IdentityTaken

    def create_anonymous(self, app_id: str) -> UserRecord:
        """A new user without a name."""
        with self._transaction():
            user_id = self._create_user(app_id)
            self._database.execute(
                "INSERT INTO identities (id, user_id, provider) VALUES (?, ?, 'anon-user')",
                (new_id(), user_id),
            )
            return self._load(user_id)

    def delete_user(self, user_id: str) -> list[str]:
        """Forgets a user with all identities, accounts and log-ins; gives the log-ins."""
        with self._transaction():
            ended = self._end_log_ins(user_id)
            self._database.execute("DELETE FROM users WHERE id = ?", (user_id,))
            return ended

    def set_disabled(self, user_id: str, disabled: bool) -> list[str]:
        """Locks a user out, or lets him in again; gives the log-ins that are locked out.

        Raises Gone.
        """
        with self._transaction():
            changed = self._database.execute(
                "UPDATE users SET disabled = ? WHERE id = ?", (int(disabled), user_id)
            )
            if changed.rowcount == 0:
                raise Gone
            return self._log_ins(user_id) if disabled else []

    # log-ins

    def open_session(self, user_id: str, device_id: str, keep: int) -> tuple[str, list[str]]:
        """Records a log-in; gives its id, and the ids of those it ends.

        A user keeps the `keep` log-ins that were used last, this one among them. Raises Gone.
        """
        session_id = new_id()
        with self._transaction():
            try:
                self._database.execute(
                    "INSERT INTO sessions (id, user_id, device_id, used) VALUES (?, ?, ?, ?)",
                    (session_id, user_id, device_id, _now_ms()),
                )
            except sqlite3.IntegrityError:
                raise Gone from None
            surplus = self._database.execute(
                "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE user_id = ? "
                "ORDER BY id = ? DESC, used DESC LIMIT -1 OFFSET ?) RETURNING id",
                (user_id, session_id, keep),
            )
            return session_id, [row[0] for row in surplus]

    def user_of_session(self, session_id: str) -> tuple[UserRecord, bool] | None:
        """The user who logged in, or None when that log-in has ended; reads only.

        With him, whether `note_use` has to be called.
        """
        row = self._database.execute(
            "SELECT user_id, used FROM sessions WHERE id = ?", (session_id,)
        ).fetchone()
        if row is None:
            return None
        try:
            return self._load(row[0]), row[1] < _now_ms() - _DAY_MS
        except Gone:  # since the first statement
            return None

    def note_use(self, session_ids: Collection[str]) -> None:
        """Writes down that log-ins are in use."""
        now = _now_ms()
        self._database.execute(
            "UPDATE sessions SET used = ? "
            "WHERE used < ? AND id IN (SELECT value FROM json_each(?))",
            (now, now - _DAY_MS, json.dumps(list(session_ids))),
        )

    def close_session(self, session_id: str) -> list[str]:
        """Ends a log-in; gives it, if it was one."""
        ended = self._database.execute(
            "DELETE FROM sessions WHERE id = ? RETURNING id", (session_id,)
        )
        return [row[0] for row in ended.fetchall()]

    def end_log_ins(self, user_id: str) -> list[str]:
        """Ends all log-ins of a user; gives them."""
        with self._transaction():
            return self._end_log_ins(user_id)

    def changed_by_others(self) -> bool:
        """Whether another process has written since this was last asked."""
        before, self._seen = self._seen, self._data_version()
        return self._seen != before

    def ended_among(self, session_ids: Collection[str]) -> dict[str, LogInEnd]:
        """Those of the log-ins that are no longer good."""
        rows = self._database.execute(
            "SELECT value, users.id IS NULL FROM json_each(?) "
            "LEFT JOIN sessions ON sessions.id = value LEFT JOIN users ON users.id = user_id "
            "WHERE users.id IS NULL OR disabled",
            (json.dumps(list(session_ids)),),
        )
        return {id: LogInEnd.ENDED if ended else LogInEnd.DISABLED for id, ended in rows}

    # what operators ask

    def summaries(self, app_id: str | None) -> Iterator[list[UserSummary]]:
        """All users, oldest first, then all accounts that never logged in; of an app, or of each.

        In pages, between which nothing is locked: who reads may take a day.
        """
        start = {"last_app": app_id or "", "last_created": 0, "last_id": "", "last_name": ""}
        for statement in (_USERS_PAGE, _UNUSED_ACCOUNTS_PAGE):
            after: dict[str, Any] = start
            while page := self._summaries(statement, {**after, "app": app_id, "size": _PAGE}):
                yield page
                last = page[-1]
                after = {
                    "last_app": last.app_id,
                    "last_created": last.created,
                    "last_id": last.id,
                    "last_name": "".join(last.names[:1]),
                }

    def called(self, who: str, app_id: str | None) -> list[UserSummary]:
        """The users and unused accounts with this id or account name, of an app or of each."""
        return self._summaries(_CALLED, {"app": app_id, "who": who})

    def _summaries(self, statement: str, values: dict[str, Any]) -> list[UserSummary]:
        return [
            UserSummary(
                id=row[0],
                app_id=row[1],
                disabled=bool(row[2]),
                created=row[3],
                providers=tuple(json.loads(row[4])),
                names=tuple(json.loads(row[5])),
                log_ins=row[6],
                last_seen=row[7],
            )
            for row in self._database.execute(statement, values)
        ]

    def similar_name(self, app_id: str | None, name: str) -> str | None:
        """An account name that differs in capitals or surrounding blanks only."""
        row = self._database.execute(
            "SELECT email FROM accounts WHERE (? IS NULL OR app_id = ?) "
            "AND lower(trim(email)) = lower(trim(?)) LIMIT 1",
            (app_id, app_id, name),
        ).fetchone()
        return None if row is None else str(row[0])

    def count_idle(self, app_id: str | None, before_ms: int) -> int:
        """How many anonymous users were not heard of since `before_ms`."""
        ((count,),) = self._database.execute(
            f"SELECT count(*) {_IDLE}", {"app": app_id, "before": before_ms}
        )
        return int(count)

    def delete_idle(self, app_id: str | None, before_ms: int) -> int:
        """Deletes some of them; gives how many, 0 when there are no more."""
        return self._database.execute(
            f"DELETE FROM users WHERE id IN (SELECT id {_IDLE} LIMIT {_IDLE_AT_ONCE})",
            {"app": app_id, "before": before_ms},
        ).rowcount

    # inside of a transaction

    def _user_of_account(self, app_id: str, email: str) -> str | None:
        row = self._database.execute(
            "SELECT user_id FROM accounts LEFT JOIN identities ON identity_id = identities.id "
            "WHERE app_id = ? AND email = ?",
            (app_id, email),
        ).fetchone()
        if row is None:
            raise Gone
        return None if row[0] is None else str(row[0])

    def _create_user(self, app_id: str) -> str:
        user_id = new_id()
        self._database.execute("INSERT INTO users (id, app_id) VALUES (?, ?)", (user_id, app_id))
        return user_id

    def _attach_account(self, app_id: str, email: str, user_id: str) -> None:
        identity_id = new_id()
        try:
            self._database.execute(
                "INSERT INTO identities (id, user_id, provider) VALUES (?, ?, 'local-userpass')",
                (identity_id, user_id),
            )
        except sqlite3.IntegrityError:
            raise Gone from None
        self._database.execute(
            "UPDATE accounts SET identity_id = ? WHERE app_id = ? AND email = ?",
            (identity_id, app_id, email),
        )

    def _load(self, user_id: str) -> UserRecord:
        row = self._database.execute(
            "SELECT app_id, disabled FROM users WHERE id = ?", (user_id,)
        ).fetchone()
        if row is None:
            raise Gone
        app_id, disabled = row
        rows = self._database.execute(
            "SELECT identities.id, provider, email FROM identities "
            "LEFT JOIN accounts ON identity_id = identities.id "
            "WHERE user_id = ? ORDER BY identities.rowid",
            (user_id,),
        )
        return UserRecord(user_id, app_id, bool(disabled), tuple(Identity(*row) for row in rows))

    def _log_ins(self, user_id: str) -> list[str]:
        rows = self._database.execute("SELECT id FROM sessions WHERE user_id = ?", (user_id,))
        return [row[0] for row in rows]

    def _end_log_ins(self, user_id: str) -> list[str]:
        ended = self._log_ins(user_id)
        self._database.execute("DELETE FROM sessions WHERE user_id = ?", (user_id,))
        return ended

    def _data_version(self) -> int:
        ((version,),) = self._database.execute("PRAGMA data_version")
        return int(version)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All that is done in it or nothing; one inside of another is durable with that one."""
        is_inner = self._database.in_transaction
        self._database.execute("SAVEPOINT inner" if is_inner else "BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("RELEASE inner" if is_inner else "COMMIT")
        except BaseException:
            # Some failures have rolled everything back already; a failed COMMIT has not.
            if self._database.in_transaction:
                self._database.execute("ROLLBACK TO inner" if is_inner else "ROLLBACK")
                if is_inner:
                    self._database.execute("RELEASE inner")
            raise
