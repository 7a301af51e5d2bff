"""What the engine is told of an app's configuration.

The engine holds sessions to it (csrc/server/app_settings.hpp); who may do what is asked for each
session, see partition_rules.py. Specification: app-configuration.md 4.3 and 4.4.
"""

from __future__ import annotations

from typing import Protocol

from realmsync.apps.model import SyncState
from realmsync.server.apps.running import RunningApp
from realmsync.transport.websocket import monotonic_ms


class ConfigurableEngine(Protocol):
    """The part of the engine that has the settings of apps."""

    def configure_app(
        self,
        app_id: str,
        *,
        development_mode: bool,
        paused: bool,
        partition_key: str,
        partition_type: str | None,
        partition_required: bool,
        max_offline_days: float,
        recovery: bool,
        now_ms: int,
    ) -> None: ...


def configure(engine: ConfigurableEngine, app: RunningApp) -> None:
    """Has the engine obey the settings of an app, also for who is connected."""
    sync = app.model.sync
    partition = sync.partition
    engine.configure_app(
        app.key,
        development_mode=sync.development_mode,
        paused=sync.state is not SyncState.ENABLED,
        partition_key="" if partition is None else partition.key,
        partition_type=None if partition is None else partition.type,
        partition_required=partition is not None and partition.required,
        max_offline_days=sync.max_offline_days,
        recovery=sync.recovery,
        now_ms=monotonic_ms(),
    )
