"""The app of a server under test, as a configuration would make it."""

from __future__ import annotations

import dataclasses
from typing import Any

from functions_double import FunctionsDouble
from realmsync.apps.model import CustomUserData, Provider
from realmsync.server.apps.running import RunningApp


class ConfiguredApp:
    """Changes the model of an app that is running, as a reload does."""

    def __init__(self, running: RunningApp) -> None:
        self.running = running
        self.functions = FunctionsDouble()
        running.functions = self.functions

    def provide(self, provider: str, **settings: Any) -> None:
        """Makes this a way to log in."""
        providers = {**self.running.model.providers, provider: Provider(provider, **settings)}
        self._set(providers=providers)

    def keep_custom_data(self, on_user_creation: str | None = None, field: str = "user") -> None:
        """Gives users a collection of custom data."""
        data = CustomUserData("guild", "members", field, on_user_creation=on_user_creation)
        self._set(custom_user_data=data)

    def _set(self, **changes: Any) -> None:
        self.running.model = dataclasses.replace(self.running.model, **changes)
