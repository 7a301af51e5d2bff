"""The index finds exactly the views that have an object, whatever is registered and given back.

Specification: flexible-sync.md sections 17.3 and 17.4.
"""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from lab import VECTORS
from random_data import random_data
from random_queries import RandomQueries
from realmsync._testbed import ViewLab


def body_of(**texts: str) -> bytes:
    return json.dumps(texts, ensure_ascii=False).encode()


def random_bodies(rng: random.Random, queries: RandomQueries, count: int) -> list[bytes]:
    bodies = []
    while len(bodies) < count:
        texts = {}
        for _ in range(rng.choice([1, 1, 2])):
            query = queries.query(depth=rng.choice([0, 1, 2]))
            if not query.arguments and not query.clauses:
                texts[query.cls] = f"({query.text})"
        bodies.append(body_of(**texts))
    return bodies


def assert_index_is_right(lab: ViewLab, groups: set[int], objects: dict[str, int]) -> None:
    for cls, count in objects.items():
        members = {group: set(lab.members(group, cls)) for group in groups}
        for position in range(count):
            expected = sorted(group for group in groups if position in members[group])
            assert lab.groups_of(cls, position) == expected


@pytest.mark.parametrize("seed", range(30))
def test_random_views_over_random_objects(seed: int) -> None:
    rng = random.Random(seed)
    data = random_data(rng, objects=12)
    lab = ViewLab(data.encoded())
    counts = {name: len(data.objects[name]) for name in ("Alpha", "Beta")}
    taken: Counter[int] = Counter()
    for body in random_bodies(rng, RandomQueries(rng, data), 40):
        try:
            taken[lab.take(body)] += 1
        except ValueError as refusal:
            assert "cannot be subscribed to" in str(refusal) or "invalid RQL" in str(refusal)
    assert_index_is_right(lab, set(taken), counts)
    for group in rng.sample(sorted(taken), len(taken) // 2):
        for _ in range(taken.pop(group)):
            lab.give_back(group)
    assert lab.groups == sorted(taken)
    assert_index_is_right(lab, set(taken), counts)


@pytest.fixture
def lab() -> ViewLab:
    return ViewLab(json.loads((VECTORS / "dataset.json").read_text(encoding="utf-8")))


def test_equal_meanings_share_a_group(lab: ViewLab) -> None:
    first = lab.take(body_of(Person="(age >= 30) OR (name == 'x')"))
    assert lab.take(body_of(Person="(name == 'x') OR (age > 29)")) == first
    assert lab.take(body_of(Person="(age > 29)")) != first
    lab.give_back(first)
    assert len(lab.groups) == 2
    lab.give_back(first)
    assert len(lab.groups) == 1


def test_what_nobody_holds_is_forgotten(lab: ViewLab) -> None:
    """Thousands come and go, and a view that comes again is found like any other."""
    lasting = lab.take(body_of(Person="(age > 29)"))
    for round in range(3):
        passing = [lab.take(body_of(Person=f"(age == {age})")) for age in range(500)]
        assert lab.groups == [lasting, *passing]
        for group in passing:
            lab.give_back(group)
        assert lab.groups == [lasting], round
    again = lab.take(body_of(Person="(age == 30)"))
    assert_index_is_right(lab, {lasting, again}, {"Person": len(lab.members(lasting, "Person"))})
