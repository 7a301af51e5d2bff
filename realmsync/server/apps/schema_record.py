"""What an app's folder had for classes when it was last obeyed, kept beside the app's data: only so
can what a folder has no more be told from what clients have added.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from realmsync.apps.model import Class
from realmsync.apps.plain_schemas import from_plain, to_plain
from realmsync.errors import StorageError
from realmsync.folders import replace_private


class SchemaRecords:
    """The records of one server, a file for each app. Both methods raise StorageError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, app_key: str) -> dict[str, Class]:
        """The classes; none of an app that never had a folder."""
        path = self._path(app_key)
        try:
            return from_plain(json.loads(path.read_bytes())["classes"])
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise StorageError(
                f"{path} is damaged: restore it from a backup, or delete it, and what the app's "
                "folder has no more counts as added by clients"
            ) from error

    def write(self, app_key: str, classes: Mapping[str, Class]) -> None:
        """Replaces the classes; afterwards they are on disk."""
        path = self._path(app_key)
        try:
            replace_private(path, json.dumps({"classes": to_plain(classes)}))
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}") from error

    def _path(self, app_key: str) -> Path:
        return self._folder / f"{app_key}.json"
