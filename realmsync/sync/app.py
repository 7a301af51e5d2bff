"""The App that applications hold: its accounts (account/app.py) and its sync together."""

from __future__ import annotations

import asyncio
from typing import Any

from realmsync.account.app import AppConfiguration, AppServices
from realmsync.sync.app_sync import AppSync


class App(AppServices):
    """An app on a server.

    Takes an app id or an AppConfiguration, whose members can be given by name too. Making one sends
    nothing and restores the users of earlier runs.
    """

    _apps: dict[str, App] = {}

    def __init__(self, id: str | AppConfiguration, **overrides: Any) -> None:
        super().__init__(id, **overrides)
        self._sync: AppSync | None = None
        self._apps[self.id] = self

    @staticmethod
    def get(id: str) -> App:
        """The app made last with this id, or a new one."""
        return App._apps.get(id) or App(id)

    @property
    def sync(self) -> AppSync:
        """The app's sync sessions and their settings."""
        if self._sync is None:
            self._sync = AppSync(self)
        return self._sync

    async def close(self) -> None:
        """Ends the sync sessions and the sync client's thread. Close the realms first."""
        if self._sync is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._sync.stop)
