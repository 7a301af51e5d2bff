"""A second copy of SQLite in the process cannot break the locks of ours, and a killed holder
leaves none behind. apsw and Python's sqlite3 bring their own copies; other processes stand for
other programs."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from instructions import add_column, add_table, changeset, create
from realmsync import _testbed
from realmsync.errors import StorageError

SCHEMA = changeset(add_table("T"), add_column("T", "v"))

# Exit status 0: the file could be switched out of WAL mode, for which nobody else may have it open.
LEAVE_WAL = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=0.2)
try:
    mode = db.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
except sqlite3.OperationalError:
    sys.exit(1)
sys.exit(0 if mode == "delete" else 1)
"""
# Exit status 0: a write transaction was possible.
WRITE = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=0.2, isolation_level=None)
try:
    db.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError:
    sys.exit(1)
"""


def succeeds(program: str, file: Path) -> bool:
    return subprocess.run([sys.executable, "-c", program, str(file)], check=False).returncode == 0


def connect_apsw(path: str) -> apsw.Connection:
    """One that waits, as those of `sqlite3` do."""
    connection = apsw.Connection(path)
    connection.set_busy_timeout(5_000)
    return connection


# Other copies by how they open a file.
COPIES: dict[str, Callable[[str], Any]] = {"apsw": connect_apsw, "sqlite3": sqlite3.connect}


def visit_with_other_copy(file: Path, copy: str = "apsw") -> int:
    """Opens, reads and closes the file with the other copy."""
    connection = COPIES[copy](str(file))
    try:
        count = connection.execute("SELECT count(*) FROM T").fetchone()[0]
    finally:
        connection.close()
    return int(count)


def open_store(file: Path) -> _testbed.ScratchStore:
    store = _testbed.ScratchStore(str(file))
    store.apply(SCHEMA)
    return store


def rows(store: _testbed.ScratchStore) -> int:
    return len(store.state()["T"])


@pytest.mark.parametrize("copy", COPIES)
def test_locks_survive_another_copy(tmp_path: Path, copy: str) -> None:
    file = tmp_path / "x.realm"
    store = open_store(file)
    store.apply(changeset(create("T", 1)))
    assert visit_with_other_copy(file, copy) == 1
    assert Path(f"{file}-wal").exists()  # the other copy was not the last one to close
    assert not succeeds(LEAVE_WAL, file)
    store.begin()
    store.apply(changeset(create("T", 2)))
    assert visit_with_other_copy(file, copy) == 1
    assert not succeeds(WRITE, file)
    connection = COPIES[copy](str(file))
    with pytest.raises((apsw.BusyError, sqlite3.OperationalError)):
        connection.execute("BEGIN IMMEDIATE")
    connection.close()
    store.commit()
    assert succeeds(WRITE, file)
    assert rows(store) == 2
    del store
    assert succeeds(LEAVE_WAL, file)


def test_reading_file_descriptors_elsewhere_breaks_nothing(tmp_path: Path) -> None:
    file = tmp_path / "x.realm"
    store = open_store(file)
    store.begin()
    store.apply(changeset(create("T", 1)))
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").read_bytes()  # close() drops POSIX locks of the process
    assert not succeeds(WRITE, file)
    assert not succeeds(LEAVE_WAL, file)
    store.commit()
    assert rows(store) == 1


def test_many_connections_to_one_file(tmp_path: Path) -> None:
    file = tmp_path / "x.realm"
    first = open_store(file)
    second, third = (_testbed.ScratchStore(str(file)) for _ in range(2))
    first.apply(changeset(create("T", 1)))
    del first  # the locks of the others stay
    assert rows(second) == rows(third) == 1
    assert not succeeds(LEAVE_WAL, file)
    second.begin()
    del third
    assert not succeeds(WRITE, file)
    second.rollback()
    assert succeeds(WRITE, file)
    del second
    assert succeeds(LEAVE_WAL, file)


def test_threads_with_a_connection_each(tmp_path: Path) -> None:
    file = tmp_path / "x.realm"
    open_store(file).set_durability("off")
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            store = _testbed.ScratchStore(str(file), durability="off")
            for i in range(25):
                store.apply(changeset(create("T", number * 100 + i)))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        visit_with_other_copy(file)
    for thread in threads:
        thread.join()
    assert not errors
    assert rows(_testbed.ScratchStore(str(file))) == 100


HOLD = """
import sys, time
from realmsync import _testbed
store = _testbed.ScratchStore(sys.argv[1])
store.begin()
print("ready", flush=True)
time.sleep(60)
"""


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    file = tmp_path / "x.realm"
    store = open_store(file)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        assert not succeeds(WRITE, file)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    store.apply(changeset(create("T", 1)))
    assert rows(store) == 1


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_keeps_no_locks(tmp_path: Path) -> None:
    """The child lives on when the parent has closed the file; its locks must be gone."""
    file = tmp_path / "x.realm"
    store = open_store(file)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)  # until the parent is done
        os._exit(0)
    try:
        store.apply(changeset(create("T", 1)))  # the parent's locks still work
        del store
        assert succeeds(LEAVE_WAL, file)
    finally:
        os.write(write, b"x")
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)


def test_storage_errors_carry_the_code(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        _testbed.ScratchStore(str(tmp_path / "missing" / "x.realm"))
    assert caught.value.sqlite_code is not None
    assert caught.value.sqlite_code & 255 == apsw.SQLITE_CANTOPEN
    damaged = tmp_path / "damaged.realm"
    damaged.write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError):
        _testbed.ScratchStore(str(damaged))


@pytest.mark.no_asan
def test_commits_of_a_killed_process_are_whole(tmp_path: Path) -> None:
    """Transactions of 20 objects each; the process is killed somewhere in the middle of one."""
    file = tmp_path / "x.realm"
    open_store(file)
    program = (
        "import sys\n"
        "from realmsync import _testbed\n"
        "sys.path.insert(0, 'tests')\n"
        "from instructions import changeset, create, update\n"
        "store = _testbed.ScratchStore(sys.argv[1], durability='off')\n"
        "start = len(store.state()['T'])\n"
        "n = start\n"
        "while True:\n"
        "    store.begin()\n"
        "    for _ in range(20):\n"
        "        store.apply(changeset(create('T', n), update('T', n, 'v', n + 1)))\n"
        "        n += 1\n"
        "    store.commit()\n"
        "    print(n, flush=True)\n"
    )
    root = Path(__file__).parent.parent.parent
    for lines in (1, 3, 7):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(file)], cwd=root, stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline()) for _ in range(lines)]
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        objects = _testbed.ScratchStore(str(file)).state()["T"]
        assert len(objects) % 20 == 0
        assert len(objects) >= told[-1]  # what was reported is there
        assert all(int(o["v"]["$numberLong"]) == int(o["_id"]["$numberLong"]) + 1 for o in objects)


MEMORY = """
import sys
from realmsync import _testbed
sys.path.insert(0, "tests")
from instructions import add_column, add_table, changeset, create
data = changeset(add_table("T"), *[add_column("T", f"c{i}") for i in range(8)], create("T", 1))
stores = []

def private_bytes():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))

def open_files(names):
    for name in names:
        store = _testbed.ScratchStore(f"{sys.argv[1]}/{name}.realm", durability="off")
        store.apply(data)
        store.shrink()
        stores.append(store)

open_files(range(20))
before = private_bytes()
open_files(range(20, 120))
print((private_bytes() - before) / 100)
"""


@pytest.mark.no_asan
def test_memory_of_an_idle_connection(tmp_path: Path) -> None:
    """Private memory; the mapped WAL index (32 KiB) belongs to the page cache."""
    root = Path(__file__).parent.parent.parent
    output = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path)],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert float(output) < 48 * 1024, output
