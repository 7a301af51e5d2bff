"""Which apps a data directory knows, whether or not a server runs on it: seen by the files that the
engine makes of each app that it was started with.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

from realmsync.server.apps.running import ONLY_APP

_FILE = "partitions.sqlite"


def known_apps(data: Path) -> frozenset[str]:
    """The apps that servers have had there. Raises sqlite3.Error."""
    named = {unquote(file.parent.name) for file in data.glob(f"sync/apps/*/{_FILE}")}
    return frozenset(named | {ONLY_APP} if _was_one(data / "sync" / _FILE) else named)


def _was_one(path: Path) -> bool:
    """Whether the file in which named apps are listed has partitions, too."""
    if not path.exists():
        return False
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
        found = file.execute("SELECT 1 FROM sqlite_schema WHERE name = 'rs_partition'")
        return found.fetchone() is not None
