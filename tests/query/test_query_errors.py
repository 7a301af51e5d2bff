"""Errors of queries: what they print, and that their wording begins with Realm's."""

from __future__ import annotations

import pickle

import pytest

from realmsync import (
    InvalidQueryArgumentError,
    InvalidQueryError,
    QueryError,
    QueryLimitError,
    QuerySyntaxError,
    RealmError,
)


@pytest.mark.parametrize(
    "kind", [QuerySyntaxError, InvalidQueryError, InvalidQueryArgumentError, QueryLimitError]
)
def test_every_kind_is_a_query_error_and_a_value_error(kind: type[QueryError]) -> None:
    error = kind("no")
    assert isinstance(error, RealmError)
    assert isinstance(error, ValueError)
    assert str(error) == "no"
    assert (error.message, error.position, error.text, error.hint) == ("no", None, "", "")


def test_the_place_is_marked_below_the_text() -> None:
    error = QuerySyntaxError("bad", 4, "age =! 3")
    assert str(error) == "bad\n  age =! 3\n      ^"
    error.hint = "write !="
    assert str(error).splitlines()[-1] == "Hint: write !="


def test_a_place_at_the_end_and_one_beyond_are_marked_at_the_end() -> None:
    for position in (5, 99):
        assert str(QuerySyntaxError("bad", position, "age <")) == "bad\n  age <\n       ^"


def test_of_several_lines_the_one_with_the_place_is_shown() -> None:
    text = "a == 1 AND\n\tb =! 2 AND\nc == 3"
    shown = str(QuerySyntaxError("bad", text.index("=!"), text)).splitlines()
    assert shown[1:] == ["   b =! 2 AND", "     ^"]


@pytest.mark.parametrize("place", [0, 50, 500, 940, 999])
def test_long_texts_are_cut_around_the_place(place: int) -> None:
    text = "".join("x" if i == place else "y" for i in range(1000))
    _, line, mark = str(QuerySyntaxError("bad", place, text)).splitlines()
    assert len(line) < 80
    assert line[mark.index("^")] == "x"
    assert ("…" in line[:3], line.endswith("…")) == (place > 36, place < 964)


def test_an_error_survives_another_process() -> None:
    error = InvalidQueryError("bad", 2, "a b")
    error.hint = "mend it"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
