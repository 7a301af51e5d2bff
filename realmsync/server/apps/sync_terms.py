"""How an app synchronises, as far as its clients and their files depend on it for good: none can
follow when it becomes another. Specification: app-configuration.md 4.3 and 7.7.
"""

from __future__ import annotations

from dataclasses import dataclass

from realmsync.apps.model import App, SyncMode


@dataclass(frozen=True)
class SyncTerms:
    """The mode, and what tells partitions apart."""

    mode: SyncMode
    partition_key: str | None = None
    partition_type: str | None = None


def terms_of(app: App) -> SyncTerms | None:
    """The terms of an app; None: it does not synchronise."""
    sync = app.sync
    if sync.mode is SyncMode.NONE:
        return None
    if sync.partition is None:
        return SyncTerms(sync.mode)
    return SyncTerms(sync.mode, sync.partition.key, sync.partition.type)


def changes(old: SyncTerms | None, new: SyncTerms | None) -> tuple[str, ...]:
    """What clients cannot follow, a text for each; None: there are no terms, nothing to follow."""
    if old is None or new is None:
        return ()
    if old.mode is not new.mode:
        text = f"sync was {old.mode.value} and is {new.mode.value}"
        if new.mode is SyncMode.FLEXIBLE:
            text += (
                ", where the objects of partitions are out of reach until somebody brings them over"
            )
        return (text,)
    found = []
    if old.partition_key != new.partition_key:
        found.append(f"the partition key was {old.partition_key} and is {new.partition_key}")
    if old.partition_type != new.partition_type:
        found.append(
            f"the partition key was of type {old.partition_type} and is of {new.partition_type}"
        )
    return tuple(found)
