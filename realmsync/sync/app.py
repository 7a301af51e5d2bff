"""The App that applications hold: its accounts (account/app.py) and its sync together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from realmsync.account.app import AppConfiguration, AppConfigurationFields, AppServices
from realmsync.account.credentials import Credentials
from realmsync.account.http import HttpRequest, HttpResponse
from realmsync.account.user import User
from realmsync.sync.app_sync import AppSync

if TYPE_CHECKING:
    from typing_extensions import Unpack


class App(AppServices):
    """An app on a server.

    Takes an app id or an AppConfiguration, whose members can be given by name too. Making one sends
    nothing and restores the users of earlier runs. As a context, with or without async, it is
    closed at the end.
    """

    _apps: dict[str, App] = {}

    def __init__(
        self, id: str | AppConfiguration, **overrides: Unpack[AppConfigurationFields]
    ) -> None:
        super().__init__(id, **overrides)
        self._sync: AppSync | None = None
        self._apps[self.id] = self

    @staticmethod
    def get(id: str) -> App:
        """The app made last with this id, or a new one."""
        app = App._apps.get(id)
        return App(id) if app is None or app.sync.is_parents else app

    @property
    def sync(self) -> AppSync:
        """The app's sync sessions and their settings."""
        if self._sync is None:
            self._sync = AppSync(self)
        return self._sync

    # In a forked child an App that was synchronising is the parent's, with its users.

    async def log_in(self, credentials: Credentials) -> User:
        """Logs in and makes the user the current one. Raises AppError."""
        self.sync.require_own()
        return await super().log_in(credentials)

    async def _send(self, request: HttpRequest) -> HttpResponse:
        self.sync.require_own()
        return await super()._send(request)

    def _user_left(self, user: User) -> None:
        self.sync.require_own()
        super()._user_left(user)

    def __enter__(self) -> App:
        return self

    def __exit__(self, *_: object) -> None:
        if self._sync is not None:
            self._sync.stop()

    async def __aenter__(self) -> App:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the sync sessions and the sync client's thread. Close the realms first."""
        if self._sync is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._sync.stop)
