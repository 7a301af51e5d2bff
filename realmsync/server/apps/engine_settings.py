"""What the engine is told of an app's configuration.

The engine holds sessions to it (csrc/server/app_settings.hpp); who may do what is asked for each
session, see session_rules.py. Specification: app-configuration.md 4.3 and 4.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Protocol

from realmsync.apps.model import SyncMode, SyncState
from realmsync.server.apps.running import RunningApp
from realmsync.transport.websocket import monotonic_ms


class ConfigurableEngine(Protocol):
    """The part of the engine that has the settings of apps."""

    def configure_app(
        self,
        app_id: str,
        *,
        sync_mode: str,
        development_mode: bool,
        paused: bool,
        partition_key: str,
        partition_type: str | None,
        partition_required: bool,
        max_offline_days: float,
        recovery: bool,
        queryable: Sequence[str],
        queryable_by_class: Mapping[str, Sequence[str]],
        indexed_queryable: str | None,
        schema_versions: Set[int] | None,
        now_ms: int,
    ) -> None: ...


def configure(engine: ConfigurableEngine, app: RunningApp) -> None:
    """Has the engine obey the settings of an app, also for who is connected."""
    sync = app.model.sync
    partition, queryable = sync.partition, sync.queryable
    former = app.migrated_partition_key or ""
    engine.configure_app(
        app.key,
        # One that does not synchronise is paused, whoever comes.
        sync_mode="both" if sync.mode is SyncMode.NONE else sync.mode.value,
        development_mode=sync.development_mode,
        paused=sync.state is not SyncState.ENABLED,
        # Of a flexible one, what it had before: clients that know of partitions are to follow.
        partition_key=former if partition is None else partition.key,
        partition_type=None if partition is None else partition.type,
        partition_required=partition is not None and partition.required,
        max_offline_days=sync.max_offline_days,
        recovery=sync.recovery,
        queryable=[*queryable.everywhere, *([former] if former else ())],
        queryable_by_class=queryable.by_class,
        indexed_queryable=next(iter(queryable.indexed), None),
        schema_versions=app.schema_versions,
        now_ms=monotonic_ms(),
    )
