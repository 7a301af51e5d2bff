"""Bulk creation from every kind of rows gives the same objects and the same changeset."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import nanoarrow
import numpy
import pytest

import realmsync
from realmsync import _testbed
from realmsync.inspect import decode_changeset


class Row(realmsync.Object):
    _id: int = realmsync.primary_key()
    name: str | None
    value: float | None
    flag: bool | None
    when: datetime | None
    extra: int = 7


UTC = timezone.utc
_VALUES = [
    (1, "a", 1.5, True, datetime(2024, 1, 1, tzinfo=UTC)),
    (2, None, None, False, datetime(1960, 1, 1, tzinfo=UTC)),
    (-3, "ü", -0.0, None, None),
]
ROWS: list[dict[str, Any]] = [
    dict(zip(("_id", "name", "value", "flag", "when"), values, strict=True)) for values in _VALUES
]
SECONDS = [None if r["when"] is None else int(r["when"].timestamp()) for r in ROWS]


def column(name: str) -> list[Any]:
    return [row[name] for row in ROWS]


def python_columns() -> Any:
    return {name: column(name) for name in ROWS[0]}


def numpy_columns() -> Any:
    flags = numpy.ma.array([True, False, False], mask=[False, False, True])
    when = numpy.array([s if s is not None else "NaT" for s in SECONDS], dtype="datetime64[s]")
    return {
        "_id": numpy.array(column("_id"), dtype="int16")[::1],
        "name": numpy.array(column("name"), dtype=object),
        "value": numpy.array([1.5, numpy.nan, -0.0]),
        "flag": flags,
        "when": when.astype("datetime64[ms]"),
    }


def arrow_columns() -> Any:
    return {
        "_id": nanoarrow.c_array(column("_id"), nanoarrow.int32()),
        "name": nanoarrow.c_array(column("name"), nanoarrow.string()),
        "value": nanoarrow.c_array(column("value"), nanoarrow.float64()),
        "flag": nanoarrow.c_array(column("flag"), nanoarrow.bool_()),
        "when": nanoarrow.c_array(SECONDS, nanoarrow.int64()),
    }


@pytest.mark.parametrize("form", [lambda: iter(ROWS), python_columns, numpy_columns])
def test_forms(tmp_path: Path, form: Any) -> None:
    with realmsync.Realm(path=tmp_path / "b.realm", schema=[Row]) as realm:
        with realm.write():
            for row in ROWS:
                realm.create(Row, row)
        expected = decode_changeset(_testbed.history(realm._file)[-1]["changeset"])
        with realm.write():
            realm.delete_all()
        assert realm.create_many(Row, form()) == 3
        assert decode_changeset(_testbed.history(realm._file)[-1]["changeset"]) == expected
        assert {o._id: (o.name, o.value, o.flag, o.when, o.extra) for o in realm.objects(Row)} == {
            r["_id"]: (r["name"], r["value"], r["flag"], r["when"], 7) for r in ROWS
        }


def test_arrow_arrays(tmp_path: Path) -> None:
    columns = arrow_columns()
    del columns["when"]
    with realmsync.Realm(path=tmp_path / "b.realm", schema=[Row]) as realm:
        assert realm.create_many(Row, columns) == 3
        assert {o._id: (o.name, o.value, o.flag) for o in realm.objects(Row)} == {
            r["_id"]: (r["name"], r["value"], r["flag"]) for r in ROWS
        }
        with pytest.raises(TypeError, match=r"Row\.when"):
            realm.create_many(Row, arrow_columns())  # plain numbers are no dates


def test_arrow_tables(tmp_path: Path) -> None:
    import pyarrow as arrow

    table = arrow.table(
        {
            "_id": arrow.chunked_array([[1, 2], [-3]]),
            "name": arrow.chunked_array([["a"], [None, "ü"]]).dictionary_encode(),
            "value": arrow.array(column("value")),
            "flag": arrow.array(column("flag")),
            "when": arrow.array(column("when"), arrow.timestamp("us", "UTC")),
        }
    )
    with realmsync.Realm(path=tmp_path / "b.realm", schema=[Row]) as realm:
        assert realm.create_many(Row, table.slice(0, 2), transaction_size=1) == 2
        assert realm.create_many(Row, table.slice(2)) == 1
        assert {o._id: (o.name, o.value, o.flag, o.when) for o in realm.objects(Row)} == {
            r["_id"]: (r["name"], r["value"], r["flag"], r["when"]) for r in ROWS
        }


def test_transactions_of_a_size(tmp_path: Path) -> None:
    rows = [{"_id": n} for n in range(95)]
    for name, form in [("rows", iter(rows)), ("columns", {"_id": list(range(95))})]:
        with realmsync.Realm(path=tmp_path / f"{name}.realm", schema=[Row]) as realm:
            assert realm.create_many(Row, form, transaction_size=10) == 95
            assert _testbed.state(realm._file)["version"] == 2 + 10
            assert len(realm.objects(Row)) == 95
            assert [
                len(decode_changeset(e["changeset"])) for e in _testbed.history(realm._file)[1:]
            ] == [20] * 9 + [10]
            with pytest.raises(realmsync.errors.ObjectAlreadyExistsError):
                realm.create_many(Row, [{"_id": 200}, {"_id": 201}, {"_id": 5}], transaction_size=1)
            assert len(realm.objects(Row)) == 97  # what was finished stays


@pytest.mark.parametrize(
    "rows, error",
    [
        ({"_id": [1, 2], "name": ["a"]}, ValueError),
        ({"_id": [1, 1]}, ValueError),
        ({"_id": [1, None]}, TypeError),
        ({"_id": [1, "x"]}, TypeError),
        ({"_id": numpy.array([1.5])}, TypeError),
        ({"_id": numpy.array([2**63], dtype="uint64")}, ValueError),
        ({"name": ["a"]}, TypeError),
        ({"_id": [1], "nothing": [1]}, AttributeError),
        ([{"_id": 1}, {"_id": 2, "name": 5}], TypeError),
        ([5], TypeError),
        (b"bytes", TypeError),
    ],
)
def test_all_or_nothing(tmp_path: Path, rows: Any, error: type[Exception]) -> None:
    with realmsync.Realm(path=tmp_path / "b.realm", schema=[Row]) as realm:
        with realm.write():
            with pytest.raises(error):
                realm.create_many(Row, rows)
            realm.create(Row, {"_id": 1})
        assert [o._id for o in realm.objects(Row)] == [1]
        assert len(decode_changeset(_testbed.history(realm._file)[-1]["changeset"])) == 2


def test_uuid_and_object_id_keys(tmp_path: Path) -> None:
    class Keyed(realmsync.Object):
        _id: uuid.UUID = realmsync.primary_key(default=uuid.uuid4)
        n: int

    with realmsync.Realm(path=tmp_path / "b.realm", schema=[Keyed]) as realm:
        assert realm.create_many(Keyed, {"n": numpy.arange(10)}) == 10
        assert sorted(o.n for o in realm.objects(Keyed)) == list(range(10))
