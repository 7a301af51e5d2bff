"""Log-ins in the file of users: which are good, which ended, when they were used.

Specification: app-services-http.md 10.2.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from realmsync.server.accounts.file.database import Database, new_id, now_ms
from realmsync.server.accounts.file.records import Gone, LogInEnd

_DAY_MS = 24 * 3600 * 1000


class LogInTable:
    """The log-ins. What ends some gives their ids, so that their websockets can be ended."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(
        self, user_id: str, device_id: str, keep: int, api_key_id: str | None = None
    ) -> tuple[str, list[str]]:
        """Records a log-in; gives its id, and the ids of those it ends.

        A user keeps the `keep` log-ins that were used last, this one among them. Raises Gone.
        """
        session_id, now = new_id(), now_ms()
        with self._database.transaction():
            if api_key_id is not None and not self._is_good(api_key_id):
                raise Gone
            try:
                self._database.execute(
                    "INSERT INTO sessions (id, user_id, device_id, used, api_key_id) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (session_id, user_id, device_id, now, api_key_id),
                )
            except sqlite3.IntegrityError:
                raise Gone from None
            self._database.execute(
                "UPDATE users SET last_authentication = ? WHERE id = ?", (now // 1000, user_id)
            )
            surplus = self._database.execute(
                "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE user_id = ? "
                "ORDER BY id = ? DESC, used DESC LIMIT -1 OFFSET ?) RETURNING id",
                (user_id, session_id, keep),
            )
            return session_id, [row[0] for row in surplus]

    def _is_good(self, api_key_id: str) -> bool:
        found = self._database.execute(
            "SELECT 1 FROM api_keys WHERE id = ? AND NOT disabled", (api_key_id,)
        )
        return found.fetchone() is not None

    def owner(self, session_id: str) -> tuple[str, bool] | None:
        """The id of the user who logged in, or None when that log-in has ended; reads only.

        With it, whether `note_use` has to be called.
        """
        row = self._database.execute(
            "SELECT user_id, used FROM sessions WHERE id = ?", (session_id,)
        ).fetchone()
        return None if row is None else (str(row[0]), row[1] < now_ms() - _DAY_MS)

    def note_use(self, session_ids: Collection[str]) -> None:
        """Writes down that log-ins are in use."""
        now = now_ms()
        self._database.execute(
            "UPDATE sessions SET used = ? "
            "WHERE used < ? AND id IN (SELECT value FROM json_each(?))",
            (now, now - _DAY_MS, json.dumps(list(session_ids))),
        )

    def close(self, session_id: str) -> list[str]:
        """Ends a log-in; gives it, if it was one."""
        ended = self._database.execute(
            "DELETE FROM sessions WHERE id = ? RETURNING id", (session_id,)
        )
        return [row[0] for row in ended.fetchall()]

    def of_user(self, user_id: str) -> list[str]:
        """All log-ins of a user."""
        rows = self._database.execute("SELECT id FROM sessions WHERE user_id = ?", (user_id,))
        return [row[0] for row in rows]

    def end_all(self, user_id: str) -> list[str]:
        """Ends all log-ins of a user; gives them."""
        with self._database.transaction():
            ended = self.of_user(user_id)
            self._database.execute("DELETE FROM sessions WHERE user_id = ?", (user_id,))
            return ended

    def end_of_key(self, api_key_id: str) -> list[str]:
        """Ends all log-ins that were made with a key; gives them."""
        ended = self._database.execute(
            "DELETE FROM sessions WHERE api_key_id = ? RETURNING id", (api_key_id,)
        )
        return [row[0] for row in ended.fetchall()]

    def ended_among(self, session_ids: Collection[str]) -> dict[str, LogInEnd]:
        """Those of the log-ins that are no longer good."""
        rows = self._database.execute(
            "SELECT value, users.id IS NULL FROM json_each(?) "
            "LEFT JOIN sessions ON sessions.id = value LEFT JOIN users ON users.id = user_id "
            "WHERE users.id IS NULL OR disabled",
            (json.dumps(list(session_ids)),),
        )
        return {id: LogInEnd.ENDED if ended else LogInEnd.DISABLED for id, ended in rows}
