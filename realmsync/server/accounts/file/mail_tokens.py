"""Tokens that were sent to an e-mail address, in the file of users; each is good once.

How they are made and what they are good for is in ../email_accounts.py. Specification:
app-services-http.md 11; app-configuration.md 8.1, 11.7.
"""

from __future__ import annotations

import hmac
import sqlite3
from dataclasses import dataclass

from realmsync.server.accounts.file.database import Database
from realmsync.server.accounts.file.records import Gone

# Mails to one account that are good at the same time: who asks again may still use the one before.
_KEPT = 5


@dataclass(frozen=True)
class MailToken:
    """One token. Its secret part is with who got the mail."""

    id: str
    app_id: str
    email: str
    purpose: str  # confirm or reset
    hash: bytes  # of the secret part
    expires: int  # seconds since 1970
    password: bytes | None = None  # a stored form, which becomes the account's


class MailTokenTable:
    """The tokens that have not been used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: MailToken) -> None:
        """Stores a token, in place of the account's oldest when it has many. Raises Gone."""
        with self._database.transaction():
            try:
                self._database.execute(
                    "INSERT INTO mail_tokens (id, app_id, email, purpose, hash, expires, password) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        token.id,
                        token.app_id,
                        token.email,
                        token.purpose,
                        token.hash,
                        token.expires,
                        token.password,
                    ),
                )
            except sqlite3.IntegrityError:
                raise Gone from None
            self._database.execute(
                "DELETE FROM mail_tokens WHERE id IN (SELECT id FROM mail_tokens "
                "WHERE app_id = ? AND email = ? AND purpose = ? "
                "ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
                (token.app_id, token.email, token.purpose, _KEPT),
            )

    def is_good(self, app_id: str, purpose: str, token_id: str, hash: bytes, now: float) -> bool:
        """Whether a token could be used; reads only."""
        return self._find(app_id, purpose, token_id, hash, now) is not None

    def use(
        self, app_id: str, purpose: str, token_id: str, hash: bytes, now: float
    ) -> MailToken | None:
        """The token, with which the others of its kind are used up; None when it is no good."""
        with self._database.transaction():
            token = self._find(app_id, purpose, token_id, hash, now)
            if token is not None:
                self.drop(app_id, token.email, purpose)
            return token

    def _find(
        self, app_id: str, purpose: str, token_id: str, hash: bytes, now: float
    ) -> MailToken | None:
        row = self._database.execute(
            "SELECT email, hash, expires, password FROM mail_tokens "
            "WHERE id = ? AND app_id = ? AND purpose = ?",
            (token_id, app_id, purpose),
        ).fetchone()
        if row is None or not hmac.compare_digest(row[1], hash) or row[2] <= now:
            return None
        email, _, expires, password = row
        return MailToken(token_id, app_id, email, purpose, hash, expires, password)

    def drop(self, app_id: str, email: str, purpose: str) -> None:
        """Forgets what was sent to an account for one purpose."""
        self._database.execute(
            "DELETE FROM mail_tokens WHERE app_id = ? AND email = ? AND purpose = ?",
            (app_id, email, purpose),
        )
