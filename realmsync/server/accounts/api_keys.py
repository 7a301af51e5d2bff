"""API keys: of users, who make them for their programs, and of servers, which operators make.

A key is 64 hexadecimal digits, told once; the file has its hash. Specification:
app-services-http.md 12; app-configuration.md 8.1.
"""

from __future__ import annotations

from realmsync.codes import AppCode
from realmsync.server.accounts.auth import Principal
from realmsync.server.accounts.credentials import (
    BadCredential,
    check_key_name,
    new_secret,
    secret_hash,
)
from realmsync.server.accounts.file.records import ApiKey, Gone, KeyInUse, LogInEnd, TooManyKeys
from realmsync.server.accounts.refusals import AuthError, bad_request, invalid_session
from realmsync.server.accounts.users import Users

# Keys that one user may have: as at the original service.
_KEYS_PER_USER = 20


class ApiKeys:
    """What users do with their keys. All calls raise AuthError for what is refused."""

    def __init__(self, users: Users) -> None:
        self._users = users

    async def create(self, owner: Principal, name: str) -> tuple[ApiKey, str]:
        """A new key, and its text, which nobody can ask for later."""
        try:
            check_key_name(name)
        except BadCredential as error:
            raise bad_request(str(error)) from error
        text = new_secret()
        app_id, user_id = owner.user.app_id, owner.user.id
        try:
            key = await self._users.change(
                lambda file: file.api_keys.add(
                    app_id, user_id, name, secret_hash(text), _KEYS_PER_USER
                )
            )
        except TooManyKeys:
            raise bad_request(f"a user has at most {_KEYS_PER_USER} API keys") from None
        except Gone:
            raise invalid_session("the user was deleted") from None
        return key, text

    async def all(self, owner: Principal) -> list[ApiKey]:
        """All keys of a user."""
        return await self._users.read(lambda file: file.api_keys.of_user(owner.user.id))

    async def fetch(self, owner: Principal, key_id: str) -> ApiKey:
        """One key of a user."""
        try:
            return await self._users.read(lambda file: file.api_keys.find(owner.user.id, key_id))
        except Gone:
            raise _not_found() from None

    async def set_disabled(self, owner: Principal, key_id: str, disabled: bool) -> None:
        """Makes a key useless, with the log-ins that were made with it, or good again."""
        user_id = owner.user.id
        try:
            await self._users.end(
                LogInEnd.ENDED, lambda file: file.api_keys.set_disabled(user_id, key_id, disabled)
            )
        except Gone:
            raise _not_found() from None

    async def delete(self, owner: Principal, key_id: str) -> None:
        """Forgets a key, with the log-ins that were made with it."""
        user_id, session_id = owner.user.id, owner.session_id
        try:
            await self._users.end(
                LogInEnd.ENDED, lambda file: file.api_keys.delete(user_id, key_id, session_id)
            )
        except Gone:
            raise _not_found() from None
        except KeyInUse:
            raise AuthError(
                "cannot delete the API key of this log-in", AppCode.BadRequest, status=403
            ) from None


def _not_found() -> AuthError:
    return AuthError("API key not found", AppCode.APIKeyNotFound)
