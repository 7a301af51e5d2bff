"""What the engine is told of an app's configuration.

The engine holds sessions to it (csrc/server/app_settings.hpp); who may do what is asked for each
session, see partition_rules.py. Specification: app-configuration.md 4.3 and 4.4.
"""

from __future__ import annotations

from typing import Protocol

from realmsync.apps.model import App, SyncMode, SyncState
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


def unfollowable(old: App, new: App) -> list[str]:
    """Changes of how an app synchronises that its clients cannot follow, a text for each."""
    changes = []
    if SyncMode.NONE in (old.sync.mode, new.sync.mode):
        return []  # there are no clients, or none are served any more
    if old.sync.mode is not new.sync.mode:
        changes.append(f"sync was {old.sync.mode.value} and is {new.sync.mode.value}")
    was, is_now = old.sync.partition, new.sync.partition
    if was is not None and is_now is not None:
        if was.key != is_now.key:
            changes.append(f"the partition key was {was.key} and is {is_now.key}")
        if was.type != is_now.type:
            changes.append(f"the partition key was of type {was.type} and is of {is_now.type}")
    return changes
