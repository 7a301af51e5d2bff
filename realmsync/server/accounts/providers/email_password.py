"""Accounts with a password. How they are made and confirmed is in ../email_accounts.py.

Specification: app-services-http.md 8.3.
"""

from __future__ import annotations

from realmsync.server.accounts.providers.provider import Attempt, ProvenIdentity
from realmsync.server.accounts.refusals import unauthorized
from realmsync.server.accounts.users import Users


class EmailPassword:
    """Who knows an account's password."""

    def __init__(self, users: Users) -> None:
        self._users = users

    async def prove(self, attempt: Attempt) -> ProvenIdentity:
        """Takes as long for names that nobody has. Raises AuthError."""
        email, password = attempt.body.get("username"), attempt.body.get("password")
        if (
            not isinstance(email, str)
            or not isinstance(password, str)
            or not await self._users.check_password(attempt.app.key, email, password)
        ):
            raise unauthorized()
        return ProvenIdentity(email, {"email": email})
