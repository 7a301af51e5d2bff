"""A new realm on a full disk, or under a path SQLite refuses, raised RuntimeError or waited."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

import realmsync


class Task(realmsync.Object):
    _id: int = realmsync.primary_key()


@pytest.fixture
def no_space() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_no_space(tmp_path: Path, no_space: None) -> None:
    with pytest.raises(realmsync.StorageError, match=r"new\.realm") as caught:
        realmsync.Realm(path=tmp_path / "new.realm", schema=[Task])
    assert isinstance(caught.value, OSError) and caught.value.errno
    assert list(tmp_path.iterdir()) == []


def test_no_such_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((realmsync.StorageError, NotADirectoryError, FileExistsError)):
        realmsync.Realm(path=tmp_path / "file" / "new.realm", schema=[Task])


def test_the_longest_path(tmp_path: Path) -> None:
    folder = tmp_path
    while len(str(folder)) < 400:
        folder = folder / ("f" * 40)
    folder.mkdir(parents=True)
    room = 503 - len(str(folder)) - 1
    with realmsync.Realm(path=folder / ("r" * room), schema=[Task]) as realm, realm.write():
        realm.create(Task, {"_id": 1})
    with pytest.raises(realmsync.LimitExceededError, match="at most 503 bytes"):
        realmsync.Realm(path=folder / ("r" * (room + 1)), schema=[Task])
