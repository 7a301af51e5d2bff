"""Users and their identities in the file of users.

An identity is somebody's name at a provider; the first log-in with it makes a user, linking adds
more of them to one. Specification: app-services-http.md 8.3, 8.4, 10.3; app-configuration.md 8.4.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from realmsync.server.accounts.file.database import Database, new_id, now_ms
from realmsync.server.accounts.file.log_ins import LogInTable
from realmsync.server.accounts.file.records import Gone, Identity, IdentityTaken, UserRecord


class UserTable:
    """The users. What ends log-ins gives their ids, so that their websockets can be ended."""

    def __init__(self, database: Database, log_ins: LogInTable) -> None:
        self._database = database
        self._log_ins = log_ins

    def load(self, user_id: str) -> UserRecord:
        """The user with this id. Raises Gone."""
        row = self._database.execute(
            "SELECT app_id, disabled, type, last_authentication IS NULL "
            "AND NOT EXISTS (SELECT 1 FROM imported_users WHERE user_id = id) "
            "FROM users WHERE id = ?",
            (user_id,),
        ).fetchone()
        if row is None:
            raise Gone
        app_id, disabled, kind, is_new = row
        rows = self._database.execute(
            "SELECT id, provider, provider_id, data FROM identities "
            "WHERE user_id = ? ORDER BY rowid",
            (user_id,),
        )
        identities = tuple(
            Identity(id, provider, provider_id, json.loads(data))
            for id, provider, provider_id, data in rows
        )
        return UserRecord(user_id, app_id, bool(disabled), kind, identities, bool(is_new))

    def times(self, user_id: str) -> tuple[int, int | None]:
        """When a user was made, and when he last logged in, here or where he came from, in seconds
        since 1970. Raises Gone."""
        row = self._database.execute(
            "SELECT created, ifnull(users.last_authentication, imported_users.last_authentication) "
            "FROM users LEFT JOIN imported_users ON user_id = id WHERE id = ?",
            (user_id,),
        ).fetchone()
        if row is None:
            raise Gone
        return row[0], row[1]

    def of_log_in(self, session_id: str) -> tuple[UserRecord, bool] | None:
        """The user who logged in, or None when that log-in has ended; reads only.

        With him, whether the use of the log-in has to be noted.
        """
        found = self._log_ins.owner(session_id)
        if found is None:
            return None
        user_id, is_to_be_noted = found
        try:
            return self.load(user_id), is_to_be_noted
        except Gone:  # since the first statement
            return None

    def of_identity(
        self,
        app_id: str,
        provider: str,
        provider_id: str,
        data: Mapping[str, Any],
        *,
        create: bool = True,
    ) -> UserRecord:
        """Whose identity this is, with `data` as its part of the profile from now on.

        The first log-in makes the user, unless `create` is false. Raises Gone without a user, and
        without the account that an identity of local-userpass is.
        """
        with self._database.transaction():
            user_id = self._owner(app_id, provider, provider_id)
            if user_id is None:
                if not create:
                    raise Gone
                user_id = self.create(app_id)
                self._add_identity(app_id, provider, provider_id, data, user_id)
            else:
                self._set_data(app_id, provider, provider_id, data)
            return self.load(user_id)

    def link(
        self,
        app_id: str,
        provider: str,
        provider_id: str,
        data: Mapping[str, Any],
        user_id: str,
    ) -> None:
        """Makes this one of the user's identities. Raises IdentityTaken, Gone."""
        with self._database.transaction():
            owner = self._owner(app_id, provider, provider_id)
            if owner is None:
                self._add_identity(app_id, provider, provider_id, data, user_id)
            elif owner != user_id:
                raise IdentityTaken
            else:
                self._set_data(app_id, provider, provider_id, data)

    def create(self, app_id: str, type: str = "normal") -> str:
        """A new user without any identity; gives his id."""
        user_id = new_id()
        self._database.execute(
            "INSERT INTO users (id, app_id, type) VALUES (?, ?, ?)", (user_id, app_id, type)
        )
        return user_id

    def create_anonymous(self, app_id: str) -> UserRecord:
        """A new user without a name."""
        with self._database.transaction():
            user_id = self.create(app_id)
            self._database.execute(
                "INSERT INTO identities (id, user_id, app_id, provider, provider_id) "
                "VALUES (?1, ?2, ?3, 'anon-user', ?1)",
                (new_id(), user_id, app_id),
            )
            return self.load(user_id)

    def delete(self, user_id: str) -> list[str]:
        """Forgets a user with all identities, accounts, keys and log-ins; gives the log-ins."""
        with self._database.transaction():
            ended = self._log_ins.end_all(user_id)
            self._database.execute("DELETE FROM users WHERE id = ?", (user_id,))
            return ended

    def set_disabled(self, user_id: str, disabled: bool) -> list[str]:
        """Locks a user out, or lets him in again; gives the log-ins that are locked out.

        Raises Gone.
        """
        with self._database.transaction():
            changed = self._database.execute(
                "UPDATE users SET disabled = ? WHERE id = ?", (int(disabled), user_id)
            )
            if changed.rowcount == 0:
                raise Gone
            return self._log_ins.of_user(user_id) if disabled else []

    def set_created(self, user_id: str) -> None:
        """The user is no new one any more, whether or not he logs in after all."""
        self._database.execute(
            "UPDATE users SET last_authentication = ? WHERE id = ?", (now_ms() // 1000, user_id)
        )

    def _owner(self, app_id: str, provider: str, provider_id: str) -> str | None:
        row = self._database.execute(
            "SELECT user_id FROM identities WHERE app_id = ? AND provider = ? AND provider_id = ?",
            (app_id, provider, provider_id),
        ).fetchone()
        return None if row is None else str(row[0])

    def _set_data(
        self, app_id: str, provider: str, provider_id: str, data: Mapping[str, Any]
    ) -> None:
        self._database.execute(
            "UPDATE identities SET data = ?4 "
            "WHERE app_id = ?1 AND provider = ?2 AND provider_id = ?3 AND data <> ?4",
            (app_id, provider, provider_id, _as_json(data)),
        )

    def _add_identity(
        self,
        app_id: str,
        provider: str,
        provider_id: str,
        data: Mapping[str, Any],
        user_id: str,
    ) -> None:
        if provider == "local-userpass" and not self._is_account(app_id, provider_id):
            raise Gone
        try:
            self._database.execute(
                "INSERT INTO identities (id, user_id, app_id, provider, provider_id, data) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (new_id(), user_id, app_id, provider, provider_id, _as_json(data)),
            )
        except sqlite3.IntegrityError:  # there is no such user
            raise Gone from None

    def _is_account(self, app_id: str, email: str) -> bool:
        found = self._database.execute(
            "SELECT 1 FROM accounts WHERE app_id = ? AND email = ?", (app_id, email)
        )
        return found.fetchone() is not None


def _as_json(data: Mapping[str, Any]) -> str:
    return json.dumps(dict(data), ensure_ascii=False, separators=(",", ":"))
