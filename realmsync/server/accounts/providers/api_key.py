"""API keys: who has one is its owner. How they are made is in ../api_keys.py.

Specification: app-services-http.md 8.3, 12.
"""

from __future__ import annotations

from realmsync.codes import AppCode
from realmsync.server.accounts.credentials import secret_hash
from realmsync.server.accounts.providers.provider import Attempt, KeyOwner
from realmsync.server.accounts.refusals import AuthError
from realmsync.server.accounts.users import Users


class ApiKeyProvider:
    """Keys of users and of servers."""

    def __init__(self, users: Users) -> None:
        self._users = users

    async def prove(self, attempt: Attempt) -> KeyOwner:
        """Raises AuthError for a key that is unknown, of another app, or disabled."""
        text, app_id = attempt.body.get("key"), attempt.app.key
        if isinstance(text, str):
            hash = secret_hash(text)
            key = await self._users.read(lambda file: file.api_keys.known(app_id, hash))
            if key is not None and not key.disabled:
                return KeyOwner(key.user_id, key.id)
        raise AuthError("invalid API key", AppCode.AuthError)
