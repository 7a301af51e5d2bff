"""A realm file whose sync state cannot be what this program wrote is refused, not repaired."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from realmsync import StorageError, _core, _testbed


@pytest.mark.parametrize("cursor", ["download_client", "upload_client"])
def test_cursors_ahead_of_the_history(tmp_path: Path, cursor: str) -> None:
    path = tmp_path / "ahead.realm"
    file = _core.RealmFile.open(str(path))
    version = _testbed.state(file)["version"]
    del file
    db = sqlite3.connect(path)
    db.execute(f"UPDATE rs_sync SET {cursor} = {version + 1}")
    db.commit()
    db.close()
    with pytest.raises(StorageError, match="ahead of its history"):
        _testbed.state(_core.RealmFile.open(str(path)))


def test_lost_state(tmp_path: Path) -> None:
    path = tmp_path / "lost.realm"
    file = _core.RealmFile.open(str(path))
    assert _testbed.state(file)["version"] == 1
    del file
    db = sqlite3.connect(path)
    db.execute("DELETE FROM rs_sync")
    db.commit()
    db.close()
    with pytest.raises(StorageError, match="lost its sync state"):
        _testbed.state(_core.RealmFile.open(str(path)))
