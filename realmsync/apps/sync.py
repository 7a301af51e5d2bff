"""The configuration of sync: its mode, partition, queryable fields, and what must not be together.

Classes are named as they were written, by themselves or by collections: queryable.py knows them.

Specification: app-configuration.md section 4.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from realmsync.apps.bundle import Bundle
from realmsync.apps.diagnostics import Findings
from realmsync.apps.keys import Keys
from realmsync.apps.model import (
    PartitionConfiguration,
    QueryableFields,
    SyncConfiguration,
    SyncMode,
    SyncState,
)

# "int" is another word for "long".
_PARTITION_TYPES = {
    "string": "string",
    "objectId": "objectId",
    "long": "long",
    "int": "long",
    "uuid": "uuid",
}
_LISTS_OF_FIELDS = ("queryable_fields_names", "indexed_queryable_fields_names")


def read_sync(bundle: Bundle, findings: Findings, enable_sync: bool) -> SyncConfiguration:
    """The configuration of sync. `enable_sync`: it counts as enabled, whatever the folder says."""
    keys = Keys.of(bundle.sync, findings)
    mode = _mode(keys)
    service = _service(bundle, keys, mode)
    configuration = SyncConfiguration(
        mode=mode,
        state=_state(keys, mode, enable_sync),
        development_mode=keys.flag("development_mode_enabled"),
        service=service,
        database=keys.text("database_name") or None,
        max_offline_days=keys.count("client_max_offline_days"),
        recovery=not keys.flag("is_recovery_mode_disabled"),
    )
    if mode is SyncMode.NONE:
        findings.warning(
            "sync.not_configured", keys.path, "sync was never set up: no client can synchronise"
        )
        return configuration
    if configuration.development_mode:
        findings.warning(
            "sync.development_mode",
            _path_of_development_mode(bundle, keys),
            "any client may extend the schema; switch development_mode_enabled off for production",
            "development_mode_enabled",
        )
    asymmetric = keys.texts("asymmetric_tables")
    if mode is SyncMode.PARTITION:
        if asymmetric:
            findings.error(
                "sync.asymmetric_partition",
                keys.path,
                "asymmetric classes need flexible sync",
                "asymmetric_tables",
            )
        return replace(configuration, partition=_partition(keys.object("partition")))
    return replace(configuration, asymmetric=asymmetric, queryable=_queryable(keys))


def _mode(keys: Keys) -> SyncMode:
    said = keys.choice("type", (SyncMode.PARTITION.value, SyncMode.FLEXIBLE.value))
    has_partition = bool(keys.object("partition").content)
    has_flexible = said == SyncMode.FLEXIBLE.value or any(
        _has_content(key, keys.said(key)) for key in _FLEXIBLE_KEYS
    )
    if has_flexible and (has_partition or said == SyncMode.PARTITION.value):
        keys.findings.error(
            "sync.both_modes",
            keys.path,
            "there are keys of partition-based and of flexible sync: remove those of one",
        )
    if has_partition or said == SyncMode.PARTITION.value:
        return SyncMode.PARTITION
    is_flexible = has_flexible or any(keys.said(key) is not None for key in _FLEXIBLE_KEYS)
    return SyncMode.FLEXIBLE if is_flexible else SyncMode.NONE


_FLEXIBLE_KEYS = (
    *_LISTS_OF_FIELDS,
    "collection_queryable_fields_names",
    "permissions",
)


def _has_content(key: str, value: Any) -> bool:
    if key == "permissions" and isinstance(value, dict):
        return bool(value.get("rules") or value.get("defaultRoles"))
    return bool(value)


def _service(bundle: Bundle, keys: Keys, mode: SyncMode) -> str | None:
    named = keys.text("service_name")
    if named in bundle.services:
        return named
    only = next(iter(bundle.services)) if len(bundle.services) == 1 else None
    if mode is SyncMode.NONE or (not named and only is not None):
        return only
    keys.findings.error(
        "sync.service_missing",
        keys.path,
        f"there is no MongoDB data source {named!r:.100}"
        if named
        else "which data source has the classes is not said, and there is not exactly one",
        "service_name",
    )
    return None


def _state(keys: Keys, mode: SyncMode, enable_sync: bool) -> SyncState:
    said = keys.choice("state", tuple(state.value for state in SyncState))
    # What is not said was never started. Only who says "" asks for a termination.
    state = SyncState.DISABLED if keys.said("state") is None else SyncState(said)
    if mode is SyncMode.NONE or state is SyncState.ENABLED:
        return state
    if enable_sync:
        return SyncState.ENABLED
    keys.findings.warning(
        "sync.paused",
        keys.path,
        f"sync is {'paused' if state is SyncState.DISABLED else 'not started'}: clients are told "
        "to wait; --enable-sync serves them",
        "state",
    )
    return state


def _path_of_development_mode(bundle: Bundle, keys: Keys) -> str:
    """The older layouts have that key in their root file."""
    of_root = bundle.root.content.get("sync")
    return bundle.root.path if isinstance(of_root, dict) and of_root else keys.path


def _partition(keys: Keys) -> PartitionConfiguration:
    key = keys.text("key")
    if not key:
        keys.bad("key", "must name the partition's property")
    said = keys.said("type")
    if not isinstance(said, str) or said not in _PARTITION_TYPES:
        keys.findings.error(
            "sync.partition_type",
            keys.path,
            f"a partition cannot be of type {said!r:.60}: it is one of "
            f"{', '.join(_PARTITION_TYPES)}",
            keys.where("type"),
        )
        said = "string"
    permissions = keys.object("permissions")
    for right in ("read", "write"):
        if permissions.said(right) is None:
            keys.findings.warning(
                "sync.partition_permissions",
                keys.path,
                f"nobody may {right}: the permission is not said",
                permissions.where(right),
            )
    return PartitionConfiguration(
        key=key,
        type=_PARTITION_TYPES[said],
        required=keys.flag("required"),
        read=permissions.said("read"),
        write=permissions.said("write"),
    )


def _queryable(keys: Keys) -> QueryableFields:
    everywhere, indexed = (keys.texts(key) for key in _LISTS_OF_FIELDS)
    of_classes = keys.object("collection_queryable_fields_names")
    if len(indexed) > 1:
        keys.findings.error(
            "sync.indexed_field",
            keys.path,
            "there can be one indexed field",
            "indexed_queryable_fields_names",
        )
    return QueryableFields(
        everywhere, indexed, {name: of_classes.texts(name) for name in of_classes.content}
    )
