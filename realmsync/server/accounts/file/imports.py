"""Users that came from elsewhere, in the file of users: they keep the ids that they had there.

What an import may hold is read in ../user_import.py. Specification: app-configuration.md 11.7 and
12.3.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from realmsync.server.accounts.file.database import Database, new_id
from realmsync.server.accounts.user_import import BadImport, ImportedIdentity, ImportedUser


class ImportTable:
    """Who came from elsewhere."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, app_id: str, users: Sequence[ImportedUser]) -> None:
        """Makes these users of an app, all or none. Raises BadImport for one who is there."""
        with self._database.transaction():
            for user in users:
                self._add(app_id, user)

    def add_id(self, app_id: str, user_id: str) -> bool:
        """Makes a user of whom nothing but the id is known; whether he was new to the app.

        Raises BadImport for one of another app.
        """
        added = self._database.execute(
            "INSERT OR IGNORE INTO users (id, app_id) VALUES (?, ?)", (user_id, app_id)
        )
        if added.rowcount == 1:
            self._database.execute("INSERT INTO imported_users VALUES (?, NULL)", (user_id,))
            return True
        ((owner,),) = self._database.execute("SELECT app_id FROM users WHERE id = ?", (user_id,))
        if owner != app_id:
            raise BadImport(None, f"user {user_id} is one of app {owner}")
        return False

    def last_authentication(self, user_id: str) -> tuple[int | None] | None:
        """When an imported user last logged in where he came from, if that is known.

        None for users who were not imported.
        """
        row = self._database.execute(
            "SELECT last_authentication FROM imported_users WHERE user_id = ?", (user_id,)
        ).fetchone()
        return None if row is None else (row[0],)

    def _add(self, app_id: str, user: ImportedUser) -> None:
        try:
            self._database.execute(
                "INSERT INTO users (id, app_id, disabled, type, created) VALUES "
                "(?, ?, ?, ?, ifnull(?, CAST(strftime('%s', 'now') AS INTEGER)))",
                (user.id, app_id, user.disabled, user.type, user.created),
            )
        except sqlite3.IntegrityError:
            raise BadImport(user.line, f"there is a user {user.id} already") from None
        self._database.execute(
            "INSERT INTO imported_users VALUES (?, ?)", (user.id, user.last_authentication)
        )
        for identity in user.identities:
            if identity.provider == "local-userpass":
                self._add_account(app_id, user, identity)
            self._add_identity(app_id, user, identity)

    def _add_account(self, app_id: str, user: ImportedUser, identity: ImportedIdentity) -> None:
        try:
            self._database.execute(
                "INSERT INTO accounts (app_id, email, password) VALUES (?, ?, ?)",
                (app_id, identity.provider_id, user.password_hash),
            )
        except sqlite3.IntegrityError:
            raise BadImport(
                user.line, f"app {app_id} has an account '{identity.provider_id}' already"
            ) from None

    def _add_identity(self, app_id: str, user: ImportedUser, identity: ImportedIdentity) -> None:
        id = new_id()
        if identity.id is not None and not self._is_taken(identity.id):
            id = identity.id
        try:
            self._database.execute(
                "INSERT INTO identities (id, user_id, app_id, provider, provider_id, data) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    id,
                    user.id,
                    app_id,
                    identity.provider,
                    identity.provider_id or id,
                    json.dumps(dict(identity.data), ensure_ascii=False, separators=(",", ":")),
                ),
            )
        except sqlite3.IntegrityError:
            raise BadImport(
                user.line,
                f"app {app_id} has a user with identity '{identity.provider_id}' "
                f"of {identity.provider} already",
            ) from None

    def _is_taken(self, id: str) -> bool:
        found = self._database.execute("SELECT 1 FROM identities WHERE id = ?", (id,))
        return found.fetchone() is not None
