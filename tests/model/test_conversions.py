"""Values of every type, in and out; what is refused; lists against Python's own."""

from __future__ import annotations

import decimal
import itertools
import math
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import realmsync
from realmsync import Float32, Timestamp

UTC = timezone.utc


class Everything(realmsync.Object):
    _id: int = realmsync.primary_key()
    b: bool | None
    i: int | None
    f: Float32 | None
    d: float | None
    m: bson.Decimal128 | None
    s: str | None
    x: bytes | None
    t: datetime | None
    o: bson.ObjectId | None
    u: uuid.UUID | None
    any: Any
    numbers: list[int]


VALUES: list[tuple[str, Any]] = [
    ("b", True),
    ("b", False),
    *(("i", v) for v in (0, -1, 2**63 - 1, -(2**63))),
    *(("f", v) for v in (0.5, -0.0, math.inf, 3.4028234663852886e38)),
    *(("d", v) for v in (0.1, -0.0, -math.inf, 5e-324, 1.7976931348623157e308)),
    *(("m", bson.Decimal128(v)) for v in ("1.50", "-0", "Infinity", "9" * 34, "1E-6176")),
    *(("s", v) for v in ("", "a\0b", "Ré 🐕", "x" * 100_000)),
    *(("x", v) for v in (b"", b"\0\xff" * 1000)),
    ("t", datetime(1970, 1, 1, tzinfo=UTC)),
    ("t", datetime(1969, 12, 31, 23, 59, 58, 500_000, UTC)),
    ("t", datetime(1, 1, 1, tzinfo=UTC)),
    ("t", datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)),
    ("t", Timestamp(1, 1)),
    ("t", Timestamp(-1, -500_000_001)),
    ("t", Timestamp(2**62, 0)),
    ("o", bson.ObjectId("64b7f0c2e1a2b3c4d5e6f708")),
    ("u", uuid.UUID("3b241101-e2bb-4255-8caf-4136c566a962")),
    *(("any", v) for v in (None, True, 1, 1.0, Float32(0.1), "s", b"b", bson.Decimal128("1.0"))),
]


@pytest.fixture
def realm(tmp_path: Path) -> Any:
    with realmsync.Realm(path=tmp_path / "v.realm", schema=[Everything]) as opened:
        yield opened


@pytest.mark.parametrize("where", ["create", "set"])
def test_round_trip(realm: realmsync.Realm, where: str) -> None:
    for key, (name, value) in enumerate(VALUES):
        with realm.write():
            if where == "create":
                obj = realm.create(Everything, {"_id": key, name: value})
            else:
                obj = realm.create(Everything, {"_id": key})
                setattr(obj, name, value)
                assert repr(getattr(obj, name)) == repr(value)
        read = getattr(obj, name)
        assert repr(read) == repr(value)
        assert type(read) is type(value)
        with realm.write():
            setattr(obj, name, None)
        assert getattr(obj, name) is None


def test_conversions(realm: realmsync.Realm) -> None:
    zone = timezone(timedelta(hours=-3))
    with realm.write():
        obj = realm.create(Everything, {"_id": 1, "d": 3, "f": 0.1, "x": bytearray(b"ab")})
        obj.t = datetime(2024, 2, 29, 22, 0, tzinfo=zone)
        obj.m = decimal.Decimal("12.340")
    assert (obj.d, type(obj.d)) == (3.0, float)
    assert obj.f == Float32(0.1) != 0.1
    assert obj.x == b"ab"
    assert obj.t == datetime(2024, 3, 1, 1, 0, tzinfo=UTC)
    assert str(obj.m) == "12.340"


@pytest.mark.parametrize(
    "name, value, error",
    [
        ("b", 1, TypeError),
        ("i", True, TypeError),
        ("i", 1.0, TypeError),
        ("i", "1", TypeError),
        ("i", 2**63, ValueError),
        ("d", "1", TypeError),
        ("d", True, TypeError),
        ("s", b"x", TypeError),
        ("s", "\ud800", ValueError),
        ("x", "x", TypeError),
        ("t", datetime(2024, 1, 1), ValueError),
        ("t", 5, TypeError),
        ("o", "64b7f0c2e1a2b3c4d5e6f708", TypeError),
        ("u", "3b241101-e2bb-4255-8caf-4136c566a962", TypeError),
        ("m", 1.5, TypeError),
        ("m", decimal.Decimal("9" * 35), ValueError),
        ("any", {1, 2}, TypeError),
        ("any", object(), TypeError),
        ("numbers", None, TypeError),
        ("numbers", "12", TypeError),
        ("numbers", [1, None], TypeError),
    ],
)
def test_refused(realm: realmsync.Realm, name: str, value: Any, error: type[Exception]) -> None:
    with realm.write():
        obj = realm.create(Everything, {"_id": 1, "numbers": [7]})
        with pytest.raises(error, match=f"Everything.{name}"):
            setattr(obj, name, value)
        assert list(obj.numbers) == [7]  # a refused assignment changes nothing
    with pytest.raises(AttributeError), realm.write():
        obj.unknown = 1
    with pytest.raises(AttributeError), realm.write():
        obj._id = 2


def test_identity(realm: realmsync.Realm) -> None:
    with realm.write():
        one = realm.create(Everything, {"_id": 1})
        two = realm.create(Everything, {"_id": 2})
    found = realm.object_for_primary_key(Everything, 1)
    assert found == one != two
    assert found is not one
    assert len({found, one, two}) == 2
    assert realm.object_for_primary_key(Everything, 3) is None
    assert [o._id for o in realm.objects(Everything)] == [1, 2]
    assert realm.objects(Everything)[-1] == two


_files = itertools.count()
OPERATION = st.one_of(
    st.tuples(st.just("insert"), st.integers(-8, 8), st.integers(-9, 9)),
    st.tuples(st.just("append"), st.just(0), st.integers(-9, 9)),
    st.tuples(st.just("set"), st.integers(-8, 8), st.integers(-9, 9)),
    st.tuples(st.just("del"), st.integers(-8, 8), st.just(0)),
    st.tuples(st.just("pop"), st.integers(-8, 8), st.just(0)),
    st.tuples(st.just("reverse"), st.just(0), st.just(0)),
    st.tuples(st.just("slice"), st.integers(-4, 4), st.integers(-4, 4)),
    st.tuples(st.just("extend"), st.integers(0, 4), st.integers(-9, 9)),
    st.tuples(st.just("clear"), st.just(0), st.just(0)),
)


def act(values: Any, operation: tuple[str, int, int]) -> Any:
    name, at, value = operation
    try:
        if name == "set":
            values[at] = value
        elif name == "del":
            del values[at]
        elif name == "slice":
            values[at:value] = [1, 2, 3]
        elif name == "extend":
            values.extend([value] * at)
        elif name == "insert":
            values.insert(at, value)
        elif name == "append":
            values.append(value)
        elif name == "pop":
            return values.pop(at)
        else:
            getattr(values, name)()
    except IndexError:
        return IndexError
    return None


@settings(max_examples=60, deadline=None)
@given(st.lists(OPERATION, max_size=20))
def test_lists_behave_like_lists(tmp_path_factory: Any, operations: list[Any]) -> None:
    path = tmp_path_factory.getbasetemp() / f"lists{next(_files)}.realm"
    with realmsync.Realm(path=path, schema=[Everything], durability="process") as realm:
        with realm.write():
            obj = realm.create(Everything, {"_id": 1})
        model: list[int] = []
        for operation in operations:
            with realm.write():
                assert act(obj.numbers, operation) == act(model, operation)
                assert list(obj.numbers) == model
        assert obj.numbers == model
    realmsync.Realm.delete_file(path=path)
