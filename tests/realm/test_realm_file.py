"""The client's realm file: versions, uploads, integration, trimming, durability, many files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

import realmsync
from instructions import changeset, create, update
from realmsync import _core, _testbed
from realmsync.errors import BadProgressError, InvalidDatabaseError, WrongTransactionStateError


class Note(realmsync.Object):
    _id: int = realmsync.primary_key()
    text: str | None
    tags: list[str]


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[realmsync.Realm]:
    with realmsync.Realm(path=tmp_path / "r.realm", schema=[Note]) as opened:
        yield opened


def note(realm: realmsync.Realm, key: int) -> None:
    with realm.write():
        realm.create(Note, {"_id": key, "text": "x"})


def remote(key: int) -> bytes:
    return changeset(create("Note", key), update("Note", key, "text", "remote"))


def test_versions_and_counters(realm: realmsync.Realm) -> None:
    file = realm._file
    assert _testbed.state(file)["version"] == 2  # the schema
    with realm.write():
        pass  # an empty transaction makes a version, and nothing to upload
    state = _testbed.state(file)
    assert (state["version"], state["uploaded_version"]) == (3, 1)
    note(realm, 1)
    sizes = [len(e["changeset"]) for e in _testbed.history(file)]
    assert _testbed.state(file)["uploadable_bytes"] == sum(sizes)
    _testbed.store_ident(file, 7, 99)
    _testbed.integrate(file, [], download=(1, 0), upload=(3, 0))
    state = _testbed.state(file)
    assert (state["version"], state["uploaded_version"]) == (6, 3)
    assert state["uploaded_bytes"] == sizes[0]
    _testbed.integrate(file, [], download=(2, 4), upload=(4, 0))
    state = _testbed.state(file)
    assert state["uploaded_version"] == state["version"] == 7
    assert state["uploaded_bytes"] == state["uploadable_bytes"]


def test_uploads_follow_the_cursor(realm: realmsync.Realm) -> None:
    for key in range(5):
        note(realm, key)
    entries, cursor = _testbed.fetch_upload(realm._file, 0, 0)
    assert [e[0] for e in entries] == [2, 3, 4, 5, 6, 7]
    assert cursor == (7, 0)
    entries, cursor = _testbed.fetch_upload(realm._file, 2, 0, soft=40)
    assert ([e[0] for e in entries], cursor) == ([3, 4], (4, 0))
    entries, cursor = _testbed.fetch_upload(
        realm._file, 2, 0, hard=1
    )  # the first goes whatever its size
    assert ([e[0] for e in entries], cursor) == ([3], (3, 0))
    _testbed.integrate(realm._file, [(5, 0, 1, 9, remote(100))], download=(6, 0))
    assert _testbed.fetch_upload(realm._file, 7, 0) == ([], (8, 5))
    note(realm, 101)
    entries, cursor = _testbed.fetch_upload(realm._file, 7, 0)
    assert ([e[:2] for e in entries], cursor) == ([(9, 6)], (9, 6))


def test_integration_applies_and_records_nothing(realm: realmsync.Realm) -> None:
    file = realm._file
    note(realm, 1)
    _testbed.integrate(file, [(1, 0, 5, 9, remote(2)), (2, 0, 6, 9, remote(3))], download=(2, 0))
    assert [n.text for n in realm.objects(Note)] == ["x", "remote", "remote"]
    newest = _testbed.history(file)[-1]
    assert (newest["version"], newest["remote_version"], newest["origin_ident"]) == (4, 2, 9)
    assert newest["changeset"] == b""
    assert _testbed.state(file)["downloaded_bytes"] == 2 * len(remote(2))


def test_a_bad_download_changes_nothing(realm: realmsync.Realm) -> None:
    file = realm._file
    note(realm, 1)
    _testbed.integrate(file, [], download=(5, 2))
    before = (_testbed.state(file), _testbed.history(file))
    bad = changeset(update("Note", 99, "text", "no such object"))
    with pytest.raises(realmsync.errors.BadChangesetError, match="apply"):
        _testbed.integrate(file, [(6, 2, 1, 9, remote(2)), (7, 2, 1, 9, bad)], download=(7, 2))
    for download, upload in [
        ((4, 2), (0, 0)),
        ((5, 1), (0, 0)),
        ((6, 50), (0, 0)),
        ((6, 2), (50, 0)),
    ]:
        with pytest.raises(BadProgressError):
            _testbed.integrate(file, [], download=download, upload=upload)
    assert (_testbed.state(file), _testbed.history(file)) == before
    assert len(realm.objects(Note)) == 1


def test_trimming_keeps_what_a_merge_may_need(realm: realmsync.Realm) -> None:
    file = realm._file
    for key in range(4):
        note(realm, key)  # versions 3 to 6
    _testbed.integrate(file, [], download=(1, 4), upload=(4, 0))
    assert [e["version"] for e in _testbed.history(file)] == [5, 6, 7]
    _testbed.integrate(file, [], download=(2, 6), upload=(6, 0))
    assert _testbed.history(file) == []
    note(realm, 10)
    assert [e["version"] for e in _testbed.history(file)] == [9]


def test_a_reciprocal_that_merging_made_is_stored(realm: realmsync.Realm) -> None:
    file = realm._file
    note(realm, 1)
    _testbed.store_ident(file, 2, 5)
    added = changeset(
        {
            "op": "AddColumn", "table": "Note", "field": "text", "type": 3,
            "nullable": True, "collection": 0,
        }
    )  # fmt: skip
    _testbed.integrate(file, [(1, 0, 1, 9, added)], download=(1, 0))
    entries = {e["version"]: e["reciprocal"] for e in _testbed.history(file)}
    assert entries[3] is None
    assert entries[2] is None or len(entries[2]) > 0


def test_rollback(realm: realmsync.Realm) -> None:
    note(realm, 1)
    with pytest.raises(ZeroDivisionError), realm.write():
        realm.create(Note, {"_id": 2})
        realm.delete(realm.object_for_primary_key(Note, 1))
        raise ZeroDivisionError
    assert [n._id for n in realm.objects(Note)] == [1]
    assert _testbed.state(realm._file)["version"] == 3


def test_transaction_state_is_checked(realm: realmsync.Realm) -> None:
    with pytest.raises(WrongTransactionStateError):
        realm.create(Note, {"_id": 1})
    with realm.write():
        with pytest.raises(WrongTransactionStateError):
            realm.begin_transaction()
        with (
            realmsync.Realm(path=realm.path, schema=[Note]) as other,
            pytest.raises(WrongTransactionStateError),
        ):
            other.begin_transaction()  # this thread would wait for itself
    with pytest.raises(WrongTransactionStateError):
        realm.commit_transaction()


def test_two_threads_take_turns(realm: realmsync.Realm) -> None:
    def work(start: int) -> None:
        with realmsync.Realm(path=realm.path, schema=[Note]) as mine:
            for key in range(start, start + 100):
                note(mine, key)

    threads = [threading.Thread(target=work, args=(n * 1000,)) for n in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(realm.objects(Note)) == 200
    assert _testbed.state(realm._file)["version"] == 202


def test_readers_see_committed_state_only(realm: realmsync.Realm) -> None:
    with realmsync.Realm(path=realm.path, schema=[Note]) as reader:
        with realm.write():
            realm.create(Note, {"_id": 1})
            assert len(realm.objects(Note)) == 1
            assert len(reader.objects(Note)) == 0
        assert len(reader.objects(Note)) == 1


async def test_asyncio_writers_share_a_flush(realm: realmsync.Realm) -> None:
    async def one(key: int) -> None:
        async with realm.write():
            realm.create(Note, {"_id": key})
            await asyncio.sleep(0)
            if key == 7:
                raise ZeroDivisionError

    done = await asyncio.gather(*(one(k) for k in range(40)), return_exceptions=True)
    assert [type(d) for d in done if d is not None] == [ZeroDivisionError]
    assert {n._id for n in realm.objects(Note)} == set(range(40)) - {7}
    assert _testbed.state(realm._file)["version"] == 2 + 39


async def test_a_cancelled_writer_leaves_the_others(realm: realmsync.Realm) -> None:
    holding = asyncio.Event()

    async def hold() -> None:
        async with realm.write():
            realm.create(Note, {"_id": 1})
            holding.set()
            await asyncio.sleep(0.05)

    async def wait() -> None:
        async with realm.write():
            realm.create(Note, {"_id": 2})

    first = asyncio.create_task(hold())
    await holding.wait()
    second = asyncio.create_task(wait())
    await asyncio.sleep(0)
    second.cancel()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    await wait()
    assert [n._id for n in realm.objects(Note)] == [1, 2]


def test_kill_during_commits_leaves_whole_ones(tmp_path: Path) -> None:
    path = tmp_path / "k.realm"
    script = textwrap.dedent("""
        import sys, realmsync
        class Note(realmsync.Object):
            _id: int = realmsync.primary_key()
            text: str | None
            tags: list[str]
        realm = realmsync.Realm(path=sys.argv[1], schema=[Note])
        start = int(sys.argv[2])
        for n in range(start, start + 100_000):
            with realm.write():
                for k in range(3):
                    realm.create(Note, {"_id": 3 * n + k, "text": "x" * 500, "tags": ["t"]})
            print(n, flush=True)
    """)
    for start in (0, 1_000_000, 2_000_000):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(path), str(start)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            acknowledged = [int(child.stdout.readline()) for _ in range(20)][-1]
            child.send_signal(signal.SIGKILL)
        with realmsync.Realm(path=path, schema=[Note]) as realm:
            keys = {n._id for n in realm.objects(Note)}
            assert {3 * acknowledged + k for k in range(3)} <= keys
            assert all({3 * (k // 3) + i for i in range(3)} <= keys for k in keys)
            uploadable = _testbed.state(realm._file)["uploadable_bytes"]
            history = _testbed.history(realm._file)
            assert uploadable == sum(len(e["changeset"]) for e in history)
            assert len(history) == _testbed.state(realm._file)["version"] - 1


def test_another_sqlite_may_read_it(realm: realmsync.Realm) -> None:
    note(realm, 1)
    other = apsw.Connection(realm.path, flags=apsw.SQLITE_OPEN_READONLY)
    assert list(other.execute("SELECT _id, text FROM Note")) == [(1, "x")]
    assert list(other.execute("PRAGMA integrity_check")) == [("ok",)]
    other.close()


def test_what_is_no_realm_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.realm").write_text("no database " * 100)
    apsw.Connection(str(tmp_path / "other.realm")).execute("CREATE TABLE t(x)")
    (tmp_path / "empty.realm").touch()
    for name in ("text", "other", "empty"):
        with pytest.raises(InvalidDatabaseError):
            realmsync.Realm(path=tmp_path / f"{name}.realm")


def test_delete_file(tmp_path: Path) -> None:
    path = tmp_path / "gone.realm"
    with realmsync.Realm(path=path, schema=[Note]) as realm:
        note(realm, 1)
        with pytest.raises(realmsync.errors.DeleteOnOpenRealmError):
            realmsync.Realm.delete_file(path=path)
    assert realmsync.Realm.exists(path=path)
    realmsync.Realm.delete_file(path=path)
    realmsync.Realm.delete_file(path=path)
    assert list(tmp_path.iterdir()) == []
    with realmsync.Realm(path=path, schema=[Note]) as realm:
        assert len(realm.objects(Note)) == 0


def test_one_protocol_session_over_all_processes(realm: realmsync.Realm) -> None:
    code = (
        "import sys; from realmsync import _core, _testbed; "
        "print(_core.RealmFile.open(sys.argv[1]).try_claim_sync())"
    )

    def elsewhere() -> str:
        command = [sys.executable, "-c", code, realm.path]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert realm._file.try_claim_sync()
    assert not realm._file.try_claim_sync()  # of this process, too
    assert elsewhere() == "False"
    realm._file.release_sync()
    assert elsewhere() == "True"


def test_deleting_waits_for_openings(tmp_path: Path) -> None:
    """Each round either opens a whole file or is told that it is open; none loses its own."""
    path = tmp_path / "a.realm"
    stop, deleted = threading.Event(), []

    def delete() -> None:
        while not stop.is_set():
            with contextlib.suppress(realmsync.DeleteOnOpenRealmError):
                realmsync.Realm.delete_file(path=path)
                deleted.append(1)

    deleting = threading.Thread(target=delete)
    deleting.start()
    try:
        for n in range(100):
            with realmsync.Realm(path=path, schema=[Note], durability="process") as realm:
                note(realm, n)
                assert path.exists()
    finally:
        stop.set()
        deleting.join()
    assert deleted


def test_a_thousand_open_files(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    try:
        files: list[Any] = []
        for n in range(1000):
            opened = realmsync.Realm(
                path=tmp_path / f"{n}.realm", schema=[Note], durability="process"
            )
            assert opened._file.try_claim_sync()
            files.append(opened)
        for opened in files[::10] + files[:5]:
            note(opened, len(opened.objects(Note)))
        assert len(files[0].objects(Note)) == 2
        for opened in files:
            opened.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_closing_idle_connections_goes_unnoticed(realm: realmsync.Realm) -> None:
    note(realm, 1)
    assert len(realm.objects(Note)) == 1
    assert _testbed.close_idle(realm._file) == 2
    assert len(realm.objects(Note)) == 1
    note(realm, 2)
    with realm.write():
        realm.create(Note, {"_id": 3})
        assert _testbed.close_idle(realm._file) == 1  # the writer is busy
    assert len(realm.objects(Note)) == 3


def descriptors(path: Path) -> int:
    return sum(os.path.realpath(fd) == str(path) for fd in Path("/proc/self/fd").iterdir())


def test_a_file_not_used_lately_keeps_one_connection(tmp_path: Path) -> None:
    files = [
        realmsync.Realm(path=tmp_path / f"{n}.realm", schema=[Note], durability="process")
        for n in range(40)
    ]
    first = Path(files[0].path + "-wal")
    note(files[0], 1)
    assert len(files[0].objects(Note)) == 1
    with_reader = descriptors(first)
    for other in files[1:]:
        note(other, 1)
    assert descriptors(first) < with_reader
    note(files[0], 2)  # its statements are gone, the object is not
    assert len(files[0].objects(Note)) == 2
    for opened in files:
        opened.close()


def test_closing_an_idle_file_empties_a_long_log(realm: realmsync.Realm) -> None:
    log = Path(realm.path + "-wal")
    note(realm, 0)
    _testbed.close_idle(realm._file)
    assert log.stat().st_size > 0  # a short one is not worth a checkpoint
    for key in range(1, 100):
        note(realm, key)
    assert log.stat().st_size > 1 << 18
    _testbed.close_idle(realm._file)
    assert log.stat().st_size == 0
    assert len(realm.objects(Note)) == 100


@pytest.mark.parametrize("remote", [True, False])
def test_a_long_log_is_written_from_its_beginning_again(tmp_path: Path, remote: bool) -> None:
    path = tmp_path / "r.realm"
    with realmsync.Realm(path=path, schema=[Note], durability="process") as realm:
        for number in range(100):
            text = "x" * 1_000_000
            if remote:
                change = changeset(create("Note", number), update("Note", number, "text", text))
                _testbed.integrate(
                    realm._file, [(number + 1, 0, 1, 9, change)], download=(number + 1, 0)
                )
            else:
                with realm.write():
                    realm.create(Note, {"_id": number, "text": text})
        assert len(realm.objects(Note)) == 100
        assert 16e6 < Path(f"{path}-wal").stat().st_size < 40e6


def test_the_state_counts_every_local_commit(realm: realmsync.Realm) -> None:
    start = _testbed.state(realm._file)["version"]
    for count in range(1, 131):
        note(realm, count)
        state = _testbed.state(realm._file)
        assert state["version"] == start + count
        uploads, cursor = _testbed.fetch_upload(realm._file, 0, 0)
        assert cursor[0] == start + count
        assert state["uploadable_bytes"] == sum(len(entry[3]) for entry in uploads)
    _testbed.close_idle(realm._file)
    assert _testbed.state(realm._file)["version"] == start + 130


def test_handles_share_one_file(realm: realmsync.Realm) -> None:
    assert _core.RealmFile.open(realm.path) is realm._file
