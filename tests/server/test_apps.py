"""Apps of one server: databases of their own, also for what older versions left, fixed schemas,
clocks that are ahead."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from instructions import add_column, add_table, changeset, create
from partitions.formats import to_format_1
from raw_peer import RawPeer, Refused
from realmsync import _core, _testbed
from realmsync.server.config import ServerConfig
from realmsync.testing import ServerProcess

TASK = (add_table("Task"), add_column("Task", "title", 3))
NOTE = (add_table("Note"), add_column("Note", "text", 3))
SCHEMA_CHANGE = 225


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as database:
        return database.execute(sql).fetchall()


def old_directory(directory: Path) -> None:
    """Two named apps and the only one in one database, as before 0.3."""
    db = _testbed.PartitionDb(str(directory), durability="process")
    for app, schema, name in (
        ("alpha", TASK, "Task"),
        ("be/ta", NOTE, "Note"),
        ("app", TASK, "Task"),
    ):
        db.begin()
        partition, _ = db.open_partition(app, b'"p"')
        file = db.allocate_ident(partition, "ann")[0]
        data = changeset(*schema, *(create(name, n) for n in range(3)))
        assert db.append(partition, file, [(2, 0, 1, 0, data)], (2, 0)) == (1, None)
        db.commit()
    db.close()
    to_format_1(directory / "partitions.sqlite")


def start_and_stop(directory: Path) -> None:
    _core.ServerRuntime(str(directory), apps=["alpha", "be/ta"], durability="process").close()


def test_apps_of_an_older_version_are_moved(tmp_path: Path) -> None:
    old_directory(tmp_path)
    for _ in range(2):  # the second time nothing is left to do
        start_and_stop(tmp_path)
        apps = tmp_path / "apps"
        assert sorted(path.name for path in apps.iterdir()) == ["alpha", "be%2Fta"]
        for folder, app, own, foreign in (
            ("alpha", "alpha", "Task", "Note"),
            ("be%2Fta", "be/ta", "Note", "Task"),
        ):
            path = apps / folder / "partitions.sqlite"
            assert query(path, "SELECT app_id FROM rs_partition") == [(app,)]
            assert query(path, "SELECT count(*) FROM rs_history") == [(1,)]
            assert query(path, f"SELECT count(*) FROM {own}") == [(3,)]
            tables = query(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")
            assert (foreign,) not in tables
            assert query(path, "PRAGMA integrity_check") == [("ok",)]
        root = tmp_path / "partitions.sqlite"
        assert query(root, "SELECT app_id FROM rs_partition") == [("app",)]
        assert query(root, "SELECT count(*) FROM Task") == [(3,)]
        assert query(root, "SELECT * FROM rs_app") == [("alpha", "alpha"), ("be/ta", "be%2Fta")]


def test_a_move_that_was_interrupted_is_finished(tmp_path: Path) -> None:
    old_directory(tmp_path)
    folder = tmp_path / "apps" / "alpha"
    folder.mkdir(parents=True)
    (folder / "partitions.moving").write_bytes(b"half of a database")
    start_and_stop(tmp_path)
    assert query(folder / "partitions.sqlite", "SELECT count(*) FROM Task") == [(3,)]


@pytest.mark.no_asan
def test_a_fixed_schema(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, durability="process") as server, RawPeer(server.url) as peer:
        peer.open(1, "p")
        peer.upload(1, changeset(*TASK))
        peer.acknowledged(1)
    with (
        ServerProcess(tmp_path, "--no-development-mode", durability="process") as server,
        RawPeer(server.url) as peer,
    ):
        peer.open(1, "another")
        peer.upload(1, changeset(*TASK, create("Task", 1)))
        peer.acknowledged(1)
        for session, schema in enumerate((NOTE, (*TASK, add_column("Task", "more"))), 2):
            peer.open(session, f"another {session}")
            peer.upload(session, changeset(*schema))
            with pytest.raises(Refused, match="is fixed") as error:
                peer.acknowledged(session)
            assert error.value.code == SCHEMA_CHANGE


@pytest.mark.no_asan
def test_clocks_that_are_ahead(tmp_path: Path) -> None:
    day = 24 * 3600.0
    with (
        ServerProcess(tmp_path, "--max-clock-ahead", str(day), durability="process") as server,
        RawPeer(server.url) as peer,
    ):
        peer.open(1, "p")
        peer.upload(1, changeset(*TASK), ahead=day / 2)
        peer.acknowledged(1)
        peer.upload(1, changeset(create("Task", 1)), ahead=2 * day)
        with pytest.raises(Refused, match="clock of this device is ahead") as error:
            peer.acknowledged(1)
        assert not error.value.body["shouldClientReset"]


def test_settings_that_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no apps of this server: b"):
        ServerConfig(data=tmp_path, apps=frozenset("a"), development_mode=frozenset("b"))
    with pytest.raises(ValueError, match="ahead by more than 0 s"):
        ServerConfig(data=tmp_path, max_clock_ahead=0)
    config = ServerConfig(data=tmp_path, apps=frozenset("ab"), development_mode=frozenset("a"))
    assert [config.is_in_development(app) for app in "ab"] == [True, False]
