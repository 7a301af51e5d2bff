"""What two people do to the same objects at the same time, and what has to come of it.

Each scenario is an object, what the one does to it first and the other later, both without having
seen the other, and the values that merge-rules.md section 3 predicts whoever comes back first.
`graph` reads everything in a realm through the public API, for comparing peers; `scribble` makes
random edits of every kind, of which only equality is known.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import realmsync
from realmsync import Realm, _testbed
from realmsync.inspect import encode_changeset
from realmsync.model.write import now

SCHEMA: list[dict[str, Any]] = [
    {
        "name": "Thing",
        "primaryKey": "_id",
        "properties": {
            "_id": "int",
            "name": "string?",
            "count": {"type": "int", "default": 0},
            "level": {"type": "int", "default": 7},
            "any": "mixed",
            "tags": "string[]",
            "numbers": "int<>",
            "scores": "int{}",
            "home": "Place",
            "homes": "Place[]",
            "places": "Place{}",
            "best": "Thing",
            "friends": "Thing[]",
        },
    },
    {"name": "Place", "embedded": True, "properties": {"street": "string?", "no": "int?"}},
]

APART = 10  # distance of the keys of scenarios: each may have more objects beside its own


def plain(value: Any) -> Any:
    """A value as plain data; links as a pair."""
    match value:
        case realmsync.Object():
            return (type(value).__name__, value._id)
        case realmsync.EmbeddedObject():
            return {name: plain(item) for name, item in value.to_dict().items()}
        case realmsync.List():
            return [plain(item) for item in value]
        case realmsync.Set():
            return set(value)
        case realmsync.Dictionary():
            return {key: plain(item) for key, item in value.items()}
    return value


def values(item: realmsync.Object) -> dict[str, Any]:
    return {name: plain(value) for name, value in item.to_dict().items()}


def graph(realm: Realm) -> dict[str, dict[Any, dict[str, Any]]]:
    """Every object of every class, by key."""
    return {
        cls["name"]: {item._id: values(item) for item in realm.objects(cls["name"])}
        for cls in realm.schema
        if not cls.get("embedded")
    }


@dataclass
class Hand:
    """What an edit is given: the realm, and the scenario's objects."""

    realm: Realm
    key: int

    def find(self, offset: int = 0) -> Any:
        return self.realm.object_for_primary_key("Thing", self.key + offset)

    @property
    def it(self) -> Any:
        return self.find()

    def create(self, offset: int = 0, **given: Any) -> Any:
        return self.realm.create("Thing", {"_id": self.key + offset, **given})

    def delete(self, offset: int = 0) -> None:
        self.realm.delete(self.find(offset))


Edit = Callable[[Hand], object]


@dataclass
class Scenario:
    """`more`: objects beside it, by distance of their keys. `expected` None: it is deleted."""

    name: str
    before: dict[str, Any] | None  # None: nobody has made it
    first: Edit
    second: Edit
    expected: dict[str, Any] | None
    more: tuple[int, ...] = ()


@dataclass
class Add:
    """An addition to a counter, as other SDKs record it; a commit of its own."""

    amount: int

    def __call__(self, hand: Hand) -> None:
        instruction = {"op": "AddInteger", "table": "Thing", "pk": {"t": "int", "v": hand.key}}
        instruction |= {"field": "count", "path": [], "value": self.amount}
        _testbed.commit_changeset(hand.realm._file, encode_changeset([instruction]), now())


def sets(**given: Any) -> Edit:
    def edit(hand: Hand) -> None:
        for name, value in given.items():
            setattr(hand.it, name, value)

    return edit


def recreate(**given: Any) -> Edit:
    def edit(hand: Hand) -> None:
        hand.delete()
        hand.create(**given)

    return edit


def both(*edits: Edit) -> Edit:
    def edit(hand: Hand) -> None:
        for one in edits:
            one(hand)

    return edit


def link_to_friend(name: str) -> Edit:
    return lambda h: setattr(h.it, name, h.find(1))


E = {"street": None, "no": None}  # an empty place

SCENARIOS = [
    # Single values
    Scenario("later write", {}, sets(name="a"), sets(name="b"), {"name": "b"}),
    Scenario("later null", {"name": "x"}, sets(name="a"), sets(name=None), {"name": None}),
    Scenario("two properties", {}, sets(name="a"), sets(count=2), {"name": "a", "count": 2}),
    Scenario("two types", {}, sets(any=1), sets(any="b"), {"any": "b"}),
    Scenario("two additions", {"count": 1}, Add(5), Add(4), {"count": 10}),
    Scenario("addition, then value", {"count": 1}, Add(5), sets(count=50), {"count": 50}),
    Scenario("value, then addition", {"count": 1}, sets(count=50), Add(5), {"count": 55}),
    # Objects
    Scenario(
        "one key made twice",
        None,
        lambda h: h.create(name="a", count=1, tags=["a1", "a2"]),
        lambda h: h.create(name="b", tags=["b1"]),
        {"name": "b", "count": 1, "tags": ["a1", "a2", "b1"]},
    ),
    Scenario(
        "a later default",
        None,
        lambda h: h.create(level=1),
        lambda h: h.create(),
        {"level": 1},
    ),
    Scenario("delete, then edit", {}, lambda h: h.delete(), sets(name="b"), None),
    Scenario("edit, then delete", {}, sets(name="a"), lambda h: h.delete(), None),
    Scenario("delete twice", {}, lambda h: h.delete(), lambda h: h.delete(), None),
    Scenario(
        "made anew, then edit", {}, recreate(name="a"), sets(name="b", count=2),
        {"name": "a", "count": 0},
    ),
    Scenario(
        "made anew twice", {}, recreate(name="a", count=1), recreate(name="b"),
        {"name": "b", "count": 0},
    ),
    # Links
    Scenario(
        "link, then its target's end", {}, link_to_friend("best"), lambda h: h.delete(1),
        {"best": None}, (1,),
    ),
    Scenario(
        "target's end, then link", {}, lambda h: h.delete(1), link_to_friend("best"),
        {"best": None}, (1,),
    ),
    Scenario(
        "link as any value", {}, link_to_friend("any"), lambda h: h.delete(1), {"any": None}, (1,)
    ),
    Scenario(
        "links in a list",
        {},
        lambda h: h.it.friends.extend([h.find(1), h.find(2)]),
        both(lambda h: h.delete(1), lambda h: h.it.friends.append(h.find(2))),
        {"friends": [2, 2]},
        (1, 2),
    ),
    # Lists
    Scenario(
        "inserts at one place", {"tags": ["x", "y"]}, lambda h: h.it.tags.insert(1, "a"),
        lambda h: h.it.tags.insert(1, "b"), {"tags": ["x", "a", "b", "y"]},
    ),
    Scenario(
        "insert, then erase there", {"tags": ["x", "y", "z"]}, lambda h: h.it.tags.insert(1, "a"),
        lambda h: h.it.tags.pop(1), {"tags": ["x", "a", "z"]},
    ),
    Scenario(
        "one element erased twice", {"tags": ["x", "y", "z"]}, lambda h: h.it.tags.pop(1),
        lambda h: h.it.tags.pop(1), {"tags": ["x", "z"]},
    ),
    Scenario(
        "erase, then set", {"tags": ["x", "y", "z"]}, lambda h: h.it.tags.pop(0),
        both(lambda h: h.it.tags.__setitem__(0, "lost"), lambda h: h.it.tags.__setitem__(2, "b")),
        {"tags": ["y", "b"]},
    ),
    Scenario(
        "one element set twice", {"tags": ["x"]}, lambda h: h.it.tags.__setitem__(0, "a"),
        lambda h: h.it.tags.__setitem__(0, "b"), {"tags": ["b"]},
    ),
    Scenario(
        "clear, then append", {"tags": ["x", "y"]},
        both(lambda h: h.it.tags.clear(), lambda h: h.it.tags.append("a")),
        lambda h: h.it.tags.append("b"), {"tags": ["a"]},
    ),
    Scenario(
        "whole lists", {"tags": ["x"]}, sets(tags=["a", "b"]), sets(tags=["c"]), {"tags": ["c"]}
    ),
    Scenario(
        "whole list, then append", {"tags": ["x"]}, sets(tags=["a"]),
        lambda h: h.it.tags.append("b"), {"tags": ["a"]},
    ),
    Scenario(
        "moves", {"tags": ["1", "2", "3", "4"]}, lambda h: h.it.tags.move(0, 3),
        lambda h: h.it.tags.move(2, 0), {"tags": ["3", "2", "4", "1"]},
    ),
    Scenario(
        "move, then erase", {"tags": ["1", "2", "3"]}, lambda h: h.it.tags.move(0, 2),
        lambda h: h.it.tags.pop(0), {"tags": ["2", "3"]},
    ),
    # Sets
    Scenario(
        "members", {"numbers": [1]},
        both(lambda h: h.it.numbers.add(2), lambda h: h.it.numbers.add(3)),
        both(lambda h: h.it.numbers.add(3), lambda h: h.it.numbers.add(4)),
        {"numbers": {1, 2, 3, 4}},
    ),
    Scenario(
        "discard, then discard and add", {"numbers": [1]}, lambda h: h.it.numbers.discard(1),
        both(lambda h: h.it.numbers.discard(1), lambda h: h.it.numbers.add(1)),
        {"numbers": {1}},
    ),
    Scenario(
        "clear, then add", {"numbers": [1]},
        both(lambda h: h.it.numbers.clear(), lambda h: h.it.numbers.add(5)),
        lambda h: h.it.numbers.add(2), {"numbers": {5}},
    ),
    # Dictionaries
    Scenario(
        "keys", {"scores": {"x": 1, "y": 1}},
        lambda h: h.it.scores.update(a=1, x=2), lambda h: h.it.scores.update(b=2, x=3),
        {"scores": {"x": 3, "y": 1, "a": 1, "b": 2}},
    ),
    Scenario(
        "key, then its end", {"scores": {"x": 1}}, lambda h: h.it.scores.update(x=2),
        lambda h: h.it.scores.pop("x"), {"scores": {}},
    ),
    Scenario(
        "clear, then key", {"scores": {"x": 1}}, lambda h: h.it.scores.clear(),
        lambda h: h.it.scores.update(b=2), {"scores": {}},
    ),
    Scenario(
        "whole dictionaries", {"scores": {"x": 1}}, sets(scores={"a": 1}), sets(scores={"b": 2}),
        {"scores": {"b": 2}},
    ),
    # Embedded objects
    Scenario(
        "end, then edit", {"home": {}}, sets(home=None),
        lambda h: setattr(h.it.home, "no", 2), {"home": None},
    ),
    Scenario(
        "two properties of one", {"home": {}}, lambda h: setattr(h.it.home, "no", 1),
        lambda h: setattr(h.it.home, "street", "b"), {"home": {"street": "b", "no": 1}},
    ),
    Scenario(
        "insert before an edited element", {"homes": [{"no": 1}, {"no": 2}]},
        lambda h: h.it.homes.insert(0, {"no": 3}), lambda h: setattr(h.it.homes[1], "no", 9),
        {"homes": [E | {"no": 3}, E | {"no": 1}, E | {"no": 9}]},
    ),
    Scenario(
        "erase before an edited element", {"homes": [{"no": 1}, {"no": 2}]},
        lambda h: h.it.homes.pop(0),
        both(
            lambda h: setattr(h.it.homes[0], "no", 8), lambda h: setattr(h.it.homes[1], "no", 9)
        ),
        {"homes": [E | {"no": 9}]},
    ),
    Scenario(
        "key, then edit inside", {"places": {"x": {"no": 1}, "y": {"no": 2}}},
        lambda h: h.it.places.pop("x"),
        both(
            lambda h: setattr(h.it.places["x"], "no", 8),
            lambda h: setattr(h.it.places["y"], "no", 9),
        ),
        {"places": {"y": E | {"no": 9}}},
    ),
    # Collections as any value
    Scenario("a list twice", {}, sets(any=[1, 2]), sets(any=[3]), {"any": [3]}),
    Scenario("list, then dictionary", {}, sets(any=[1]), sets(any={"k": 7}), {"any": {"k": 7}}),
    Scenario(
        "value, then append", {"any": [1]}, sets(any=77), lambda h: h.it.any.append(2), {"any": 77}
    ),
    Scenario(
        "parts of a tree", {"any": {"a": {"x": 1}, "b": [1, 2]}},
        lambda h: h.it.any["a"].update(y=2), lambda h: h.it.any["b"].append(3),
        {"any": {"a": {"x": 1, "y": 2}, "b": [1, 2, 3]}},
    ),
    Scenario(
        "appends below", {"any": {"b": [1]}}, lambda h: h.it.any["b"].append("a"),
        lambda h: h.it.any["b"].append("b"), {"any": {"b": [1, "a", "b"]}},
    ),
    Scenario(
        "end of a branch, then edit in it", {"any": {"a": {"x": 1}}},
        lambda h: h.it.any.pop("a"), lambda h: h.it.any["a"].update(x=2), {"any": {}},
    ),
]  # fmt: skip


def key_of(number: int) -> int:
    return (number + 1) * APART


def prepare(realm: Realm) -> None:
    """Makes what the scenarios are about."""
    with realm.write():
        for number, scenario in enumerate(SCENARIOS):
            hand = Hand(realm, key_of(number))
            if scenario.before is not None:
                hand.create(**scenario.before)
            for offset in scenario.more:
                hand.create(offset)


def act(realm: Realm, side: str) -> None:
    """Makes one side's edits, each in a transaction of its own."""
    for number, scenario in enumerate(SCENARIOS):
        hand = Hand(realm, key_of(number))
        edit: Edit = getattr(scenario, side)
        if isinstance(edit, Add):
            edit(hand)
        else:
            with realm.write():
                edit(hand)


def outcome(realm: Realm) -> dict[str, dict[str, Any] | None]:
    """What became of each scenario: the values of its object that are predicted."""
    result: dict[str, dict[str, Any] | None] = {}
    for number, scenario in enumerate(SCENARIOS):
        item = Hand(realm, key_of(number)).it
        names = scenario.expected or ()
        result[scenario.name] = None if item is None else {n: values(item)[n] for n in names}
    return result


def expected() -> dict[str, dict[str, Any] | None]:
    result = {scenario.name: scenario.expected for scenario in SCENARIOS}
    for number, scenario in enumerate(SCENARIOS):
        if scenario.name == "links in a list":
            result[scenario.name] = {"friends": [("Thing", key_of(number) + 2)] * 2}
    return result


class Scribbler:
    """Random edits of a few objects that everybody edits.

    Left out is what real clients are known to merge differently (defects of merge-rules.md section
    5): collections inside lists (R2), and one key of a dictionary of embedded objects made by two
    (R8), for which each has keys of its own.
    """

    KEYS = 4

    def __init__(self, realm: Realm, rng: random.Random, name: str) -> None:
        self.realm = realm
        self.rng = rng
        self.name = name

    def __call__(self) -> None:
        """One transaction."""
        rng = self.rng
        if rng.random() < 0.1 and self.find() is not None:
            Add(rng.randrange(-5, 5))(Hand(self.realm, self.last))
            return
        with self.realm.write():
            for _ in range(rng.choice([1, 1, 2, 5])):
                item = self.find()
                if item is None:
                    self.realm.create("Thing", {"_id": self.last, **self.some_values()})
                elif rng.random() < 0.05:
                    self.realm.delete(item)
                else:
                    rng.choice(self.EDITS)(self, item)

    def find(self) -> Any:
        self.last = self.rng.randrange(self.KEYS)
        return self.realm.object_for_primary_key("Thing", self.last)

    def some_values(self) -> dict[str, Any]:
        all_values = {"name": self.text(), "level": 1, "tags": [self.text()], "home": {"no": 1}}
        all_values |= {"scores": {"k": 1}, "numbers": [1, 2], "homes": [{"no": 1}]}
        return {k: v for k, v in all_values.items() if self.rng.random() < 0.5}

    def text(self) -> str:
        return f"{self.name}{self.rng.randrange(100)}"

    def single(self, item: Any) -> None:
        name, value = self.rng.choice(
            [("name", self.text()), ("name", None), ("count", self.rng.randrange(9)), ("level", 3)]
        )
        setattr(item, name, value)

    def mixed(self, item: Any) -> None:
        rng = self.rng
        tree = {"n": 1, "list": [1, 2], "deep": {"list": [self.text()]}}
        item.any = rng.choice([None, 5, self.text(), [1, self.text()], {}, tree, self.find()])

    def inside_mixed(self, item: Any) -> None:
        place = item.any
        if isinstance(place, realmsync.Dictionary):
            name = self.rng.choice(["list", "deep", "n"])
            below = place.get(name)
            if isinstance(below, realmsync.Dictionary):
                place, below = below, below.get("list")
            if isinstance(below, realmsync.List):
                self.in_list(below, self.text)
            elif self.rng.random() < 0.3:
                place.pop(name, None)
            else:
                place[name] = self.rng.choice([7, self.text(), [self.text()], {"list": []}])
        elif isinstance(place, realmsync.List):
            self.in_list(place, self.text)

    def in_list(self, items: Any, make: Callable[[], Any], *, moves: bool = True) -> None:
        rng, size = self.rng, len(items)
        action = rng.randrange(10)
        if action < 5 or size == 0:
            items.insert(rng.randint(0, size), make())
        elif action < 7:
            items.pop(rng.randrange(size))
        elif action == 7:
            items[rng.randrange(size)] = make()
        elif action == 8 and moves and size > 1:
            items.move(*rng.sample(range(size), 2))
        elif rng.random() < 0.3:
            items.clear()

    def tags(self, item: Any) -> None:
        if self.rng.random() < 0.1:
            item.tags = [self.text() for _ in range(self.rng.randrange(3))]
        else:
            self.in_list(item.tags, self.text)

    def numbers(self, item: Any) -> None:
        number = self.rng.randrange(5)
        self.rng.choice([item.numbers.add, item.numbers.add, item.numbers.discard])(number)
        if self.rng.random() < 0.05:
            item.numbers.clear()

    def scores(self, item: Any) -> None:
        key = self.rng.choice("klm")
        if self.rng.random() < 0.3:
            item.scores.pop(key, None)
        elif self.rng.random() < 0.1:
            item.scores = {key: 0}
        else:
            item.scores[key] = self.rng.randrange(100)

    def home(self, item: Any) -> None:
        if item.home is None or self.rng.random() < 0.3:
            item.home = self.rng.choice([None, {"no": self.rng.randrange(9)}, {"street": "s"}])
        else:
            self.rename(item.home)

    def homes(self, item: Any) -> None:
        if len(item.homes) and self.rng.random() < 0.5:
            self.rename(self.rng.choice(list(item.homes)))
        else:
            self.in_list(item.homes, lambda: {"street": self.text()}, moves=False)

    def places(self, item: Any) -> None:
        if self.name not in item.places:
            item.places[self.name] = {"no": 1}
        elif self.rng.random() < 0.2:
            item.places.pop(self.rng.choice(list(item.places)))
        else:
            self.rename(item.places[self.rng.choice(list(item.places))])

    def rename(self, place: Any) -> None:
        if place is not None:
            place.street, place.no = self.text(), self.rng.randrange(9)

    def links(self, item: Any) -> None:
        target = self.find()
        if self.rng.random() < 0.4:
            item.best = target
        elif target is not None:
            self.in_list(item.friends, lambda: target)

    EDITS = (
        single, mixed, inside_mixed, inside_mixed, tags, tags, numbers, scores, home, homes, places,
        links, links,
    )  # fmt: skip
