"""With the system's SQLite, an open realm broke the program's own sqlite3 connections."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from realmsync import _core

REALM = """
import contextlib, sqlite3, sys
import realmsync
from pathlib import Path

class Dog(realmsync.Object):
    _id: int = realmsync.primary_key()

def open_realm():
    return realmsync.Realm(path="dogs.realm", schema=[Dog])
"""


ASK = """
import subprocess
def is_locked(file):
    '''Whether another process cannot write now.'''
    program = "import sqlite3, sys; "
    program += "sqlite3.connect(sys.argv[1], timeout=0.1).execute('BEGIN IMMEDIATE')"
    result = subprocess.run([sys.executable, "-c", program, file], capture_output=True)
    return b"locked" in result.stderr
"""


def run(program: str, folder: Path) -> None:
    """In a process where no other test has opened anything before."""
    text = REALM + ASK + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_our_copy_is_new_enough_and_nobody_else_sees_it() -> None:
    assert tuple(map(int, _core.sqlite_version.split("."))) >= (3, 51, 3)
    assert not hasattr(ctypes.CDLL(_core.__file__), "sqlite3_open_v2")


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_the_programs_own_database_goes_on(journal: str, tmp_path: Path) -> None:
    run(
        f"""
        own = sqlite3.connect("own.db", isolation_level=None)
        own.execute("PRAGMA journal_mode={journal}")
        own.execute("CREATE TABLE t(x)")
        own.execute("BEGIN IMMEDIATE")
        own.execute("INSERT INTO t VALUES(1)")
        with open_realm() as realm:
            with realm.write():
                realm.create(Dog, {{"_id": 1}})
            own.execute("COMMIT")
            with contextlib.closing(sqlite3.connect("own.db", timeout=0.1)) as second:
                second.execute("INSERT INTO t VALUES(2)")
                second.commit()
            assert own.execute("SELECT count(*) FROM t").fetchone() == (2,)
            own.close()
            assert not Path("own.db-wal").exists()  # the last connection checkpoints
        """,
        tmp_path,
    )


def test_the_programs_locks_of_its_own_database_hold(tmp_path: Path) -> None:
    """Neither opening nor closing a realm lets another process in."""
    run(
        """
        own = sqlite3.connect("own.db", isolation_level=None)
        own.execute("CREATE TABLE t(x)")
        own.execute("BEGIN IMMEDIATE")
        with open_realm():
            assert is_locked("own.db")
        assert is_locked("own.db")
        own.execute("COMMIT")
        assert not is_locked("own.db")
        """,
        tmp_path,
    )


def test_a_reader_of_the_realm_keeps_its_snapshot(tmp_path: Path) -> None:
    """Through check-points, which would start the log over, and the end of the realm."""
    run(
        """
        realm = open_realm()
        with realm.write():
            realm.create_many(Dog, {"_id": list(range(10))})
        reader = sqlite3.connect("dogs.realm", isolation_level=None)
        count = "SELECT count(*) FROM Dog"
        reader.execute("BEGIN")
        assert reader.execute(count).fetchone() == (10,)
        def write(start):
            for first in range(start, start + 5):
                with realm.write():
                    realm.create_many(Dog, {"_id": list(range(first * 5000, first * 5000 + 5000))})
        write(1)
        assert reader.execute(count).fetchone() == (10,)
        realm.close()
        realm = open_realm()
        write(11)
        assert reader.execute(count).fetchone() == (10,)
        realm.close()
        assert reader.execute(count).fetchone() == (10,)
        reader.execute("COMMIT")
        assert reader.execute(count).fetchone() == (50010,)
        assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        reader.close()
        with open_realm() as realm:
            assert len(realm.objects(Dog)) == 50010
        """,
        tmp_path,
    )


def test_a_writer_of_the_realm_file_keeps_its_turn(tmp_path: Path) -> None:
    """Closing the realm while another copy is in a transaction must not end its locks."""
    run(
        """
        with open_realm():
            pass
        realm = open_realm()
        other = sqlite3.connect("dogs.realm", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        realm.close()
        assert is_locked("dogs.realm")
        other.execute("ROLLBACK")
        assert not is_locked("dogs.realm")
        """,
        tmp_path,
    )


def test_accounts_are_checkpointed(tmp_path: Path) -> None:
    """`users.sqlite` belongs to Python's copy; nothing of it is left in a log."""
    run(
        """
        from realmsync.testing import run_server
        import asyncio
        import logging
        logging.getLogger("realmsync.server").setLevel("ERROR")  # that it is open to everybody
        async def main():
            with run_server() as server:
                app = realmsync.App("tasks", base_url=server.url, base_file_path="client")
                user = await app.log_in(realmsync.Credentials.anonymous())
                sync = realmsync.SyncConfiguration(user=user, partition_value="p")
                async with await realmsync.Realm.open(schema=[Dog], sync=sync):
                    pass
                await app.close()
        asyncio.run(main())
        assert list(Path("client").rglob("users.sqlite"))
        assert not list(Path("client").rglob("users.sqlite-wal"))
        """,
        tmp_path,
    )
