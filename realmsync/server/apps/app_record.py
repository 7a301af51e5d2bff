"""What an app's folder said when it was last obeyed, kept beside the app's data: only so can what a
folder has no more be told from what clients have added, and another way to synchronise from the
one that clients know. And what subscriptions have made queryable, which no folder says.
Specification: app-configuration.md 4.5, 7.7.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from realmsync.apps.model import Class, QueryableFields, SyncMode
from realmsync.apps.plain_schemas import from_plain, to_plain
from realmsync.errors import StorageError
from realmsync.folders import replace_private
from realmsync.server.apps.sync_terms import SyncTerms


@dataclass(frozen=True)
class AppRecord:
    """What there was of an app."""

    classes: Mapping[str, Class] = field(default_factory=dict)
    # None: it never synchronised, or has begun anew.
    terms: SyncTerms | None = None
    # What subscriptions could ask about; None: they could not, or nobody has noted it.
    queryable: QueryableFields | None = None
    # Fields that subscriptions have made queryable in development mode, by class.
    discovered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class AppRecords:
    """The records of one server, a file for each app. Both methods raise StorageError."""

    def __init__(self, data: Path) -> None:
        """In the folder `schemas` of a data directory."""
        self._folder = data / "schemas"

    def read(self, app_key: str) -> AppRecord:
        """The record; that of an app which never had a folder is empty."""
        path = self._path(app_key)
        try:
            content = json.loads(path.read_bytes())
            return AppRecord(
                from_plain(content["classes"]),
                _terms(content.get("sync")),
                _queryable(content.get("queryable")),
                {cls: tuple(names) for cls, names in content.get("discovered", {}).items()},
            )
        except FileNotFoundError:
            return AppRecord()
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise StorageError(
                f"{path} is damaged: restore it from a backup, or delete it; then what the app's "
                "folder has no more counts as added by clients, and another way to synchronise "
                "than they know is not noticed"
            ) from error

    def write(self, app_key: str, record: AppRecord) -> None:
        """Replaces the record; afterwards it is on disk."""
        path = self._path(app_key)
        content = {
            "classes": to_plain(record.classes),
            "sync": _plain(record.terms),
            "queryable": None if record.queryable is None else asdict(record.queryable),
            "discovered": record.discovered,
        }
        try:
            replace_private(path, json.dumps(content))
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}") from error

    def _path(self, app_key: str) -> Path:
        return self._folder / f"{app_key}.json"


def _plain(terms: SyncTerms | None) -> dict[str, Any] | None:
    if terms is None:
        return None
    return {"mode": terms.mode.value, "key": terms.partition_key, "type": terms.partition_type}


def _terms(content: Any) -> SyncTerms | None:
    if content is None:
        return None
    return SyncTerms(SyncMode(content["mode"]), content["key"], content["type"])


def _queryable(content: Any) -> QueryableFields | None:
    if content is None:
        return None
    own = {cls: tuple(names) for cls, names in content["by_class"].items()}
    return QueryableFields(tuple(content["everywhere"]), tuple(content["indexed"]), own)
