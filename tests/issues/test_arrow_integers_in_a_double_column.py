"""Arrow integers in a double column went through float32: 16,777,217 was stored as 16,777,216."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pytest

import realmsync


class Reading(realmsync.Object):
    _id: int = realmsync.primary_key()
    value: float


@pytest.mark.parametrize(
    "numbers",
    [
        pyarrow.array([2**24 + 1, -(2**24) - 1], pyarrow.int32()),
        pyarrow.array([2**24 + 1, 2**53 - 1, -(2**53) + 1], pyarrow.int64()),
        pyarrow.array([2**24 + 1, 2**53 - 1], pyarrow.uint64()),
    ],
    ids=lambda numbers: str(numbers.type),
)
def test_integers_keep_their_digits(numbers: pyarrow.Array, tmp_path: Path) -> None:
    table = pyarrow.table({"_id": list(range(len(numbers))), "value": numbers})
    with realmsync.Realm(path=tmp_path / "r.realm", schema=[Reading]) as realm:
        with realm.write():
            realm.create_many(Reading, table)
        assert [r.value for r in realm.objects(Reading)] == [float(n) for n in numbers.to_pylist()]
