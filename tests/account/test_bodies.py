"""What requests carry and replies bring: every value arrives as itself, or is refused."""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmsync import Float32, Timestamp
from realmsync.account.bodies import decoded, decoded_members, encoded
from realmsync.enums import UserState
from realmsync.errors import AppError, ArgumentTypeError

# Dates have milliseconds in extended JSON.
DATES = st.datetimes(
    timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=5, minutes=30))])
).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# A member with a dollar may be a form of its own.
NAMES = TEXTS.filter(lambda name: not name.startswith("$"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.binary(max_size=20)
    | DATES
    | st.uuids()
    | st.binary(min_size=12, max_size=12).map(bson.ObjectId)
    | st.decimals(-(10**30), 10**30, allow_nan=False, places=3).map(
        lambda d: bson.Decimal128(str(d))  # it has 34 digits
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_values_arrive_as_themselves(value: Any) -> None:
    came = decoded(encoded({"arguments": [value]}))["arguments"][0]
    assert came == value
    assert type(came) is type(value) or isinstance(came, type(value))


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_members_are_read_one_by_one(members: dict[str, Any]) -> None:
    assert decoded_members(json.loads(encoded(members))) == members


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ((1, 2), [1, 2]),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"ab"), b"ab"),
        (Float32(0.5), 0.5),
        (range(3), [0, 1, 2]),
        ([UserState.LOGGED_IN, IntEnum("N", "ONE").ONE], ["LoggedIn", 1]),
        (Timestamp(1, 5_000_000), datetime(1970, 1, 1, 0, 0, 1, 5000, timezone.utc)),
        (re.compile("a", re.I), bson.Regex("a", re.I | re.U)),
        (math.inf, math.inf),
    ],
)
def test_other_types_of_the_same_meaning(value: Any, arrives: Any) -> None:
    assert decoded(encoded({"v": value}))["v"] == arrives


def endless() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


def some() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**63, "does not fit 64 bits"),
        (-(2**63) - 1, "does not fit 64 bits"),
        (datetime(2026, 1, 2), "a datetime needs a time zone"),
        ({1: 2}, "names of members are texts, not 1"),
        ({1, 2}, "set is neither a list nor a mapping"),
        (some(), "generator is neither"),
        (object(), "not JSON serializable"),
        (Timestamp(2**60), "as JSON"),
        (endless(), "as JSON"),
    ],
)
def test_what_would_arrive_as_something_else(value: Any, text: str) -> None:
    for inside in (value, [value], {"a": (value,)}):
        with pytest.raises(ArgumentTypeError, match=text):
            encoded({"arguments": inside})


@pytest.mark.parametrize(
    "text", ["", "{", '{"$oid": "short"}', '{"$numberInt": []}', "[" * 100_000, '{"$date": {}}']
)
def test_replies_that_say_nothing(text: str) -> None:
    with pytest.raises(AppError, match="no extended JSON") as caught:
        decoded(text)
    assert (caught.value.name, caught.value.code) == ("BadBsonParse", 4203)


def test_an_extended_form_among_members() -> None:
    id = uuid.UUID(int=7)
    members = {"a": {"$numberInt": "5"}, "b": {"$uuid": str(id)}, "$oid": "no form: a member"}
    assert decoded_members(members) == {"a": 5, "b": id, "$oid": "no form: a member"}
