"""Accounts with a password in the file of users.

The form of names and passwords is in ../credentials.py. Specification: app-services-http.md 11.
"""

from __future__ import annotations

import sqlite3

from realmsync.server.accounts.file.database import Database
from realmsync.server.accounts.file.log_ins import LogInTable
from realmsync.server.accounts.file.records import Account, Gone, NameInUse, UserRecord
from realmsync.server.accounts.file.users import UserTable


class AccountTable:
    """The accounts. What ends log-ins gives their ids, so that their websockets can be ended."""

    def __init__(self, database: Database, users: UserTable, log_ins: LogInTable) -> None:
        self._database = database
        self._users = users
        self._log_ins = log_ins

    def add(self, app_id: str, email: str, password: bytes, *, is_confirmed: bool = True) -> None:
        """Creates an account. `password` is a stored form. Raises NameInUse."""
        try:
            self._database.execute(
                "INSERT INTO accounts (app_id, email, password, status) VALUES (?, ?, ?, ?)",
                (app_id, email, password, "confirmed" if is_confirmed else "pending"),
            )
        except sqlite3.IntegrityError:
            raise NameInUse from None

    def find(self, app_id: str, email: str) -> Account | None:
        """The account of this name."""
        row = self._database.execute(
            "SELECT password, status = 'confirmed' FROM accounts WHERE app_id = ? AND email = ?",
            (app_id, email),
        ).fetchone()
        return None if row is None else Account(app_id, email, row[0], bool(row[1]))

    def without_password(self, app_id: str, email: str) -> str | None:
        """The user of an imported account that waits for a password, unless he is locked out."""
        row = self._database.execute(
            "SELECT users.id FROM accounts JOIN identities ON identities.app_id = accounts.app_id "
            "AND provider = 'local-userpass' AND provider_id = email "
            "JOIN users ON users.id = user_id WHERE accounts.app_id = ? AND email = ? "
            "AND password IS NULL AND NOT disabled",
            (app_id, email),
        ).fetchone()
        return None if row is None else str(row[0])

    def adopt_password(self, app_id: str, email: str, password: bytes) -> bool:
        """Gives an account its first password; false if it has one by now, or has gone."""
        changed = self._database.execute(
            "UPDATE accounts SET password = ? WHERE app_id = ? AND email = ? AND password IS NULL",
            (password, app_id, email),
        )
        return changed.rowcount == 1

    def pending(self, app_id: str, after: str, size: int) -> list[str]:
        """The names of at most `size` accounts that wait, in order, behind a name."""
        rows = self._database.execute(
            "SELECT email FROM accounts WHERE app_id = ? AND status = 'pending' AND email > ? "
            "ORDER BY email LIMIT ?",
            (app_id, after, size),
        )
        return [email for (email,) in rows]

    def confirm(self, app_id: str, email: str, password: bytes | None = None) -> None:
        """Lets an account log in, with this password if one is given. Raises Gone."""
        changed = self._database.execute(
            "UPDATE accounts SET status = 'confirmed', password = ifnull(?, password) "
            "WHERE app_id = ? AND email = ?",
            (password, app_id, email),
        )
        if changed.rowcount == 0:
            raise Gone

    def delete_unconfirmed(self, app_id: str, email: str) -> None:
        """Forgets an account that was refused, unless it was confirmed or deleted meanwhile.

        One that is an identity stays: who registers the name next must not become that user.
        """
        if self._user_id(app_id, email) is None:
            self._database.execute(
                "DELETE FROM accounts WHERE app_id = ? AND email = ? AND status = 'pending'",
                (app_id, email),
            )

    def renew_password(self, app_id: str, email: str, old: bytes, new: bytes) -> None:
        """Stores the same password in another form, unless it was changed meanwhile."""
        self._database.execute(
            "UPDATE accounts SET password = ? WHERE app_id = ? AND email = ? AND password = ?",
            (new, app_id, email, old),
        )

    def reset_password(self, app_id: str, email: str, new: bytes, *, log_out: bool) -> list[str]:
        """Replaces a password; gives the log-ins that end with it. Raises Gone."""
        with self._database.transaction():
            changed = self._database.execute(
                "UPDATE accounts SET password = ? WHERE app_id = ? AND email = ?",
                (new, app_id, email),
            )
            if changed.rowcount == 0:
                raise Gone
            user_id = self._user_id(app_id, email)
            return self._log_ins.end_all(user_id) if user_id is not None and log_out else []

    def delete(self, app_id: str, email: str) -> None:
        """Forgets an account that never logged in; others go with their user. Raises Gone."""
        if self._user_id(app_id, email) is not None:
            raise Gone
        deleted = self._database.execute(
            "DELETE FROM accounts WHERE app_id = ? AND email = ?", (app_id, email)
        )
        if deleted.rowcount == 0:
            raise Gone

    def user(self, app_id: str, email: str) -> UserRecord:
        """The account's user, made at its first log-in. Raises Gone."""
        return self._users.of_identity(app_id, "local-userpass", email, {"email": email})

    def _user_id(self, app_id: str, email: str) -> str | None:
        row = self._database.execute(
            "SELECT user_id FROM identities "
            "WHERE app_id = ? AND provider = 'local-userpass' AND provider_id = ?",
            (app_id, email),
        ).fetchone()
        return None if row is None else str(row[0])
