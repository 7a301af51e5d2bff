"""An app of a running server with a configuration of the test's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from functions_double import FunctionsDouble
from realmsync.apps.model import Provider
from realmsync.server.apps.running import RunningApp
from realmsync.server.process import Server

ALL_PROVIDERS = ("anon-user", "local-userpass", "api-key")


def configure(
    server: Server, app_id: str, functions: FunctionsDouble | None = None, **config: Any
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
