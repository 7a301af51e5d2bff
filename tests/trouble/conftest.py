"""A server for those who flood it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from realmsync.testing import ServerProcess


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """It can be stopped and started at the end, and what it has stored is whole."""
    with ServerProcess(tmp_path / "data", "--log-level", "error", durability="process") as server:
        yield server
        assert server.stop() == 0
        server.start()
    for path in (tmp_path / "data").rglob("*.sqlite"):
        with sqlite3.connect(path) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",), path
