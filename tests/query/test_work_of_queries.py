"""Short queries that mean endless work over data that leads in circles: they are answered, each
object being asked once, or end in an error. What takes exponential time would run into the limit
of every test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from realmsync import QueryLimitError, Realm

PERSON = {
    "name": "Person",
    "primaryKey": "_id",
    "properties": {
        "_id": "int",
        "name": "string",
        "friends": "Person[]",
        "numbers": "int[]",
        "fans": {"type": "linkingObjects", "objectType": "Person", "property": "friends"},
    },
}
COUNT = 12


def friends(i: int) -> list[int]:
    """Of the person of that number: three of them, one of whom is there twice."""
    return [(i + 1) % COUNT, (i * 5 + 2) % COUNT, (i + 1) % COUNT]


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[Realm]:
    with Realm(path=tmp_path / "circles.realm", schema=[PERSON]) as opened:
        with opened.write():
            people = [
                opened.create(
                    "Person",
                    {"_id": i, "name": f"p{i}", "numbers": list(range(3000)) if i == 0 else []},
                )
                for i in range(COUNT)
            ]
            for i, person in enumerate(people):
                person.friends.extend(people[friend] for friend in friends(i))
        yield opened


def keys(realm: Realm, query: str, *arguments: object) -> list[int]:
    return [found._id for found in realm.objects("Person").filtered(query, *arguments)]


def ways(i: int, hops: int) -> list[int]:
    """Ends of all ways of so many hops."""
    ends = [i]
    for _ in range(hops):
        ends = [friend for end in ends for friend in friends(end)]
    return ends


def nested(depth: int, inner: str, most: int) -> str:
    text = inner
    for level in range(depth):
        text = f"SUBQUERY(friends, $x{level}, {text}).@count > {most}"
    return text


def answer(i: int, depth: int, most: int) -> bool:
    """What nested() means, asked in the simplest way."""
    if depth == 0:
        return i % 4 != 1
    return sum(answer(friend, depth - 1, most) for friend in friends(i)) > most


@pytest.mark.parametrize("most", [0, 1, 2])
@pytest.mark.parametrize("depth", [1, 2, 4, 6])
def test_nested_subqueries(realm: Realm, depth: int, most: int) -> None:
    inner = "NOT _id IN {1, 5, 9}"
    expected = [i for i in range(COUNT) if answer(i, depth, most)]
    assert keys(realm, nested(depth, inner, most)) == expected


def test_ninety_subqueries(realm: Realm) -> None:
    assert keys(realm, nested(90, "_id >= 0", 2)) == list(range(COUNT))
    assert keys(realm, nested(90, "_id < 0", 0)) == []


@pytest.mark.parametrize("hops", [1, 2, 3, 5])
def test_paths_in_circles(realm: Realm, hops: int) -> None:
    path = "friends." * hops
    found = {i: ways(i, hops) for i in range(COUNT)}
    assert keys(realm, f"ANY {path}_id == 3") == [i for i in found if 3 in found[i]]
    assert keys(realm, f"NONE {path}_id == 3") == [i for i in found if 3 not in found[i]]
    assert keys(realm, f"ALL {path}_id > 2") == [i for i in found if min(found[i]) > 2]
    assert keys(realm, f"{path}@max._id > 10") == [i for i in found if max(found[i]) > 10]
    assert keys(realm, f"{path}@sum._id > {5 * 3**hops}") == [
        i for i in found if sum(found[i]) > 5 * 3**hops
    ]
    counted = f"SUBQUERY({path[:-1]}, $x, $x._id < 4).@count > {3 ** (hops - 1)}"
    assert keys(realm, counted) == [
        i for i in found if sum(end < 4 for end in found[i]) > 3 ** (hops - 1)
    ]


def test_ninety_hops(realm: Realm) -> None:
    assert keys(realm, "ANY " + "friends." * 90 + "_id >= 0") == list(range(COUNT))
    assert keys(realm, "ANY " + "fans." * 90 + "_id < 0") == []
    path = "friends" + ".friends" * 89
    assert keys(realm, f"SUBQUERY({path}, $x, $x._id >= 0).@count == {2**63 - 1}") == list(
        range(COUNT)
    )


def test_work_ends_with_an_error(realm: Realm) -> None:
    results = realm.objects("Person").filtered("friends." * 90 + "@sum._id > 0")
    with pytest.raises(QueryLimitError, match="too much work"):
        len(results)
    with pytest.raises(QueryLimitError):
        list(results)
    with realm.write(), pytest.raises(QueryLimitError):
        bool(results)
    assert keys(realm, "_id == 3") == [3]
    with realm.write():
        realm.delete(realm.objects("Person"))
    assert len(results) == 0
