"""The app of a server under test, as a configuration would make it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from realmsync.apps.model import CustomUserData, Provider
from realmsync.server.apps.running import RunningApp
from realmsync.server.functions.port import AppUser, FunctionNotFound, FunctionRequest

Function = Callable[..., Any]


class FunctionTable:
    """Functions of the app: Python callables by name, which get the arguments alone."""

    def __init__(self) -> None:
        self.by_name: dict[str, Function] = {}
        self.users: list[AppUser | None] = []
        self.requests: list[FunctionRequest | None] = []

    def is_callable(self, name: str) -> bool:
        return name in self.by_name

    async def call(
        self,
        name: str,
        arguments: Sequence[Any],
        user: AppUser | None,
        request: FunctionRequest | None = None,
        *,
        from_client: bool = False,
        for_rule: bool = False,
    ) -> Any:
        if name not in self.by_name:
            raise FunctionNotFound(name)
        self.users.append(user)
        self.requests.append(request)
        result = self.by_name[name](*arguments)
        return await result if hasattr(result, "__await__") else result


class ConfiguredApp:
    """Changes the model of an app that is running, as a reload does."""

    def __init__(self, running: RunningApp) -> None:
        self.running = running
        self.functions = FunctionTable()
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
