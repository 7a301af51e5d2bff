"""create_many of what pandas, pyarrow and NumPy make: the values that their users see in them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy
import pandas
import pyarrow as arrow
import pytest
from bson import Decimal128

import realmsync
from realmsync import errors


class Address(realmsync.EmbeddedObject):
    street: str


class Row(realmsync.Object):
    _id: int = realmsync.primary_key()
    name: str | None
    number: int | None
    real: float | None
    flag: bool | None
    at: datetime | None
    price: Decimal128 | None
    token: uuid.UUID | None
    raw: bytes | None
    tags: list[str]
    numbers: list[int]
    scores: dict[str, float]
    home: Address | None
    friend: Row | None


class Keyless(realmsync.Object):
    name: str
    tags: list[str]


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[realmsync.Realm]:
    with realmsync.Realm(path=tmp_path / "r.realm", schema=[Row, Address, Keyless]) as opened:
        yield opened


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)  # type: ignore[misc,arg-type]


def stored(realm: realmsync.Realm, rows: Any, field: str) -> list[Any]:
    realm.create_many(Row, rows)
    return [getattr(row, field) for row in realm.objects(Row)]


JANUARY = [utc(2024, 1, 1), None, utc(1960, 5, 5)]
DAYS = [date(2024, 1, 1), None, date(1960, 5, 5)]
PRICES = [Decimal("1.5"), None, Decimal("-12300")]
DECIMALS = [Decimal128("1.500"), None, Decimal128("-12300.000")]
ARROW = {
    "date32": ("at", arrow.array(DAYS, arrow.date32()), JANUARY),
    "date64": ("at", arrow.array(DAYS, arrow.date64()), JANUARY),
    "decimal32": ("price", arrow.array(PRICES, arrow.decimal32(9, 3)), DECIMALS),
    "decimal64": ("price", arrow.array(PRICES, arrow.decimal64(18, 3)), DECIMALS),
    "decimal128": ("price", arrow.array(PRICES, arrow.decimal128(20, 3)), DECIMALS),
    "decimal256": ("price", arrow.array(PRICES, arrow.decimal256(60, 3)), DECIMALS),
    "negative scale": (
        "price",
        arrow.array([Decimal(1500), None, None], arrow.decimal128(9, -2)),
        [Decimal128("1.5E+3"), None, None],
    ),
    "half floats": ("real", arrow.array(numpy.array([1.5, -0.25, 8], "f2")), [1.5, -0.25, 8.0]),
    "doubles for int": ("number", arrow.array([1.0, None, 3.0]), [1, None, 3]),
    "NaN for int": ("number", arrow.array([1.0, float("nan"), 3.0]), [1, None, 3]),
    "integers for float": ("real", arrow.array([1, None, 3]), [1.0, None, 3.0]),
    "list": ("tags", arrow.array([["a"], [], ["b", "c"]]), [["a"], [], ["b", "c"]]),
    "large list": (
        "tags",
        arrow.array([["a"], [], ["b"]], arrow.large_list(arrow.large_string())),
        [["a"], [], ["b"]],
    ),
    "fixed list": (
        "numbers",
        arrow.array([[1, 2], [3, 4], [5, 6]], arrow.list_(arrow.int8(), 2)),
        [[1, 2], [3, 4], [5, 6]],
    ),
    "map": (
        "scores",
        arrow.array([[("a", 1.0)], [], [("b", 2.0)]], arrow.map_(arrow.string(), arrow.float64())),
        [{"a": 1.0}, {}, {"b": 2.0}],
    ),
}


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("name", ARROW)
def test_arrow_types(name: str, first: int, realm: realmsync.Realm) -> None:
    field, column, expected = ARROW[name]
    table = arrow.table({"_id": [1, 2, 3], field: column}).slice(first)
    assert stored(realm, table, field) == expected[first:]


def test_structs_are_embedded_objects_and_links(realm: realmsync.Realm) -> None:
    homes = [{"street": "High Street"}, None, {"street": "Low Street"}]
    table = arrow.table({"_id": [1, 2, 3], "home": homes, "friend": [{"_id": 9}, None, None]})
    assert realm.create_many(Row, table.slice(0, 2)) == 2
    assert realm.create_many(Row, table.slice(2)) == 1
    rows = [realm.object_for_primary_key(Row, key) for key in (1, 2, 3)]
    assert [r and r.home and r.home.to_dict() for r in rows] == homes
    assert rows[0] is not None and rows[0].friend == realm.object_for_primary_key(Row, 9)


def test_batches_and_readers(realm: realmsync.Realm) -> None:
    batches = [arrow.record_batch({"_id": [1]}), arrow.record_batch({"_id": [2, 3]})]
    reader = arrow.RecordBatchReader.from_batches(batches[0].schema, batches)
    assert realm.create_many(Row, reader, transaction_size=2) == 3
    assert realm.create_many(Row, arrow.record_batch({"_id": [4, 5]})) == 2
    empty = arrow.RecordBatchReader.from_batches(batches[0].schema, [])
    assert realm.create_many(Row, empty) == 0
    assert [row._id for row in realm.objects(Row)] == [1, 2, 3, 4, 5]


NUMPY = {
    "days": ("at", numpy.array(["2024-01-01", "NaT"], "M8[D]"), JANUARY[:2]),
    "months": ("at", numpy.array(["2024-01", "NaT"], "M8[M]"), JANUARY[:2]),
    "minutes": (
        "at",
        numpy.array(["2024-01-01T00:01", "NaT"], "M8[m]"),
        [utc(2024, 1, 1, 0, 1), None],
    ),
    "swapped seconds": ("at", numpy.array(["2024-01-01", "NaT"], ">M8[s]"), JANUARY[:2]),
    "swapped floats": ("real", numpy.array([1.5, 2.5], ">f4"), [1.5, 2.5]),
    "swapped integers": ("number", numpy.array([1, -2], ">i8"), [1, -2]),
    "half floats": ("real", numpy.array([1.5, -2], "f2"), [1.5, -2.0]),
    "long doubles": ("real", numpy.array([1.5, -2], "longdouble"), [1.5, -2.0]),
    "integers for float": ("real", numpy.array([1, 2]), [1.0, 2.0]),
    "floats for int": ("number", numpy.array([1.0, numpy.nan]), [1, None]),
    "bools": ("flag", numpy.array([True, False]), [True, False]),
    "texts": ("name", numpy.array(["a", "ü"]), ["a", "ü"]),
    "bytes": ("raw", numpy.array([b"a", b"b"]), [b"a", b"b"]),
    "variable texts": ("name", numpy.array(["a", "ü"], numpy.dtypes.StringDType()), ["a", "ü"]),
    "masked texts": ("name", numpy.ma.array(["a", "b"], mask=[False, True]), ["a", None]),
    "two dimensions": ("numbers", numpy.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    "scalars": ("real", [numpy.float32(1.5), numpy.int8(2)], [1.5, 2.0]),
    "bool scalars": ("flag", [numpy.True_, numpy.False_], [True, False]),
}


@pytest.mark.parametrize("name", NUMPY)
def test_numpy_types(name: str, realm: realmsync.Realm) -> None:
    field, column, expected = NUMPY[name]
    assert stored(realm, {"_id": [1, 2], field: column}, field) == expected


def test_structured_arrays(realm: realmsync.Realm) -> None:
    rows = numpy.array(
        [(1, "x", 1.5), (2, "y", 2.5)], [("_id", "i4"), ("name", "U5"), ("real", "f8")]
    )
    assert realm.create_many(Row, rows) == 2
    assert [(r._id, r.name, r.real) for r in realm.objects(Row)] == [(1, "x", 1.5), (2, "y", 2.5)]


def test_classes_without_key(realm: realmsync.Realm) -> None:
    assert realm.create_many(Keyless, {"name": ["a", "b"], "tags": [["x"], []]}) == 2
    assert sorted((k.name, list(k.tags)) for k in realm.objects(Keyless)) == [
        ("a", ["x"]),
        ("b", []),
    ]


@pytest.mark.parametrize(
    ("column", "error", "words"),
    [
        (
            {"number": numpy.array([1.5])},
            errors.PropertyTypeError,
            "'Row.number[0]' to be int, got 1.5",
        ),
        ({"number": numpy.array([1e18])}, errors.PropertyTypeError, "1e+18"),
        ({"number": numpy.array([numpy.inf])}, errors.PropertyTypeError, "inf"),
        (
            {"number": arrow.array([0.5])},
            errors.PropertyTypeError,
            "'Row.number[0]' to be int, got 0.5",
        ),
        ({"number": numpy.array([5], "m8[s]")}, errors.ArgumentTypeError, "durations"),
        ({"number": numpy.array([True])}, errors.PropertyTypeError, "An array of bool"),
        ({"at": numpy.array(["2024-01-01"], "M8[ps]")}, errors.InvalidArgumentError, "'ps'"),
        ({"at": numpy.array(["NaT"], "M8")}, errors.InvalidArgumentError, "unit"),
        (
            {"tags": arrow.array([None], arrow.list_(arrow.string()))},
            errors.PropertyNotNullableError,
            "tags",
        ),
        ({"home": arrow.array([{"stret": "x"}])}, errors.InvalidPropertyError, "'street'"),
        (
            {"price": arrow.array([Decimal("1" * 38)], arrow.decimal128(38, 0))},
            errors.LimitExceededError,
            "34 digits",
        ),
        (
            {"price": arrow.array([Decimal("1" * 60)], arrow.decimal256(60, 0))},
            errors.LimitExceededError,
            "34 digits",
        ),
    ],
)
def test_refused_columns(
    column: dict[str, Any], error: type[Exception], words: str, realm: realmsync.Realm
) -> None:
    with pytest.raises(error) as raised:
        realm.create_many(Row, {"_id": [1], **column})
    assert words in str(raised.value)
    assert len(realm.objects(Row)) == 0


FRAME = pandas.DataFrame(
    {
        "_id": pandas.array([1, 2], dtype="UInt8"),
        "name": ["a", None],
        "number": pandas.array([2**60 + 1, None], dtype="Int64"),
        "real": pandas.array([1.5, None], dtype="Float64"),
        "flag": pandas.array([True, None], dtype="boolean"),
        "at": pandas.to_datetime(["2024-01-01T01:00+01:00", None], utc=True),
        "token": [uuid.UUID(int=5), None],
        "tags": [["x"], []],
    }
)
FRAMES = {
    "numbered": FRAME,
    "by key": FRAME.set_index("_id"),
    "by two levels": FRAME.set_index(["_id", "name"]),
    "by something else": FRAME.set_index(pandas.Index(["x", "y"], name="other")),
    "by a nameless index": FRAME.set_index(pandas.Index(["x", "y"])),
    "a part": pandas.concat([FRAME, FRAME])[:2],
    "categories": FRAME.astype({"name": "category"}),
    "objects": FRAME.astype(object),
    "Arrow's types": FRAME.astype(
        {"_id": "int64[pyarrow]", "name": "string[pyarrow]", "number": "int64[pyarrow]"}
    ),
    "floats for int": FRAME.assign(number=[2.0**52, None]),
    "another time zone": FRAME.assign(at=FRAME["at"].dt.tz_convert("Europe/Berlin")),
    "no time zone": FRAME.assign(at=FRAME["at"].dt.tz_localize(None)),
}


def test_a_frame_with_two_columns_of_one_name(realm: realmsync.Realm) -> None:
    frame = pandas.concat([FRAME, FRAME[["name"]]], axis=1)
    with pytest.raises(
        realmsync.InvalidArgumentError, match="more than one column is named 'name'"
    ):
        realm.create_many(Row, frame)
    assert len(realm.objects(Row)) == 0


@pytest.mark.parametrize("name", FRAMES)
def test_frames(name: str, realm: realmsync.Realm) -> None:
    assert realm.create_many(Row, FRAMES[name]) == 2
    number = 2**52 if name == "floats for int" else 2**60 + 1
    assert [
        (r._id, r.name, r.number, r.real, r.flag, r.at, r.token, list(r.tags))
        for r in realm.objects(Row)
    ] == [
        (1, "a", number, 1.5, True, utc(2024, 1, 1), uuid.UUID(int=5), ["x"]),
        (2, None, None, None, None, None, None, []),
    ]


def test_unknown_columns_of_a_frame(realm: realmsync.Realm) -> None:
    with pytest.raises(errors.InvalidPropertyError, match="Did you mean 'number'"):
        realm.create_many(Row, FRAME.rename(columns={"number": "nuber"}))
    assert len(realm.objects(Row)) == 0
