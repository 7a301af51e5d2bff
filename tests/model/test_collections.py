"""Lists, sets and dictionaries do what Python's own do, in one transaction with reads between the
writes, hidden links included; statements take effect whole or not at all (data-model.md 11, 12).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import realmsync
from instructions import changeset, erase
from realmsync import _testbed
from realmsync.errors import PropertyTypeError, StaleAccessorError


class Part(realmsync.EmbeddedObject):
    name: str
    sizes: list[int]


class Thing(realmsync.Object):
    _id: int = realmsync.primary_key()
    numbers: list[int]
    others: list[Thing]
    parts: list[Part]
    marks: set[int]
    names: dict[str, str]
    main: Part | None
    any: Any
    many: list[Any]


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[realmsync.Realm]:
    path = tmp_path / "collections.realm"
    with realmsync.Realm(path=path, schema=[Thing, Part], durability="process") as opened:
        yield opened


@pytest.fixture
def thing(realm: realmsync.Realm) -> Thing:
    with realm.write():
        return realm.create(
            Thing,
            {
                "_id": 0,
                "numbers": [3, 1, 2],
                "parts": [{"name": "a"}, {"name": "b"}],
                "marks": {1, 2, 3},
                "names": {"a": "x", "b": "y"},
                "main": {"name": "main", "sizes": [1]},
                "any": [1, [2, 3], {"k": [4]}],
                "many": [[1], {"a": 2}],
            },
        )


def hide(realm: realmsync.Realm, key: int) -> None:
    """The object goes as by another device, which leaves the links to it where they are."""
    _testbed.commit_changeset(realm._file, changeset(erase("Thing", key)), 1)


# -- Against plain lists ---------------------------------------------------------------------------

INDEX = st.integers(-6, 6)
BOUND = st.none() | INDEX
SLICE = st.builds(slice, BOUND, BOUND, st.sampled_from([None, 1, 1, 2, -1, -2]))
VALUES = st.lists(st.integers(1, 5), max_size=4)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 5)),
        st.tuples(st.just("insert"), INDEX, st.integers(1, 5)),
        st.tuples(st.just("extend"), VALUES),
        st.tuples(st.just("__setitem__"), INDEX, st.integers(1, 5)),
        st.tuples(st.just("__setitem__"), SLICE, VALUES),
        st.tuples(st.just("__delitem__"), INDEX | SLICE),
        st.tuples(st.just("__getitem__"), INDEX | SLICE),
        st.tuples(st.just("pop"), INDEX),
        st.tuples(st.just("reverse")),
        st.tuples(st.just("copy")),
        st.tuples(st.just("__imul__"), st.integers(0, 2)),
    ),
    max_size=12,
)
_files = itertools.count()


def outcome(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except (IndexError, ValueError) as error:
        return IndexError if isinstance(error, IndexError) else ValueError


def run(operation: tuple[Any, ...], target: Any, made: Callable[[int], Any]) -> Any:
    """The operation with what stands for its values; what it gives, as numbers."""
    name, *arguments = operation
    of_values = {"append": [0], "insert": [1], "extend": [0], "__setitem__": [1]}.get(name, [])
    for i in of_values:
        value = arguments[i]
        arguments[i] = [*map(made, value)] if isinstance(value, list) else made(value)
    result = outcome(lambda: getattr(target, name)(*arguments))
    if name == "__imul__":
        return None
    if isinstance(result, list):
        return [getattr(one, "_id", one) for one in result]
    return getattr(result, "_id", result)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists")


@settings(max_examples=80, deadline=None)
@given(OPERATIONS, st.booleans())
def test_lists_of_numbers_and_of_links(folder: Path, operations: Any, is_hiding: bool) -> None:
    """Of links some may be hidden: they keep their places, and nobody sees them."""
    path = folder / f"{next(_files)}.realm"
    with realmsync.Realm(path=path, schema=[Thing, Part], durability="process") as realm:
        with realm.write():
            things = {key: realm.create(Thing, {"_id": key}) for key in range(1, 10)}
            owner = realm.create(Thing, {"_id": 0})
            owner.others = [things[key] for key in (8, 1, 9, 2, 8)]
            owner.numbers = [1, 2]
        for key in (8, 9) if is_hiding else ():
            hide(realm, key)
        links = [1, 2] if is_hiding else [8, 1, 9, 2, 8]
        numbers = [1, 2]
        with realm.write():
            for operation in operations:
                for target, model, made in (
                    (owner.numbers, numbers, int),
                    (owner.others, links, things.__getitem__),
                ):
                    assert run(operation, target, made) == run(operation, model, int), operation
                    assert len(target) == len(model)
                assert list(owner.numbers) == numbers
                assert [other._id for other in owner.others] == links
                assert [owner.others[i]._id for i in range(len(links))] == links
        assert list(owner.numbers) == numbers
        assert [other._id for other in owner.others] == links
    realmsync.Realm.delete_file(path=path)


def test_hidden_links_come_back_where_they_were(realm: realmsync.Realm) -> None:
    with realm.write():
        one, two, owner = (realm.create(Thing, {"_id": key}) for key in range(3))
        owner.others = [one, two]
    hide(realm, 0)
    with realm.write():
        owner.others.append(two)
        owner.others[0] = owner
        owner.others.insert(0, two)
        assert [other._id for other in owner.others] == [1, 2, 1]
        realm.create(Thing, {"_id": 0})
        assert [other._id for other in owner.others] == [0, 1, 2, 1]


def test_a_transaction_that_is_undone_hides_again(realm: realmsync.Realm) -> None:
    """What was known of a list within it is not believed behind it."""
    with realm.write():
        one, two, owner = (realm.create(Thing, {"_id": key}) for key in range(3))
        owner.others = [one, two]
    hide(realm, 0)
    with realm.write():
        with pytest.raises(PropertyTypeError):
            owner.any = [owner.others.clear(), owner.others.append(two), object()]
        assert [other._id for other in owner.others] == [1]
        with pytest.raises(PropertyTypeError):
            owner.others = [two, {"_id": 9}, 5]
        assert [other._id for other in owner.others] == [1]
        owner.others[0] = owner
        assert [other._id for other in owner.others] == [2]


# -- Whole or not at all ---------------------------------------------------------------------------

MISTAKES: dict[str, Callable[[Thing], Any]] = {
    "extend": lambda t: t.numbers.extend([7, 8, "x"]),
    "of links": lambda t: t.others.extend([t, None]),
    "of new objects": lambda t: t.others.extend([{"_id": 8}, {"_id": 9, "numbers": ["x"]}]),
    "of embedded ones": lambda t: t.parts.extend([{"name": "c"}, {"name": 5}]),
    "one embedded one": lambda t: t.parts.append({"name": "c", "sizes": [1, "x"]}),
    "one embedded one before": lambda t: t.parts.insert(0, {"name": 5}),
    "one mixed one": lambda t: t.many.insert(1, [1, {"a": [object()]}]),
    "one new object": lambda t: t.others.append({"_id": 9, "numbers": ["x"]}),
    "in place": lambda t: t.numbers.__iadd__([7, "x"]),
    "slice": lambda t: t.numbers.__setitem__(slice(0, 2), [7, 8, "x"]),
    "slice of embedded ones": lambda t: t.parts.__setitem__(slice(0, 1), [{"name": "c"}, 5]),
    "steps": lambda t: t.numbers.__setitem__(slice(0, 3, 2), [7, "x"]),
    "set": lambda t: t.marks.update([7, 8], ["x"]),
    "set in place": lambda t: t.marks.__ior__({7, "x"}),
    "dictionary": lambda t: t.names.update({"c": "z", "d": 5}),
    "keys": lambda t: t.names.update({"c": "z", "$d": "z"}),
    "keywords": lambda t: t.names.update(c="z", d=5),
    "dictionary in place": lambda t: t.names.__ior__({"c": "z", "d": 5}),
    "mixed": lambda t: t.many.extend([[1], {"$": 1}]),
}


def plain(thing: Thing) -> Any:
    collections = (thing.numbers, thing.others, thing.marks, thing.names, thing.any, thing.many)
    return [repr(one) for one in collections], [(p.name, *p.sizes) for p in thing.parts]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_changes_nothing(realm: realmsync.Realm, thing: Thing, mistake: str) -> None:
    before = plain(thing)
    with realm.write():
        with pytest.raises(realmsync.RealmError):
            MISTAKES[mistake](thing)
        assert plain(thing) == before and len(realm.objects(Thing)) == 1
    assert plain(thing) == before and len(realm.objects(Thing)) == 1


# -- Assigned to itself ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["numbers", "parts", "marks", "names", "main", "any", "many"])
def test_what_is_assigned_to_itself_stays(
    realm: realmsync.Realm, thing: Thing, name: str, last: Any
) -> None:
    before, held = plain(thing), getattr(thing, name)
    with realm.write():
        setattr(thing, name, getattr(thing, name))
        setattr(thing, name, held)
    assert plain(thing) == before and held.is_valid
    assert last(realm) == []


def test_elements_that_are_assigned_to_themselves(
    realm: realmsync.Realm, thing: Thing, last: Any
) -> None:
    before = plain(thing)
    with realm.write():
        thing.parts[0] = thing.parts[0]
        thing.many[1] = thing.many[1]
        thing.any[2]["k"] = thing.any[2]["k"]
    assert plain(thing) == before and last(realm) == []


def test_a_part_of_itself_is_copied(realm: realmsync.Realm, thing: Thing) -> None:
    """Its content as of before, however deep (data-model.md 12.3)."""
    with realm.write():
        thing.any = thing.any[1:]
        assert repr(thing.any) == "[[2, 3], {'k': [4]}]"
        thing.any = {"old": thing.any, "again": thing.any}
        assert thing.any["old"][1]["k"] == thing.any["again"][1]["k"] == [4]
        thing.any = thing.any["old"][1]
        assert repr(thing.any) == "{'k': [4]}"
        thing.many = [thing.any, thing.many]
        assert repr(thing.many) == "[{'k': [4]}, [[1], {'a': 2}]]"
        thing.names = {**thing.names, "c": "z"}
        assert thing.names == {"a": "x", "b": "y", "c": "z"}
        thing.marks = thing.numbers
        thing.numbers = thing.marks
        assert list(thing.numbers) == [1, 2, 3]
        thing.numbers += thing.numbers
        assert list(thing.numbers) == [1, 2, 3, 1, 2, 3]
        with pytest.raises(PropertyTypeError, match="to be a list, got dict"):
            thing.numbers = thing.names


def test_an_accessor_of_what_was_replaced_is_stale(realm: realmsync.Realm, thing: Thing) -> None:
    inner = thing.any[1]
    with realm.write():
        thing.any = 5
        with pytest.raises(StaleAccessorError):
            inner.append(1)
        assert not inner.is_valid


# -- What plain ones can ---------------------------------------------------------------------------


def test_lists_have_the_operators_of_lists(realm: realmsync.Realm, thing: Thing) -> None:
    numbers, plain_list = thing.numbers, [3, 1, 2]
    assert numbers + [5] == plain_list + [5] and [5] + numbers == [5] + plain_list
    assert numbers + numbers == plain_list * 2 == numbers * 2 == 2 * numbers
    assert type(numbers.copy()) is list and numbers.copy() == plain_list
    assert numbers < [3, 2] and numbers <= plain_list and numbers > [3, 0] and numbers >= numbers
    assert not numbers < numbers and numbers > [3, 0]
    for wrong in ((1, 2), 5, None):
        with pytest.raises(TypeError):
            numbers + wrong
        with pytest.raises(TypeError):
            assert numbers < wrong
    with realm.write():
        thing.numbers *= 2
        thing.numbers += (9,)
    assert numbers == [*plain_list, *plain_list, 9]


def test_sets_have_the_methods_of_sets(realm: realmsync.Realm, thing: Thing) -> None:
    marks, own = thing.marks, {1, 2, 3}
    for name in ("union", "intersection", "difference", "symmetric_difference"):
        for other in ([3, 4], {1}, (), marks):
            result = getattr(marks, name)(other)
            assert type(result) is set and result == getattr(own, name)(other)
    assert marks.union([4], [5]) == {1, 2, 3, 4, 5} and marks.copy() == own
    assert marks.issubset([1, 2, 3, 4]) and marks.issuperset([1]) and not marks.issuperset([9])
    assert marks | {4} == {1, 2, 3, 4} and marks & {1} == {1} and {1, 9} - marks == {9}
    for name in ("update", "difference_update", "intersection_update"):
        with realm.write():
            getattr(marks, name)([2, 7], [2, 8])
        getattr(own, name)([2, 7], [2, 8])
        assert marks == own
    with realm.write():
        marks.symmetric_difference_update([1, 2])
        thing.marks |= {10, 11}
        thing.marks -= {10}
        thing.marks ^= {11, 12}
        thing.marks &= {1, 12}
    assert marks == {1, 12}


def test_dictionaries_have_the_operators_of_dictionaries(
    realm: realmsync.Realm, thing: Thing
) -> None:
    names = thing.names
    assert names | {"c": "z"} == {"a": "x", "b": "y", "c": "z"} == {"c": "z"} | names
    assert list(reversed(names)) == ["b", "a"] and type(names.copy()) is dict
    with pytest.raises(TypeError):
        names | [("a", "b")]  # type: ignore[operator]
    with realm.write():
        thing.names |= {"a": "1"}
        names.update([("c", "2")], d="3")
    assert names == {"a": "1", "b": "y", "c": "2", "d": "3"}


def test_changes_of_sets_say_what_differs(realm: realmsync.Realm, thing: Thing, last: Any) -> None:
    with realm.write():
        thing.marks.intersection_update({2, 3, 9})
        thing.marks.update([3, 4])
    assert [i["op"] for i in last(realm)] == ["SetErase", "SetInsert"]
