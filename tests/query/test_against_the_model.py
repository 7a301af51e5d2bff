"""The product and the naive model agree about texts made at random, and about what they showed.

The first test is short; with --long it goes on. Regions are left out: a point upon a boundary is
in or out as the geometry has it (query-language.md section 16).
"""

from __future__ import annotations

import pytest

from differences import differences
from lab import Lab
from query.query_generator import Generator
from query.recorded_queries import dataset

DATA = dataset()
LAB = Lab()


@pytest.mark.parametrize("seed", range(3))
def test_random_texts(seed: int, scale: int) -> None:
    generator = Generator(DATA, seed)
    for _ in range(700 * scale):
        made = generator.text()
        if "geoWithin" in made.text:
            continue
        assert not differences(DATA, LAB, made.record()), made


def test_distinct_takes_nan_of_all_kinds_for_one() -> None:
    """A double and a decimal are both NaN; `val == nan` finds both."""
    both = LAB.selects("val == nan")
    assert both == [16, 30]
    assert LAB.selects("val == nan DISTINCT(val)") == [16]


def test_list_below_a_key_is_compared_in_order() -> None:
    """An entry is one value, what is in a list within it is a sequence (11.2)."""
    assert LAB.selects("attrs.list[*] IN {'a', 'b'}") == []
    assert LAB.selects("ANY attrs.list[*] IN {'a', 'b'}") == [4]
    assert LAB.selects("attrs.size IN {10, 3}") == [7, 3, 5]
