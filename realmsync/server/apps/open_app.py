"""Applications without a configuration: everybody may do everything, and clients make the schema.

For development, and for servers whose only rule is `ServerConfig.authorize`.
"""

from __future__ import annotations

from realmsync.apps.model import App, Provider, SyncConfiguration, SyncMode, SyncState
from realmsync.server.apps.running import ONLY_APP, Apps, RunningApp
from realmsync.server.config import ServerConfig
from realmsync.server.functions.absent import NoFunctions


def open_apps(config: ServerConfig) -> Apps:
    """The open applications that the settings name; without names all ids are those of one."""
    if config.apps:
        return Apps(_open_app(name, config) for name in sorted(config.apps))
    return Apps(only=_open_app(ONLY_APP, config))


def _open_app(name: str, config: ServerConfig) -> RunningApp:
    sync = SyncConfiguration(
        mode=SyncMode.PARTITION,
        state=SyncState.ENABLED,
        development_mode=config.is_in_development(name),
        max_offline_days=0,
    )
    providers = {
        provider: Provider(provider, config={"autoConfirm": True})
        if provider == "local-userpass"
        else Provider(provider)
        for provider in sorted(config.providers)
    }
    model = App(id=name, name=name, sync=sync, providers=providers)
    return RunningApp(key=name, model=model, functions=NoFunctions(model), is_open=True)
