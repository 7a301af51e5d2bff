"""The app's function that is called for each new user, before he gets his first token.

It may make his custom data, or refuse him. Specification: app-configuration.md 8.3.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from realmsync.codes import AppCode
from realmsync.server.accounts.app_users import app_user
from realmsync.server.accounts.file.records import UserRecord
from realmsync.server.accounts.refusals import AuthError
from realmsync.server.accounts.users import Users
from realmsync.server.apps.running import RunningApp
from realmsync.server.functions.port import (
    AppUser,
    FunctionFailed,
    FunctionForbidden,
    FunctionNotCallable,
    FunctionNotFound,
)
from realmsync.server.logs import one_line

_logger = logging.getLogger("realmsync.server")


class Creations:
    """Calls the function once for each user, also when he logs in on two devices at once."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._locks: dict[str, asyncio.Lock] = {}  # of those for whom it is called now

    async def run(self, app: RunningApp, user: UserRecord) -> None:
        """Calls the function if the user is new. Raises AuthError when it refuses him.

        Somebody refused is not stored when he is anonymous, and else asks again at his next log-in.
        Raises Gone.
        """
        configured = app.model.custom_user_data
        if configured is None or not configured.on_user_creation or not user.is_new:
            return
        lock = self._locks.setdefault(user.id, asyncio.Lock())
        try:
            async with lock:
                # Another log-in of his may have been first.
                if (await self._users.user(user.id)).is_new:
                    await self._call(app, user, configured.on_user_creation)
                    await self._users.change(lambda file: file.users.set_created(user.id))
        finally:
            self._locks.pop(user.id, None)

    async def _call(self, app: RunningApp, user: UserRecord, function: str) -> None:
        shown = _shown(await app_user(self._users, app, user))
        try:
            await app.functions.call(function, [shown], None)
        except FunctionNotFound:  # as the report of the configuration says
            _logger.error(
                "app %s has no function %s to call for new users",
                one_line(app.model.id),
                one_line(function),
            )
        except (FunctionFailed, FunctionForbidden, FunctionNotCallable) as error:
            _logger.warning(
                "function %s refused new user %s of app %s: %s",
                one_line(function),
                user.id,
                one_line(app.model.id),
                one_line(str(error)),
            )
            if [identity.provider for identity in user.identities] == ["anon-user"]:
                await self._users.delete_user(user.id)  # nobody could log in as him again
            raise AuthError("the new user was refused", AppCode.AuthError) from None


def _shown(user: AppUser) -> dict[str, Any]:
    return {
        "id": user.id,
        "type": user.type,
        "data": dict(user.data),
        "custom_data": dict(user.custom_data),
        "identities": [dict(identity) for identity in user.identities],
    }
