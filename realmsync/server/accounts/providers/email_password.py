"""Accounts with a password. How they are made and confirmed is in ../email_accounts.py.

Specification: app-services-http.md 8.3.
"""

from __future__ import annotations

from realmsync.codes import AppCode
from realmsync.server.accounts.providers.provider import Attempt, ProvenIdentity
from realmsync.server.accounts.refusals import AuthError, unauthorized
from realmsync.server.accounts.users import Users


class EmailPassword:
    """Who knows an account's password."""

    def __init__(self, users: Users) -> None:
        self._users = users

    async def prove(self, attempt: Attempt) -> ProvenIdentity:
        """Takes as long for names that nobody has. Raises AuthError."""
        email, password = attempt.body.get("username"), attempt.body.get("password")
        if not isinstance(email, str) or not isinstance(password, str):
            raise unauthorized()
        account = await self._users.check_password(attempt.app.key, email, password)
        if account is None:
            raise unauthorized()
        if not account.is_confirmed:  # told to who knows the password alone
            raise AuthError("confirmation required", AppCode.AuthError)
        return ProvenIdentity(email, {"email": email})
