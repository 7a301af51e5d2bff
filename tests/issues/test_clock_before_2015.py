"""A clock before 2015, for a moment, left the transaction open and the file locked for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices import DOG, add
from realmsync import Realm


@pytest.fixture(params=[0, 1_000_000_000, -5], ids=["1970", "a second later", "before"])
def old_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(time, "time_ns", lambda: request.param)
    yield
    monkeypatch.undo()


@pytest.mark.parametrize("form", ["with", "begin", "function", "create_many"])
def test_it_commits_and_lets_go(old_clock: None, form: str, tmp_path: Path) -> None:
    with Realm(path=tmp_path / "r.realm", schema=[DOG]) as realm:
        if form == "with":
            add(realm, 1)
        elif form == "begin":
            realm.begin_transaction()
            realm.create("Dog", {"_id": 1, "name": "x"})
            realm.commit_transaction()
        elif form == "function":
            realm.write(lambda: realm.create("Dog", {"_id": 1, "name": "x"}))
        else:
            realm.create_many("Dog", [{"_id": 1, "name": "x"}])
        assert not realm.is_in_transaction
        other = threading.Thread(target=write_elsewhere, args=(realm.path,), daemon=True)
        other.start()
        other.join(20)
        assert not other.is_alive() and len(realm.objects("Dog")) == 2


async def test_asynchronous_writes(old_clock: None, tmp_path: Path) -> None:
    with Realm(path=tmp_path / "r.realm", schema=[DOG]) as realm:
        async with realm.write():
            realm.create("Dog", {"_id": 1, "name": "x"})
        assert not realm.is_in_transaction and len(realm.objects("Dog")) == 1


def write_elsewhere(path: str) -> None:
    with Realm(path=path, schema=[DOG]) as realm:
        add(realm, 2)
