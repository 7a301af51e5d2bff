"""What fails half-way because the disk is full leaves nothing behind."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import realmsync


class Part(realmsync.EmbeddedObject):
    data: list[bytes]
    sizes: list[int]


class Note(realmsync.Object):
    _id: int = realmsync.primary_key()
    parts: list[Part]


@contextmanager
def full_disk() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[realmsync.Realm]:
    with realmsync.Realm(path=tmp_path / "r.realm", schema=[Note, Part]) as opened:
        yield opened


def fill(realm: realmsync.Realm, note: Note) -> None:
    """What is pending has to be written in the middle of an insertion, and cannot be."""

    def sizes() -> Iterator[int]:
        yield len(realm.objects(Note))

    with full_disk(), pytest.raises(realmsync.StorageError):
        note.parts.append({"data": [bytes(1 << 20)] * 4, "sizes": sizes()})


def test_a_transaction_that_could_not_be_written(realm: realmsync.Realm) -> None:
    with realm.write():
        note = realm.create(Note, {"_id": 1, "parts": [{"sizes": [1]}]})
    with pytest.raises(realmsync.StorageError), realm.write():
        fill(realm, note)
        for use in (
            lambda: note.parts,
            lambda: note.parts.append({}),
            lambda: realm.objects(Note),
            lambda: realm.create(Note, {"_id": 2}),
            lambda: realm.delete(note),
        ):
            with pytest.raises(realmsync.StorageError):
                list(use())
    assert [list(part.sizes) for part in note.parts] == [[1]]
    with realm.write():
        note.parts.append({"data": [b"x"], "sizes": [2]})
    assert [list(part.sizes) for part in note.parts] == [[1], [2]]
    assert len(realm.objects(Note)) == 1


async def test_what_waited_for_the_same_fsync(realm: realmsync.Realm) -> None:
    with realm.write():
        note = realm.create(Note, {"_id": 1, "parts": []})

    async def create(key: int) -> None:
        async with realm.write():
            realm.create(Note, {"_id": key})
            await asyncio.sleep(0)  # the others ask for their turns

    async def fail() -> None:
        async with realm.write():
            fill(realm, note)

    outcomes = await asyncio.gather(create(2), fail(), create(3), return_exceptions=True)
    lost, failed, written = outcomes
    assert isinstance(lost, realmsync.StorageError)
    assert isinstance(failed, realmsync.StorageError)
    assert written is None
    assert sorted(each._id for each in realm.objects(Note)) == [1, 3]
