"""Results of queries as users handle them: a sequence, live, in the order that was asked for."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128

import realmsync
from realmsync import (
    ArgumentTypeError,
    ClosedRealmError,
    Field,
    GeoPoint,
    IllegalOperationError,
    InvalidArgumentError,
    InvalidPropertyError,
    InvalidQueryArgumentError,
    InvalidQueryError,
    OutOfBoundsError,
    PropertyTypeError,
    Realm,
    Results,
    Timestamp,
    WrongTransactionStateError,
)
from realmsync.model import results as results_module


class Home(realmsync.EmbeddedObject):
    street: str


class Dog(realmsync.Object):
    _id: Field[str] = realmsync.primary_key()
    name: Field[str | None]
    age: Field[int | None]
    weight: Field[float | None]
    price: Field[Decimal128 | None]
    born: Field[datetime | None]
    breed: Field[str | None] = realmsync.property(map_to="race")
    mate: Field[Dog | None]
    friends: Field[list[Dog]]
    home: Field[Home | None]


class Number(realmsync.Object):
    _id: Field[int] = realmsync.primary_key()
    even: Field[bool]


DOGS = [("c", "Rex", 3), ("a", "Bella", 5), ("b", "Max", None), ("d", "rex", 3)]


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[Realm]:
    with Realm(path=tmp_path / "x.realm", schema=[Home, Dog, Number]) as opened:
        with opened.write():
            for key, name, age in DOGS:
                opened.create(Dog, {"_id": key, "name": name, "age": age})
        yield opened


@pytest.fixture
def dogs(realm: Realm) -> Results[Dog]:
    return realm.objects(Dog)


def keys(results: Results[Any]) -> list[Any]:
    found = [one._id for one in results]
    assert len(results) == len(found)
    return found


def dog(realm: Realm, key: str) -> Dog:
    found = realm.object_for_primary_key(Dog, key)
    assert found is not None
    return found


# What is selected, and in which order.


def test_without_an_order_objects_come_as_they_were_created(dogs: Results[Dog]) -> None:
    assert keys(dogs.filtered("TRUEPREDICATE")) == ["c", "a", "b", "d"]


def test_numbers_as_keys_are_no_order(realm: Realm) -> None:
    given = [5, -1, 3, 10, 2]
    with realm.write():
        for number in given:
            realm.create(Number, {"_id": number, "even": number % 2 == 0})
    assert keys(realm.objects(Number).filtered("_id < 100")) == given
    assert keys(realm.objects(Number).where(Number.even)) == [10, 2]


def test_results_are_narrowed_again_and_again(dogs: Results[Dog]) -> None:
    old = dogs.filtered("age >= $0", 3)
    assert keys(old) == ["c", "a", "d"]
    assert keys(old.filtered("name ==[c] 'REX'").where(Dog.name != "Rex")) == ["d"]
    assert keys(old.limit(2).filtered("name ==[c] 'rex'")) == ["c"]
    assert keys(old) == ["c", "a", "d"], "results do not change what they came from"


def test_sorting_takes_names_and_fields_and_directions(dogs: Results[Dog]) -> None:
    assert keys(dogs.sorted("name")) == ["a", "b", "c", "d"]
    assert keys(dogs.sorted("name", reverse=True)) == ["d", "c", "b", "a"]
    assert keys(dogs.sorted("age", ("name", True))) == ["b", "d", "c", "a"]
    assert keys(dogs.sorted([("age", True), "name"])) == ["a", "c", "d", "b"]
    assert keys(dogs.sorted(Dog.age, (Dog.name, True))) == ["b", "d", "c", "a"]
    assert keys(dogs.sorted("name").sorted("age")) == ["b", "c", "d", "a"], "sorting is stable"
    assert keys(dogs.sorted("mate.age", "_id")) == ["a", "b", "c", "d"]


def test_distinct_and_limit_apply_in_their_order(dogs: Results[Dog]) -> None:
    assert keys(dogs.distinct("age")) == ["c", "a", "b"]
    assert keys(dogs.distinct("age", Dog.name)) == ["c", "a", "b", "d"]
    assert keys(dogs.sorted("name").limit(2)) == ["a", "b"]
    assert keys(dogs.limit(2).sorted("name")) == ["a", "c"]
    assert keys(dogs.limit(0)) == []
    assert keys(dogs.filtered("age == 3 SORT(name DESC) LIMIT(1)")) == ["d"]


def test_arguments_are_values_of_all_kinds(realm: Realm, dogs: Results[Dog]) -> None:
    rex = dog(realm, "c")
    born = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
    with realm.write():
        rex.mate, rex.friends = dog(realm, "a"), [dog(realm, "b")]
        rex.weight, rex.price, rex.born = 12.5, Decimal128("99.90"), born
    for text, *arguments in [
        ("name == $0", "Rex"),
        ("weight == $0", 12.5),
        ("price == $0", Decimal128("99.9")),
        ("born == $0", born),
        ("born == $0", Timestamp(int(born.timestamp()))),
        ("mate == $0", dog(realm, "a")),
        ("mate IN $0", [dog(realm, "a"), dog(realm, "b")]),
        ("mate IN $0", dogs.filtered("age == 5")),
        ("ANY friends == $0", dog(realm, "b")),
        ("name IN $0 AND weight > $1", ("Rex", "Max"), 1),
        ("name IN $0 AND weight > $1", {"Rex", "Max"}, 1),
        ("_id IN $0", (key for key in "cx")),
        ("$K0 == $1 AND name == 'Rex'", "name", "Rex"),
    ]:
        assert keys(dogs.filtered(text, *arguments)) == ["c"], text


def test_both_names_of_a_property_mean_it(realm: Realm, dogs: Results[Dog]) -> None:
    with realm.write():
        dog(realm, "c").breed = "Husky"
        dog(realm, "a").mate = dog(realm, "c")
    for found in (
        dogs.filtered("breed == 'Husky'"),
        dogs.filtered("race == 'Husky'"),
        dogs.where(Dog.breed == "Husky"),
        dogs.where(realmsync.backlinks(Dog.mate).count() == 1),
    ):
        assert keys(found) == ["c"]
    assert keys(dogs.where(Dog.mate.breed == "Husky")) == ["a"]
    assert keys(dogs.sorted("breed", reverse=True).limit(1)) == ["c"]
    assert dogs.filtered("breed == 'Husky'").description == 'race == "Husky"'


def test_mapping_gives_names(dogs: Results[Dog]) -> None:
    mapping: Any = {("Dog", "years"): "age", "Hound": "Dog"}
    assert keys(dogs.filtered("years == 5", mapping=mapping)) == ["a"]
    assert keys(dogs.filtered("@links.Hound.mate.@count > 0", mapping=mapping)) == []


def test_the_description_is_realms_text(dogs: Results[Dog]) -> None:
    asked = dogs.filtered("age >= $0 or name = 'Rex'", 3)
    assert asked.description == '(age > 2 or name == "Rex")'
    assert asked.filtered("mate == NULL").description == (
        '(age > 2 or name == "Rex") and mate == NULL'
    )
    assert dogs.sorted("age", ("name", True)).description == (
        "TRUEPREDICATE SORT(age ASC, name DESC)"
    )
    assert asked.sorted("age").limit(3).description == (
        '(age > 2 or name == "Rex") SORT(age ASC) LIMIT(3)'
    )
    assert dogs.sorted("age").filtered("age == 3").sorted("name").description == (
        "age == 3 SORT(age ASC) SORT(name ASC)"
    )
    assert dogs.filtered("name == ' LIMIT(3)'").filtered("age == 3").description == (
        'name == " LIMIT(3)" and age == 3'
    )
    assert dogs.limit(2).filtered("age == 3").description == ("TRUEPREDICATE LIMIT(2) and age == 3")
    assert dogs.description == "TRUEPREDICATE"


# A sequence.


def test_positions_and_slices(realm: Realm, dogs: Results[Dog]) -> None:
    found = dogs.sorted("_id")
    names = "abcd"
    assert [found[i]._id for i in range(-4, 4)] == [names[i] for i in range(-4, 4)]
    for cut in (
        slice(None),
        slice(1, 3),
        slice(-2, None),
        slice(None, None, -1),
        slice(3, 0, -2),
        slice(None, None, 3),
        slice(2, 2),
        slice(9, 99),
    ):
        assert [d._id for d in found[cut]] == list(names[cut])
        assert [d._id for d in dogs[cut]] == list(names[cut])
    assert [d._id for d in reversed(found)] == ["d", "c", "b", "a"]
    for index in (4, -5, 2**70):
        with pytest.raises(OutOfBoundsError):
            found[index]
    with pytest.raises(ArgumentTypeError):
        found["a"]  # type: ignore[call-overload]


def test_membership(realm: Realm, dogs: Results[Dog], tmp_path: Path) -> None:
    found = dogs.filtered("age == 3")
    rex, bella = dog(realm, "c"), dog(realm, "a")
    assert rex in found and bella not in found and bella in dogs
    assert "Rex" not in found and None not in found
    assert found.index(dog(realm, "d")) == 1
    assert found.index(rex, 0, 1) == 0
    assert (found.count(rex), found.count(bella)) == (1, 0)
    for wrong in (lambda: found.index(bella), lambda: found.index(rex, 1), lambda: found.index(3)):
        with pytest.raises(ValueError):
            wrong()
    with Realm(path=tmp_path / "other.realm", schema=[Home, Dog, Number]) as other:
        with other.write():
            stranger = other.create(Dog, {"_id": "c"})
        assert stranger not in found
    assert stranger not in found, "its realm is closed"


def test_truth_and_emptiness(dogs: Results[Dog]) -> None:
    assert dogs and dogs.filtered("age == 3") and not dogs.filtered("age == 99")
    assert not dogs.is_empty and dogs.filtered("age == 99").is_empty


def test_results_show_what_they_are(realm: Realm, dogs: Results[Dog]) -> None:
    assert repr(dogs) == "<Results of Dog: 4 objects>"
    assert repr(dogs.filtered("age == 3")) == "<Results of Dog (age == 3): 2 objects>"
    long = dogs.filtered(" OR ".join(f"age == {i}" for i in range(100)))
    assert len(repr(long)) < 100


# Live.


def test_results_see_what_is_written(realm: Realm, dogs: Results[Dog]) -> None:
    found = dogs.filtered("age > 3").sorted("age")
    assert keys(found) == ["a"]
    with realm.write():
        dog(realm, "b").age = 4
        assert keys(found) == ["b", "a"], "within the transaction"
        realm.create(Dog, {"_id": "e", "age": 9})
        assert keys(found) == ["b", "a", "e"]
    assert keys(found) == ["b", "a", "e"]
    with pytest.raises(ZeroDivisionError), realm.write():
        realm.delete(found)
        assert keys(found) == []
        raise ZeroDivisionError
    assert keys(found) == ["b", "a", "e"], "what was undone has not happened"


def test_results_see_other_realms_of_the_file(realm: Realm, dogs: Results[Dog]) -> None:
    found = dogs.filtered("age > 3")
    assert keys(found) == ["a"]
    with Realm(path=realm.path, schema=[Home, Dog, Number]) as other:
        with other.write():
            dog(other, "c").age = 7
            assert keys(found) == ["a"], "not committed"
        assert keys(found) == ["c", "a"]


def test_a_query_runs_again_only_after_a_change(realm: Realm, dogs: Results[Dog]) -> None:
    found = dogs.filtered("age > 3")
    first = found._rows()
    assert found._rows() is first
    with realm.write():
        dog(realm, "b").name = "Maximilian"
    assert found._rows() is not first


def test_a_loop_goes_through_what_was_selected(
    realm: Realm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_module, "PAGE", 3)
    with realm.write():
        for number in range(10):
            realm.create(Number, {"_id": number, "even": number % 2 == 0})
    even = realm.objects(Number).where(Number.even)
    seen = []
    with realm.write():
        for number in even:
            seen.append(number._id)
            number.even = False
            realm.create(Number, {"_id": 100 + number._id, "even": True})
            if number._id == 2:
                realm.delete(realm.object_for_primary_key(Number, 8))
    assert seen == [0, 2, 4, 6], "8 was deleted"
    assert keys(even) == [100, 102, 104, 106]


def test_a_snapshot_stays(realm: Realm, dogs: Results[Dog]) -> None:
    for found in (dogs.filtered("age == 3"), dogs.filtered("age == 3").snapshot()):
        kept = found.snapshot()
        with realm.write():
            for one in found:
                one.age = 4
        assert keys(kept) == ["c", "d"]
        assert kept[0].age == 4, "objects are live"
        with realm.write():
            for one in kept:
                one.age = 3
    with realm.write():
        realm.delete(dog(realm, "c"))
    assert len(kept) == 2
    assert [one.is_valid for one in kept[:]] == [False, True]
    assert [one._id for one in kept] == ["d"]
    assert [one._id for one in dogs.snapshot()] == ["a", "b", "d"]
    with pytest.raises(IllegalOperationError):
        kept.filtered("age == 3")


def test_deleting_what_a_query_selects(realm: Realm, dogs: Results[Dog]) -> None:
    with realm.write():
        realm.delete(dogs.filtered("age == 3"))
    assert keys(dogs) == ["a", "b"]


def test_updating_what_a_query_selects(realm: Realm, dogs: Results[Dog]) -> None:
    found = dogs.filtered("age == 3")
    with realm.write():
        found.update(age=4, breed="Husky")
    assert keys(dogs.filtered("age == 4 AND breed == 'Husky'")) == ["c", "d"]
    with pytest.raises(WrongTransactionStateError):
        dogs.update(age=4)
    with realm.write():
        with pytest.raises(PropertyTypeError):
            dogs.update(age=5, name=7)
        with pytest.raises(InvalidPropertyError):
            dogs.update(age=5, nmae="x")
    assert keys(dogs.filtered("age == 5")) == ["a"], "an update that fails leaves nothing"


def test_closed_realms_are_told(realm: Realm, dogs: Results[Dog]) -> None:
    found = dogs.filtered("age == 3")
    kept = found.snapshot()
    loop = iter(found)
    next(loop)
    assert found.is_valid
    realm.close()
    assert not found.is_valid
    for use in (
        lambda: len(found),
        lambda: list(found),
        lambda: found[0],
        lambda: len(kept),
        lambda: next(loop),
        lambda: found.filtered("age == 3"),
        lambda: dogs.where(Dog.age == 3),
        lambda: found.sum("age"),
        lambda: dogs.sorted("age"),
    ):
        with pytest.raises(ClosedRealmError):
            use()
    assert repr(found) == "<Results of Dog (age == 3): closed realm>"


def test_results_leave_nothing_behind(realm: Realm, dogs: Results[Dog]) -> None:
    found = dogs.filtered("age == 3")
    assert len(found) == 2
    gone = weakref.ref(found)
    del found
    gc.collect()
    assert gone() is None


# Numbers of all.


def test_aggregates(realm: Realm, dogs: Results[Dog]) -> None:
    born = datetime(2024, 5, 1, tzinfo=timezone.utc)
    with realm.write():
        rex, bella = dog(realm, "c"), dog(realm, "a")
        rex.weight, bella.weight = 12.5, float("nan")
        rex.price, bella.price = Decimal128("1.10"), Decimal128("2.20")
        rex.born = born
    for found in (dogs, dogs.filtered("TRUEPREDICATE"), dogs.snapshot()):
        assert (found.min("age"), found.max("age"), found.sum("age")) == (3, 5, 11)
        assert found.avg(Dog.age) == pytest.approx(11 / 3)
        assert (found.min("weight"), found.sum("weight"), found.avg("weight")) == (12.5,) * 3
        assert found.sum("price") == Decimal128("3.30")
        assert (found.min("born"), found.max(Dog.born)) == (born, born)
    nothing = dogs.filtered("FALSEPREDICATE")
    assert (nothing.min("age"), nothing.max("age"), nothing.avg("age")) == (None,) * 3
    assert nothing.sum("age") == 0


def test_aggregates_of_other_types_are_refused(dogs: Results[Dog]) -> None:
    for use in (
        lambda: dogs.sum("name"),
        lambda: dogs.min("name"),
        lambda: dogs.avg("born"),
        lambda: dogs.max("friends"),
        lambda: dogs.max("mate"),
    ):
        with pytest.raises(IllegalOperationError):
            use()
    with pytest.raises(InvalidArgumentError, match="Did you mean 'age'"):
        dogs.sum("agee")


# Mistakes.


def test_mistakes_are_refused_when_the_query_is_made(realm: Realm, dogs: Results[Dog]) -> None:
    embedded = Home
    with realm.write():
        dog(realm, "c").home = {"street": "High"}  # type: ignore[assignment]
    embedded_value = dog(realm, "c").home
    assert isinstance(embedded_value, embedded)
    for use, kind in [
        (lambda: dogs.filtered("nmae == 3"), InvalidQueryError),
        (lambda: dogs.filtered("age == $0"), InvalidQueryArgumentError),
        (lambda: dogs.filtered("age == $0", "x"), InvalidQueryArgumentError),
        (lambda: dogs.filtered("home == $0", embedded_value), ArgumentTypeError),
        (lambda: dogs.filtered("name == $0", {"a": 1}), ArgumentTypeError),
        (lambda: dogs.filtered("name == $0", GeoPoint(1, 2)), InvalidQueryError),
        (lambda: dogs.filtered("name == $0", object()), realmsync.RealmError),
        (lambda: dogs.filtered(3), ArgumentTypeError),
        (lambda: dogs.filtered("age == 3", mapping={3: "x"}), ArgumentTypeError),
        (lambda: dogs.filtered(Dog.age == 3), ArgumentTypeError),
        (lambda: dogs.count(), ArgumentTypeError),
        (lambda: dogs.max("mate.age"), InvalidArgumentError),
        (lambda: dogs.sorted([["age", True]]), ArgumentTypeError),
        (lambda: dogs.where(), ArgumentTypeError),
        (lambda: dogs.where("age == 3"), ArgumentTypeError),
        (lambda: dogs.where(Number.even), InvalidArgumentError),
        (lambda: dogs.sorted(), ArgumentTypeError),
        (lambda: dogs.sorted(3), ArgumentTypeError),
        (lambda: dogs.sorted(("age", "down")), ArgumentTypeError),
        (lambda: dogs.sorted("nmae"), realmsync.QueryError),
        (lambda: dogs.sorted("friends"), realmsync.RealmError),
        (lambda: dogs.distinct(), ArgumentTypeError),
        (lambda: dogs.limit(-1), InvalidArgumentError),
        (lambda: dogs.limit("5"), ArgumentTypeError),
    ]:
        with pytest.raises(kind):
            use()


def test_linking_objects_are_results(tmp_path: Path) -> None:
    person = {
        "name": "Person",
        "primaryKey": "_id",
        "properties": {"_id": "int", "dogs": "Dog[]", "best": "Dog"},
    }
    owned = {
        "name": "Dog",
        "primaryKey": "_id",
        "properties": {
            "_id": "int",
            "owners": {"type": "linkingObjects", "objectType": "Person", "property": "dogs"},
            "fans": {"type": "linkingObjects", "objectType": "Person", "property": "best"},
        },
    }
    with Realm(path=tmp_path / "x.realm", schema=[person, owned]) as realm:
        with realm.write():
            first, second = (realm.create("Dog", {"_id": i}) for i in (1, 2))
            realm.create("Person", {"_id": 7, "dogs": [first, first], "best": first})
            realm.create("Person", {"_id": 8, "dogs": [second, first]})
        assert keys(first.owners) == [7, 8] and keys(second.owners) == [8]
        assert keys(first.fans.filtered("dogs.@count == 2")) == [7]
        assert keys(realm.objects("Dog").filtered("owners.@count == 3")) == [1]
        assert keys(realm.objects("Dog").where(type(first).owners.any()._id == 8)) == [1, 2]
        with realm.write(), pytest.raises(realmsync.ReadOnlyPropertyError):
            first.owners = []


# Of lists and sets.


def test_lists_are_asked_for_their_objects(realm: Realm, dogs: Results[Dog]) -> None:
    rex = dog(realm, "c")
    with realm.write():
        rex.friends = [dog(realm, key) for key in "dabd"]
    friends: Any = rex.friends
    old = friends.filtered("age >= $0", 3)
    assert keys(old) == ["d", "a", "d"], "in the order of the list"
    assert keys(friends.where(Dog.age == 3)) == ["d", "d"]
    assert keys(friends.sorted("name")) == ["a", "b", "d", "d"]
    assert keys(friends.distinct("_id").filtered("age > 0")) == ["d", "a"]
    assert keys(friends.sorted("_id").limit(2)) == ["a", "b"]
    assert (old.sum("age"), old.index(dog(realm, "a")), rex in old) == (11, 1, False)
    assert old.description == "age > 2"
    everyone = friends.filtered("TRUEPREDICATE")
    for number in ("min", "max", "sum", "avg"):
        assert getattr(friends, number)("age") == getattr(everyone, number)(Dog.age) is not None
    assert keys(friends.limit(1)) == ["d"]
    with pytest.raises(ArgumentTypeError, match=r"write sum\(collection\)"):
        friends.sum()
    with realm.write():
        friends.insert(0, rex)
        assert keys(old) == ["c", "d", "a", "d"], "live"
        realm.delete(dog(realm, "d"))
    assert keys(old) == ["c", "a"]
    with realm.write():
        realm.delete(rex)
    with pytest.raises(realmsync.InvalidatedObjectError):
        len(old)


def test_sets_and_other_collections(tmp_path: Path) -> None:
    part = {"name": "Part", "embedded": True, "properties": {"x": "int"}}
    item = {
        "name": "Item",
        "primaryKey": "_id",
        "properties": {
            "_id": "int",
            "peers": "Item<>",
            "nums": "int[]",
            "parts": "Part[]",
            "named": "Item{}",
            "any": "mixed",
        },
    }
    with Realm(path=tmp_path / "x.realm", schema=[part, item]) as realm:
        with realm.write():
            one = realm.create("Item", {"_id": 1, "nums": [1], "parts": [{"x": 1}]})
            one.peers = [realm.create("Item", {"_id": i}) for i in (3, 2)] + [one]
            one.any = [one]
        assert sorted(keys(one.peers.filtered("_id > 1"))) == [2, 3]
        assert keys(one.peers.sorted("_id", reverse=True)) == [3, 2, 1]
        for other in (one.nums, one.parts, one.any):
            with pytest.raises(IllegalOperationError):
                other.filtered("x == 1")
        with pytest.raises(InvalidPropertyError, match="lists and sets have it"):
            one.named.filtered("_id == 1")
