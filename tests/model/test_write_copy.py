"""Realm.write_copy_to as programs use it, without a server: configurations, errors, waiting.

What a copy holds is in realm/test_file_copy.py, copies that synchronise in
sync/test_leaving_sync.py."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from realmsync import Realm, _testbed
from realmsync.errors import (
    ArgumentTypeError,
    ClosedRealmError,
    DeleteOnOpenRealmError,
    FileAlreadyExistsError,
    InvalidArgumentError,
    InvalidSchemaChangeError,
    SchemaValidationError,
    WrongTransactionStateError,
)
from realmsync.model.copying import Copying
from recorded import SDK_SCHEMA


def fill(realm: Realm) -> None:
    with realm.write():
        kim = realm.create("Person", {"_id": 1, "name": "Kim", "addr": {"street": "Main", "no": 3}})
        dog = realm.create(
            "Dog",
            {
                "_id": 1,
                "name": "Rex",
                "tags": ["a", "b"],
                "scores": {"x": 1},
                "u": {1, 2},
                "any": [1, {"deep": [2.5, "y"]}],
                "owner": kim,
                "weight": -0.0,
                "raw": b"\0\xff",
                "money": Decimal("10.50"),
                "b": False,
            },
        )
        kim.dogs.extend([dog, dog])
        kim.byName["rex"] = dog


def copies(folder: Path) -> list[Path]:
    return list(folder.glob("c.*"))


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Realm]:
    with Realm(path=tmp_path / "full.realm", schema=SDK_SCHEMA) as realm:
        fill(realm)
        yield realm


def test_a_local_copy_is_a_realm_of_its_own(full: Realm, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "copy.realm"
    full.write_copy_to(path=path)
    with Realm(path=path, schema=SDK_SCHEMA) as copy:
        assert copy.sync_session is None
        assert _testbed.objects(copy._file) == _testbed.objects(full._file)
        assert str(copy.objects("Dog")[0].weight) == "-0.0"
        with copy.write():
            copy.delete_all()
        assert copy.is_empty and not full.is_empty
        copy.write_copy_to({"path": tmp_path / "second.realm", "durability": "process"})
    with Realm(path=tmp_path / "second.realm", schema=SDK_SCHEMA) as second:
        assert second.is_empty


def test_the_schema_of_the_copy_is_the_files(full: Realm, tmp_path: Path) -> None:
    part = [c for c in SDK_SCHEMA if c["name"] == "Address"]
    full.write_copy_to(path=tmp_path / "a.realm", schema=part)
    with Realm(path=tmp_path / "a.realm") as copy:
        assert [c["name"] for c in copy.schema] == ["Address", "Dog", "Person"]
    more = [{"name": "Bird", "primaryKey": "_id", "properties": {"_id": "int"}}]
    full.write_copy_to(path=tmp_path / "b.realm", schema=more)  # added when it is opened
    with Realm(path=tmp_path / "b.realm", schema=more) as copy:
        assert len(copy.objects("Bird")) == 0


ELSE = {"name": "Dog", "primaryKey": "_id", "properties": {"_id": "int", "name": "int"}}


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"schema": [ELSE]}, InvalidSchemaChangeError, "'Dog.name' has been changed from 'string'"),
        ({"schema": [ELSE, ELSE]}, SchemaValidationError, "Dog"),
        ({"schema": "Dog"}, ArgumentTypeError, "list of classes"),
        ({"sync": 1}, ArgumentTypeError, "SyncConfiguration"),
        ({"durability": "none"}, InvalidArgumentError, "durability"),
        ({"pat": "x"}, InvalidArgumentError, "Did you mean 'path'"),
        ({"keep_identity": True}, InvalidArgumentError, "copies with a sync configur"),
    ],
)
def test_configurations_that_are_refused(
    settings: dict[str, Any], error: type[Exception], message: str, full: Realm, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error, match=message):
        full.write_copy_to(**{"path": tmp_path / "a" / "c.realm", **settings})
    assert sorted(tmp_path.iterdir()) == before
    full.write_copy_to(path=tmp_path / "c.realm")  # nothing was left in the way


def test_where_something_is(full: Realm, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "link").symlink_to(full.path)
    for path, what in [("taken", "a file"), ("link", "the realm itself"), (full.path, "itself")]:
        with pytest.raises(FileAlreadyExistsError, match=what):
            full.write_copy_to(path=tmp_path / path)
    assert issubclass(FileAlreadyExistsError, FileExistsError) and FileAlreadyExistsError.code
    assert len(full.objects("Dog")) == 1


def test_when_it_is_not_possible(full: Realm, tmp_path: Path) -> None:
    path = tmp_path / "c.realm"
    message = "Can only convert Realms outside"
    with full.write(), pytest.raises(WrongTransactionStateError, match=message):
        full.write_copy_to(path=path)
    closed = Realm(path=full.path)
    closed.close()
    with pytest.raises(ClosedRealmError):
        closed.write_copy_to(path=path)
    assert not path.exists()


def test_others_may_write_meanwhile(full: Realm, tmp_path: Path) -> None:
    with Realm(path=full.path, schema=SDK_SCHEMA) as other, other.write():
        other.create("Person", {"_id": 2, "name": "not committed"})
        full.write_copy_to(path=tmp_path / "c.realm")
    with Realm(path=tmp_path / "c.realm") as copy:
        assert len(copy.objects("Person")) == 1


async def test_without_blocking_the_loop(full: Realm, tmp_path: Path) -> None:
    async def copy(name: str) -> None:
        await full.write_copy_to_async(path=tmp_path / name)

    await asyncio.gather(*(copy(f"{n}.realm") for n in range(4)))
    for n in range(4):
        with Realm(path=tmp_path / f"{n}.realm") as one:
            assert _testbed.objects(one._file) == _testbed.objects(full._file)
    with pytest.raises(FileAlreadyExistsError):
        await copy("0.realm")


async def test_cancelled_it_leaves_no_file(full: Realm, tmp_path: Path) -> None:
    for turns in range(5):
        copying = asyncio.ensure_future(full.write_copy_to_async(path=tmp_path / "c.realm"))
        for _ in range(turns):
            await asyncio.sleep(0)
        if copying.cancel():
            with pytest.raises(asyncio.CancelledError):
                await copying
        else:  # too late
            Realm.delete_file(path=tmp_path / "c.realm")
        assert copies(tmp_path) == []
    await full.write_copy_to_async(path=tmp_path / "c.realm")


async def test_cancelled_when_it_is_written(
    full: Realm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, run, written = asyncio.get_running_loop(), Copying._run, asyncio.Event()
    may_end = threading.Event()

    def wait(copying: Copying, outcome: Any) -> None:
        copying._copy.run()
        loop.call_soon_threadsafe(written.set)
        may_end.wait()
        outcome.set_result(None)

    monkeypatch.setattr(Copying, "_run", wait)
    copying = asyncio.ensure_future(full.write_copy_to_async(path=tmp_path / "c.realm"))
    await written.wait()
    assert copies(tmp_path) == [tmp_path / "c.realm"]
    copying.cancel()
    await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await copying
    assert copies(tmp_path) == []
    monkeypatch.setattr(Copying, "_run", run)
    full.write_copy_to(path=tmp_path / "c.realm")


def test_interrupted_it_leaves_no_file(
    full: Realm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Copying._run

    def interrupt(copying: Copying, outcome: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        stopped.wait()
        run(copying, outcome)

    stopped = threading.Event()
    give_up = Copying._give_up

    def hear(copying: Copying, written: Any) -> None:
        give_up(copying, written)
        stopped.set()

    monkeypatch.setattr(Copying, "_run", interrupt)
    monkeypatch.setattr(Copying, "_give_up", hear)
    # What runs in the background of a shell ignores Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            full.write_copy_to(path=tmp_path / "c.realm")
    finally:
        signal.signal(signal.SIGINT, before)
    assert copies(tmp_path) == []


def test_a_realm_that_is_being_copied_is_not_deleted(tmp_path: Path) -> None:
    with Realm(path=tmp_path / "r.realm") as realm:
        copying = realm._copying({"path": tmp_path / "c.realm"}, {}, keep_identity=False)
    with pytest.raises(DeleteOnOpenRealmError):
        Realm.delete_file(path=tmp_path / "r.realm")
    copying.run()
    assert Realm.exists(path=tmp_path / "c.realm")
