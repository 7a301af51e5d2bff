"""An app of a running server with a configuration of the test's, and functions that are doubles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from realmsync.apps.model import Provider
from realmsync.server.apps.running import RunningApp
from realmsync.server.functions.port import AppUser, FunctionNotCallable, FunctionRequest
from realmsync.server.process import Server

ALL_PROVIDERS = ("anon-user", "local-userpass", "api-key")


class Functions:
    """Python callables by name; what they are called with is kept."""

    def __init__(self, **functions: Callable[..., Any]) -> None:
        self._functions = functions
        self.calls: list[tuple[Any, ...]] = []
        self.began = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    def is_callable(self, name: str) -> bool:
        return name in self._functions

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
        assert user is None and request is not None and not from_client
        if name not in self._functions:
            raise FunctionNotCallable(f"function '{name}' has no implementation on this server")
        self.calls.append(tuple(arguments))
        self.began.set()
        await self.may_go_on.wait()
        return self._functions[name](*arguments)


def configure(
    server: Server, app_id: str, functions: Functions | None = None, **config: Any
) -> RunningApp:
    """Gives an app all providers, that of accounts with this configuration."""
    app = server.apps.find(app_id)
    assert app is not None
    providers: Mapping[str, Provider] = {
        name: Provider(name, config=config if name == "local-userpass" else {})
        for name in ALL_PROVIDERS
    }
    app.model = replace(app.model, providers=providers)
    app.is_open = False
    if functions is not None:
        app.functions = functions
    return app
