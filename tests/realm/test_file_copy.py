"""Copies of realm files: what is in them, at one moment, whole or not at all (data-model.md 24.3).
What a configuration means is in model/test_write_copy.py, a server in sync/test_leaving_sync.py."""

from __future__ import annotations

import fcntl
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import realmsync
from instructions import changeset, create, erase, update
from merge.generator import Generator, Topic
from merge.places import SCHEMA
from realmsync import _core, _testbed
from realmsync._core import CopyKind, FileCopy, RealmFile
from realmsync.errors import FileAlreadyExistsError, IllegalOperationError, StorageError
from realmsync.inspect import decode_changeset


class Note(realmsync.Object):
    _id: int = realmsync.primary_key()
    text: str | None


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[realmsync.Realm]:
    with realmsync.Realm(path=tmp_path / "r.realm", schema=[Note], durability="process") as opened:
        yield opened


def note(realm: realmsync.Realm, *keys: int, text: str = "x") -> None:
    with realm.write():
        for key in keys:
            realm.create(Note, {"_id": key, "text": text})


def copied(file: RealmFile, path: Path, kind: CopyKind, **settings: Any) -> RealmFile:
    FileCopy(file, str(path), kind, **settings).run()
    return RealmFile.open(str(path))


KINDS = [CopyKind.local, CopyKind.synced, CopyKind.whole]


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_a_realm_file_with_the_same_objects(
    kind: CopyKind, realm: realmsync.Realm, tmp_path: Path
) -> None:
    note(realm, 1, 2)
    path = tmp_path / "c.realm"
    FileCopy(realm._file, str(path), kind).run()
    assert sorted(p.name for p in tmp_path.glob("c.*")) == ["c.realm"]
    assert path.read_bytes()[18:20] == b"\2\2"  # write-ahead log
    with realmsync.Realm(path=path, schema=[Note]) as copy:
        assert _testbed.objects(copy._file) == _testbed.objects(realm._file)
        note(copy, 3)
        assert len(copy.objects(Note)) == 3
    assert len(realm.objects(Note)) == 2


def test_what_leaves_sync_has_no_history(realm: realmsync.Realm, tmp_path: Path) -> None:
    note(realm, 1)
    _testbed.store_ident(realm._file, 7, 99)
    _testbed.integrate(realm._file, [], download=(5, 0), upload=(2, 4))  # 3 is not acknowledged
    copy = copied(realm._file, tmp_path / "c.realm", CopyKind.local)
    assert _testbed.history(copy) == []
    assert _testbed.state(copy) == {
        "version": 2,
        "uploaded_version": 2,
        "uploaded_bytes": 0,
        "uploadable_bytes": 0,
        "downloaded_bytes": 0,
        "downloadable_bytes": 0,
        "file_ident": 0,
        "download": (0, 0),
        "upload": (0, 0),
    }
    with pytest.raises(IllegalOperationError, match="has left sync.*write_copy_to"):
        copy.claim_partition('"p"')
    with realmsync.Realm(path=copy.path, schema=[Note]) as opened:
        note(opened, 2)
        with pytest.raises(IllegalOperationError, match="has left sync"):
            copy.claim_partition('"p"')
        again = copied(copy, tmp_path / "again.realm", CopyKind.synced)
        assert again.try_claim_sync()
        again.release_sync()
        assert _testbed.objects(again) == _testbed.objects(copy)


def test_what_begins_sync_uploads_what_is_there_and_no_more(
    realm: realmsync.Realm, tmp_path: Path
) -> None:
    for text in "abc":
        with realm.write():
            realm.create(Note, {"_id": 1, "text": text}, mode="all")
    copy = copied(realm._file, tmp_path / "c.realm", CopyKind.synced, now=77)
    entries, cursor = _testbed.fetch_upload(copy, 0, 0)
    assert [(e[0], e[1], e[2]) for e in entries] == [(2, 0, 77), (3, 0, 77)]
    assert cursor == (3, 0)
    assert [i["op"] for i in decode_changeset(entries[0][3])] == ["AddTable", "AddColumn"]
    assert decode_changeset(entries[1][3]) == decode_changeset(
        changeset(create("Note", 1), update("Note", 1, "text", "c"))
    )
    state = _testbed.state(copy)
    assert (state["version"], state["uploaded_version"], state["file_ident"]) == (3, 1, 0)
    assert state["uploadable_bytes"] == sum(len(e[3]) for e in entries)


def test_changesets_stay_small(realm: realmsync.Realm, tmp_path: Path) -> None:
    note(realm, *range(200), text="x" * 5_000)
    copy = copied(realm._file, tmp_path / "c.realm", CopyKind.synced)
    sizes = [len(e["changeset"]) for e in _testbed.history(copy)]
    assert len(sizes) > 5 and max(sizes) < (128 << 10) + 6_000
    assert _testbed.state(copy)["version"] == len(sizes) + 1


def test_another_client_goes_on_from_what_the_server_has(
    realm: realmsync.Realm, tmp_path: Path
) -> None:
    note(realm, 1)
    file = realm._file
    path = tmp_path / "c.realm"
    _testbed.store_ident(file, 7, 99)
    not_integrated = [  # download and upload cursor
        ((5, 0), (0, 0)),  # nothing is uploaded
        ((6, 0), (3, 4)),  # all is acknowledged, and the server's changes before it are to come
        ((7, 2), (3, 4)),  # still some
    ]
    for download, upload in not_integrated:
        _testbed.integrate(file, [], download=download, upload=upload, latest=(9, 11))
        with pytest.raises(IllegalOperationError, match="must be integrated in server before"):
            FileCopy(file, str(path), CopyKind.synced).run()
        assert list(tmp_path.glob("c.realm*")) == []
    _testbed.integrate(file, [], download=(8, 3), upload=(3, 4), latest=(9, 11))
    copy = copied(file, path, CopyKind.synced)
    state = _testbed.state(copy)
    assert (state["file_ident"], state["download"], state["upload"]) == (0, (8, 0), (0, 0))
    assert (state["version"], _testbed.history(copy)) == (2, [])
    assert _testbed.objects(copy) == _testbed.objects(file)
    assert copy.try_claim_sync()
    copy.release_sync()


def test_what_was_never_uploaded_is_not_uploaded_twice(
    realm: realmsync.Realm, tmp_path: Path
) -> None:
    path = str(tmp_path / "c.realm")
    with pytest.raises(IllegalOperationError, match="must be integrated"):
        FileCopy(realm._file, path, CopyKind.synced, is_synced=True).run()


def test_the_whole_file_once_more(realm: realmsync.Realm, tmp_path: Path) -> None:
    note(realm, 1)
    file = realm._file
    _testbed.store_ident(file, 7, 99)
    later = changeset(update("Note", 1, "text", "theirs"))
    _testbed.integrate(file, [(6, 0, 2**60, 9, later)], download=(6, 0), upload=(2, 4))
    copy = copied(file, tmp_path / "c.realm", CopyKind.whole)
    assert _testbed.state(copy) == _testbed.state(file)
    assert _testbed.history(copy) == _testbed.history(file)
    assert any(e["reciprocal"] is not None for e in _testbed.history(copy))


def random_contents(file: RealmFile, seed: int) -> None:
    """Objects with links that lead nowhere, nested collections, late properties."""
    chance = random.Random(seed)
    generator = Generator(chance, 1, Topic.random(chance))
    _testbed.commit_changeset(file, changeset(*SCHEMA), 1)
    for time in range(2, 40):
        written = generator.transaction(_testbed.objects(file), most=6)
        if written:
            _testbed.commit_changeset(file, changeset(*written), time)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_copies_of_random_contents(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("copies")
    file = RealmFile.open(str(folder / "r.realm"), durability="process")
    random_contents(file, seed)
    for kind in KINDS:
        copy = copied(file, folder / f"{kind.name}.realm", kind, is_durable=False)
        assert _testbed.objects(copy) == _testbed.objects(file)
        if kind is CopyKind.synced:  # and so for everybody who gets its history
            peer = RealmFile.open(str(folder / "peer.realm"), durability="process")
            for entry in _testbed.history(copy):
                _testbed.commit_changeset(peer, entry["changeset"], 1)
            assert _testbed.objects(peer) == _testbed.objects(file)


def test_links_that_lead_nowhere_go_along(tmp_path: Path) -> None:
    schema = [
        {"name": "Cat", "primaryKey": "_id", "properties": {"_id": "int", "friends": "Cat[]"}},
    ]
    with realmsync.Realm(path=tmp_path / "r.realm", schema=schema) as realm:
        with realm.write():
            first, second = (realm.create("Cat", {"_id": key}) for key in (1, 2))
            first.friends = [second, first]
        _testbed.commit_changeset(realm._file, changeset(erase("Cat", 2)), 1)
        assert len(first.friends) == 1
        copy = copied(realm._file, tmp_path / "c.realm", CopyKind.synced)
    for entry in _testbed.history(copy)[1:]:
        inserted = [i for i in decode_changeset(entry["changeset"]) if i["op"] == "ArrayInsert"]
        assert [i["value"]["pk"]["v"] for i in inserted] == [2, 1]
    with realmsync.Realm(path=copy.path, schema=schema) as opened:
        with opened.write():
            opened.create("Cat", {"_id": 2})
        assert len(opened.object_for_primary_key("Cat", 1).friends) == 2


def test_one_moment_while_others_write(realm: realmsync.Realm, tmp_path: Path) -> None:
    note(realm, *range(2_000), text="x" * 500)
    done = threading.Event()

    def write() -> None:
        with realmsync.Realm(path=realm.path, schema=[Note]) as mine:
            for key in range(10_000, 20_000, 2):
                if done.is_set():
                    return
                note(mine, key, key + 1)  # a pair, or none of it

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(10):
            copy = copied(realm._file, tmp_path / f"{n}.realm", CopyKind.local)
            keys = [o["_id"] for o in _testbed.objects(copy)["Note"]]
            assert len(keys) % 2 == 0
    finally:
        done.set()
        writer.join()


# Whole or not at all.


def test_nothing_is_written_over(realm: realmsync.Realm, tmp_path: Path) -> None:
    path = tmp_path / "c.realm"
    path.write_bytes(b"mine")
    (tmp_path / "c.realm-wal").write_bytes(b"mine, too")
    with pytest.raises(FileAlreadyExistsError):
        FileCopy(realm._file, str(path)).run()
    assert path.read_bytes() == b"mine"
    assert sorted(p.name for p in tmp_path.glob("c.*")) == ["c.realm", "c.realm-wal"]


def test_a_log_of_a_deleted_file_is_not_replayed(realm: realmsync.Realm, tmp_path: Path) -> None:
    note(realm, 1)
    path = tmp_path / "c.realm"
    log = Path(f"{realm.path}-wal").read_bytes()
    assert log
    Path(f"{path}-wal").write_bytes(log)
    copy = copied(realm._file, path, CopyKind.local)
    assert _testbed.objects(copy) == _testbed.objects(realm._file)
    assert _testbed.history(copy) == []


def test_a_copy_that_is_stopped(realm: realmsync.Realm, tmp_path: Path) -> None:
    copy = FileCopy(realm._file, str(tmp_path / "c.realm"))
    copy.stop()
    with pytest.raises(StorageError, match="stopped|interrupted"):
        copy.run()
    assert list(tmp_path.glob("c.*")) == []


def test_two_copies_to_one_place(realm: realmsync.Realm, tmp_path: Path) -> None:
    path = tmp_path / "c.realm"
    with Path(f"{path}.realmsync-copy").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="being written by somebody else"):
            FileCopy(realm._file, str(path)).run()
    copied(realm._file, path, CopyKind.local)  # who has died meanwhile is in nobody's way
    assert not Path(f"{path}.realmsync-copy").exists()


def test_places_where_no_file_can_be(realm: realmsync.Realm, tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "c.realm", Path("/proc/c.realm")):
        with pytest.raises(StorageError) as error:
            FileCopy(realm._file, str(path)).run()
        assert error.value.errno
    with pytest.raises(realmsync.errors.LimitExceededError, match="at most 503 bytes"):
        FileCopy(realm._file, str(tmp_path / ("d" * 200) / ("e" * 250) / ("f" * 250))).run()


KILLED = """
import sys
from realmsync import _core
file = _core.RealmFile.open(sys.argv[1])
for n in range(1000):
    print(n, flush=True)
    _core.FileCopy(file, f"{sys.argv[2]}.{n}", _core.CopyKind.synced).run()
"""


@pytest.mark.no_asan
def test_a_kill_leaves_whole_copies(realm: realmsync.Realm, tmp_path: Path) -> None:
    note(realm, *range(5_000), text="x" * 200)
    chance = random.Random(4)
    for round_ in range(4):
        place = tmp_path / f"c{round_}"
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, realm.path, str(place)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(chance.randint(1, 3)):
            assert process.stdout.readline()
        threading.Event().wait(chance.random() / 10)  # any moment will do
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        left = [p for p in tmp_path.glob(f"c{round_}.*") if p.name[3:].isdigit()]
        for path in left:
            copy = _core.RealmFile.open(str(path))
            assert _testbed.objects(copy) == _testbed.objects(realm._file)
        number = len(left)
        target = tmp_path / f"c{round_}.{number}"
        assert not target.exists()
        copied(realm._file, target, CopyKind.local)
        assert not Path(f"{target}.realmsync-copy").exists()


def test_deleting_a_file_deletes_what_a_copy_has_left(tmp_path: Path) -> None:
    path = tmp_path / "c.realm"
    Path(f"{path}.realmsync-copy").write_bytes(b"half of it")
    realmsync.Realm.delete_file(path=path)
    assert list(tmp_path.iterdir()) == []
