"""Applications without a configuration: everybody may do everything, and clients make the schema.

For development, and for servers whose only rule is `ServerConfig.authorize`.
"""

from __future__ import annotations

from realmsync.apps.model import App, Provider, SyncConfiguration, SyncMode, SyncState
from realmsync.server.apps.running import RunningApp
from realmsync.server.config import ServerConfig
from realmsync.server.functions.absent import NoFunctions


def open_app(name: str, config: ServerConfig) -> RunningApp:
    """The open application of this name, as the settings have it."""
    sync = SyncConfiguration(
        mode=SyncMode.PARTITION,
        state=SyncState.ENABLED,
        development_mode=config.is_in_development(name),
        max_offline_days=0,
    )
    providers = {name: Provider(name) for name in config.providers}
    if "local-userpass" in providers:
        providers["local-userpass"] = Provider("local-userpass", config={"autoConfirm": True})
    model = App(id=name, name=name, sync=sync, providers=providers)
    return RunningApp(key=name, model=model, functions=NoFunctions(model), is_open=True)
