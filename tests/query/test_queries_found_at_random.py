"""Queries that random ones have shown to go wrong, and what the specification says of them."""

from __future__ import annotations

import pytest

from query.lab import Lab


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab()


@pytest.mark.parametrize(
    ("query", "complement"),
    [
        ("NONE nums.@size = 3", "nums.@size = 3"),
        ("NONE boss != NULL", "boss.@count = 1"),
        ("NONE @links.Person.boss.@count > 0", "@links.Person.boss.@count > 0"),
    ],
)
def test_quantifiers_of_one_value_count(lab: Lab, query: str, complement: str) -> None:
    """11.1: none of the sizes, though there is only one."""
    found, others = lab.selects(query), lab.selects(complement)
    assert set(found) | set(others) == set(lab.selects("TRUEPREDICATE"))
    assert not set(found) & set(others)


@pytest.mark.parametrize(("name", "key"), [("contacts", "home"), ("places", "main")])
def test_null_entries_lead_nowhere(lab: Lab, name: str, key: str) -> None:
    """11.3: links and objects are counted, and a null among them is none."""
    only_key = f"ALL {name}.@keys = '{key}' AND ANY {name}.@keys = '{key}'"
    counted = lab.selects(f"{only_key} AND {name}.@count = 1")
    uncounted = lab.selects(f"{only_key} AND {name}.@count = 0")
    assert sorted(counted + uncounted) == sorted(lab.selects(only_key))
    assert len(uncounted) == 1


def test_what_is_left_of_a_conjunction_is_one_with_the_chain(lab: Lab) -> None:
    """9: at the ends of integers no condition is added, so that an AND may lose all but one."""
    query = lab.bind(f"((nick = 'a' OR age = 1) AND rank <= {2**63 - 1}) OR active = true")
    assert query.text == '(nick == "a" or age == 1 or active == true)'
    assert query.reread().tree == query.tree
