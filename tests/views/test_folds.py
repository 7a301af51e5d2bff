"""A fold over a range of versions leaves a client with what its view holds at the end.

Specification: flexible-sync.md sections 8.1 and 8.2.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmsync._testbed import fold_presences

PRESENCES = ("absent", "outside", "age", "name")  # or the field that is shown
Copy = tuple[int, str] | None  # of the object: the number of its last change, what is shown


def copy_of(number: int, presence: str) -> Copy:
    return None if presence in ("absent", "outside") else (number, presence)


def served(presences: list[str], copy: Copy) -> Copy:
    """What a client holds after the fold; `copy`: before.

    Fails for an instruction that a client cannot apply (8.1), and for fields that it does not have.
    """
    verdict, sends = fold_presences(presences)
    last = len(presences) - 1
    if verdict == "leaves":
        return None
    if verdict == "enters":
        return last, presences[-1]
    for number, (before, after) in enumerate(pairwise(presences), start=1):
        shown = sends[number - 1] if sends else None
        if shown is None:
            continue
        if after == "absent":  # EraseObject is harmless where there is nothing
            copy = None
        else:
            assert before == "absent" or copy is not None, "instructions on a missing object"
            assert before == "absent" or copy == (copy[0], shown), "on other fields"  # type: ignore[index]
            copy = number, shown
    return copy


@given(st.lists(st.sampled_from(PRESENCES), min_size=1, max_size=12))
def test_the_client_ends_with_the_view(presences: list[str]) -> None:
    after = served(presences, copy_of(0, presences[0]))
    # A change of an object that stays changes its content, so the last one that counts is known.
    assert after == copy_of(len(presences) - 1, presences[-1])


@given(st.lists(st.sampled_from(PRESENCES), min_size=1, max_size=12))
def test_who_never_saw_the_object_is_sent_nothing_of_it(presences: list[str]) -> None:
    if set(presences) <= {"absent", "outside"}:
        verdict, sends = fold_presences(presences)
        assert verdict == "plain"
        assert not any(sends)


@given(
    st.lists(st.sampled_from(PRESENCES), min_size=1, max_size=8),
    st.lists(st.sampled_from(PRESENCES), min_size=1, max_size=8),
)
def test_two_folds_come_to_the_same_as_one(first: list[str], second: list[str]) -> None:
    copy = copy_of(0, first[0])
    after = served([first[-1], *second], served(first, copy))
    # Contents are numbered from each range's start: only what is shown is compared.
    at_once = served([*first, *second], copy)
    assert (after and after[1]) == (at_once and at_once[1])


@pytest.mark.parametrize(
    ("presences", "folded"),
    [
        (["age"], ("plain", [])),
        (["age", "age"], ("plain", ["age"])),
        (["absent", "age"], ("plain", ["age"])),
        (["age", "absent"], ("plain", ["age"])),
        (["outside", "age"], ("enters", [])),
        (["age", "outside"], ("leaves", [])),
        (["outside", "absent"], ("plain", [None])),
        (["age", "outside", "age"], ("enters", [])),
        (["age", "name"], ("enters", [])),
        (["age", "name", "absent"], ("leaves", [])),
        (["absent", "age", "absent", "name"], ("plain", ["age", "age", "name"])),
        (["age", "outside", "absent"], ("leaves", [])),
        (["absent", "age", "outside"], ("nothing", [])),
        (["absent", "outside", "absent", "age"], ("plain", [None, None, "age"])),
    ],
)
def test_the_table_of_the_specification(
    presences: list[str], folded: tuple[str, list[str | None]]
) -> None:
    assert fold_presences(presences) == folded
