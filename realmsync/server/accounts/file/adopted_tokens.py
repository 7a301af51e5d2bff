"""Refresh tokens of a former service that go on as keys of their devices.

Which may is decided in ../old_tokens.py. Only their hashes are kept. Specification:
app-configuration.md 12.3.
"""

from __future__ import annotations

from realmsync.server.accounts.file.database import Database, now_ms
from realmsync.server.accounts.file.log_ins import LogInTable
from realmsync.server.accounts.old_tokens import OldToken


class AdoptedTokenTable:
    """The adopted tokens."""

    def __init__(self, database: Database, log_ins: LogInTable) -> None:
        self._database = database
        self._log_ins = log_ins

    def log_in(self, hash: bytes) -> str | None:
        """The log-in that a token was adopted for, whether or not that is still good."""
        row = self._database.execute(
            "SELECT session_id FROM adopted_tokens WHERE hash = ?", (hash,)
        ).fetchone()
        return None if row is None else str(row[0])

    def adopt(self, token: OldToken, devices: int, keep: int) -> tuple[str, list[str]] | None:
        """Makes a log-in for this token; gives it, and those that it ends, as LogInTable.open.

        None when the device had its token already, or the user has as many devices as he may.
        Raises Gone.
        """
        with self._database.transaction():
            ((count, has_device),) = self._database.execute(
                "SELECT count(*), ifnull(max(device_id = ?), 0) FROM adopted_tokens "
                "WHERE user_id = ?",
                (token.device_id, token.user_id),
            )
            if count >= devices or has_device:
                return None
            session_id, ended = self._log_ins.open(token.user_id, token.device_id, keep)
            self._database.execute(
                "INSERT INTO adopted_tokens VALUES (?, ?, ?, ?, ?)",
                (token.hash, token.user_id, token.device_id, session_id, now_ms()),
            )
            return session_id, ended
