"""A fold over a range of versions leaves a client with what its view holds at the end.

Specification: flexible-sync.md sections 8.1 and 8.2.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmsync._testbed import fold_presences

PRESENCES = ("absent", "outside", "inside")


def served(presences: list[str], copy: int | None) -> int | None:
    """What a client holds after the fold; `copy`: before. Content is the number of its change.

    Fails for an instruction that a client cannot apply (8.1).
    """
    verdict, sends = fold_presences(presences)
    last = len(presences) - 1
    if verdict == "leaves":
        return None
    if verdict == "enters":
        return last
    for number, (before, after) in enumerate(pairwise(presences), start=1):
        if not sends or not sends[number - 1]:
            continue
        if after == "absent":  # EraseObject is harmless where there is nothing
            copy = None
        else:
            assert copy is not None or before == "absent", "instructions on a missing object"
            copy = number
    return copy


@given(st.lists(st.sampled_from(PRESENCES), min_size=1, max_size=12))
def test_the_client_ends_with_the_view(presences: list[str]) -> None:
    before = 0 if presences[0] == "inside" else None
    after = served(presences, before)
    # A change of an object that stays changes its content, so the last one that counts is known.
    expected = len(presences) - 1 if presences[-1] == "inside" else None
    assert after == expected


@given(st.lists(st.sampled_from(PRESENCES), min_size=1, max_size=12))
def test_who_never_saw_the_object_is_sent_nothing_of_it(presences: list[str]) -> None:
    if "inside" not in presences:
        verdict, sends = fold_presences(presences)
        assert verdict == "plain"
        assert not any(sends)


@given(
    st.lists(st.sampled_from(PRESENCES), min_size=1, max_size=8),
    st.lists(st.sampled_from(PRESENCES), min_size=1, max_size=8),
)
def test_two_folds_come_to_the_same_as_one(first: list[str], second: list[str]) -> None:
    copy = 0 if first[0] == "inside" else None
    middle = served(first, copy)
    # Contents are numbered from each range's start: only whether there is one is compared.
    after = served([first[-1], *second], 0 if middle is not None else None)
    assert (after is None) == (served([*first, *second], copy) is None)


@pytest.mark.parametrize(
    ("presences", "folded"),
    [
        (["inside"], ("plain", [])),
        (["inside", "inside"], ("plain", [True])),
        (["absent", "inside"], ("plain", [True])),
        (["inside", "absent"], ("plain", [True])),
        (["outside", "inside"], ("enters", [])),
        (["inside", "outside"], ("leaves", [])),
        (["outside", "absent"], ("plain", [False])),
        (["inside", "outside", "inside"], ("enters", [])),
        (["inside", "outside", "absent"], ("leaves", [])),
        (["absent", "inside", "outside"], ("nothing", [])),
        (["absent", "outside", "absent", "inside"], ("plain", [False, False, True])),
    ],
)
def test_the_table_of_the_specification(
    presences: list[str], folded: tuple[str, list[bool]]
) -> None:
    assert fold_presences(presences) == folded
