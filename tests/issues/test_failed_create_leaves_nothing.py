"""A create that failed at a link or an embedded object of a wrong type left the object behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import realmsync
from realmsync import _testbed


class Address(realmsync.EmbeddedObject):
    street: str


class Person(realmsync.Object):
    _id: int = realmsync.primary_key()
    friend: "Person | None"  # noqa: UP037
    address: Address | None


@pytest.mark.parametrize(
    "wrong", [{"friend": 1}, {"friend": 1.5}, {"address": 1}, {"address": True}]
)
def test_nothing_is_left(wrong: dict[str, Any], tmp_path: Path) -> None:
    with realmsync.Realm(path=tmp_path / "r.realm", schema=[Person, Address]) as realm:
        with realm.write():
            with pytest.raises(realmsync.PropertyTypeError):
                realm.create(Person, {"_id": 1, **wrong})
            assert len(realm.objects(Person)) == 0
            realm.create(Person, {"_id": 2})
            for mode in ("modified", "all"):
                with pytest.raises(realmsync.PropertyTypeError):
                    realm.create(Person, {"_id": 3, **wrong}, mode)  # type: ignore[arg-type]
        assert [person._id for person in realm.objects(Person)] == [2]
        assert len(_testbed.history(realm._file)) == 2
