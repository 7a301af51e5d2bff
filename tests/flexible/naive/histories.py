"""Random histories: who writes, asks, comes and goes, as plain steps that shrink.

What lives here: the generator, `run`, which plays a history in a world under observers, and
`shrunk`. A history is data: its steps fit whatever went before, so that any can be left out.
Specification: flexible-sync.md 18 (37, 38); server-behaviour.md 21.7.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from flexible.naive.history import Broken
from flexible.naive.intents import Intent
from flexible.naive.objects import (
    DICTIONARY,
    LINK,
    LIST,
    SET,
    SINGLE,
    STRING,
    Inapplicable,
    Instruction,
)
from flexible.naive.observing import Observer
from flexible.naive.views import EVERYTHING, Permissions, Queries, View, differences, visible
from flexible.naive.worlds import World
from realmsync.errors import RealmError

WORDS = ["red", "blue", "ann", "bob"]


@dataclass(frozen=True)
class Step:
    """A method of World and what it is called with."""

    what: str
    arguments: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.what}{self.arguments}"


@dataclass(frozen=True)
class Story:
    """A history: what there is at first, and what happens."""

    schema: tuple[Instruction, ...]
    users: tuple[str, ...]  # of each client
    permissions: dict[str, Permissions]
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        lines = [f"  {user}: {each}" for user, each in self.permissions.items()]
        return "\n".join(["users:", *lines, "steps:", *(f"  {step}" for step in self.steps)])


SCHEMA: tuple[Instruction, ...] = (
    {"op": "AddTable", "table": "A", "pk_field": "_id", "pk_type": 1, "pk_nullable": False}
    | {"asymmetric": False},
    {"op": "AddTable", "table": "B", "pk_field": "_id", "pk_type": 3, "pk_nullable": False}
    | {"asymmetric": False},
    {"op": "AddTable", "table": "E", "embedded": True},
    {"op": "AddTable", "table": "M", "pk_field": "_id", "pk_type": 10, "pk_nullable": False}
    | {"asymmetric": True},
    *(
        {"op": "AddColumn", "table": table, "field": name, "type": type_, "nullable": nullable}
        | {"collection": collection}
        | more
        for table, name, type_, nullable, collection, more in [
            ("A", "x", 1, True, SINGLE, {}),
            ("A", "owner", STRING, True, SINGLE, {}),
            ("A", "secret", 1, False, SINGLE, {}),
            ("A", "d", 7, True, SINGLE, {}),
            ("A", "text", STRING, True, SINGLE, {}),
            ("A", "free", 0, True, SINGLE, {}),
            ("A", "at", 5, True, SINGLE, {}),
            ("A", "tags", STRING, False, LIST, {}),
            ("A", "marks", 1, False, DICTIONARY, {"key_type": STRING}),
            ("A", "nums", 1, False, SET, {}),
            ("M", "x", 1, True, SINGLE, {}),
            ("M", "owner", STRING, True, SINGLE, {}),
            ("B", "x", 1, False, SINGLE, {}),
            ("B", "owner", STRING, True, SINGLE, {}),
            ("E", "n", 1, True, SINGLE, {}),
            ("A", "b", LINK, True, SINGLE, {"target": "B"}),
            ("A", "e", LINK, True, SINGLE, {"target": "E"}),
        ]
    ),
)
# Values that a query has to be exact about, and queries about them.
_ODD: dict[str, list[Any]] = {
    "d": [None, float("nan"), float("inf"), -0.0, 0.0, 1.5, 2.0, -1e300],
    "text": [None, "", "a", "A", "é", "É", "e\u0301", "ß", "straße", "a%b_c", "\U0001f600"],
    "free": [None, 1, 1.0, 1.5, True, "1", "a", "", (1, 0), float("nan")],
    "at": [None, (0, 0), (0, 1), (-1, -999999999), (1, 500000000)],
}
_ABOUT_ODD = [
    *("d > 1.0", "d < 2", "d == nan", "d == NULL", "d != 0.0", "d >= -1.5", "d IN {1.5, 2.0}"),
    *('text == ""', 'text > "Z"', 'text ==[c] "É"', 'text BEGINSWITH "e"', 'text LIKE "?"'),
    *('text CONTAINS[c] "A"', 'text ENDSWITH[c] "ß"', 'text < "b"', "text != NULL"),
    *(
        "free == 1",
        'free == "1"',
        "free == NULL",
        "free > 1",
        "free == true",
        "free != 1",
        'free < "b"',
    ),
    *("at > T0:0", "at == T0:1", "at < T0:0", "at >= T1:0", "at == NULL"),
]
_KEYS = {
    "M": [("objectid", f"{n:024x}") for n in range(1, 4)],
    "A": [("int", n) for n in range(1, 5)],
    "B": [("string", n) for n in ("p", "q", "r")],
}


SECRETIVE = {
    "document_filters": {"read": True, "write": True},
    "fields": {"secret": {"read": False, "write": False}},
    "additional_fields": {"read": True, "write": True},
}


class Generator:
    """Makes one history from a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.users: list[str] = []
        self.openness = {"ann": self.chance.choice([0.6, 1.0])}  # how often all is allowed
        self.openness["bob"] = self.chance.choice([0.2, 0.8])
        self.haste = self.chance.choice([0.2, 0.7])  # how often everything travels at once

    def story(self, length: int = 40) -> Story:
        """A history of so many steps."""
        chance = self.chance
        names = ["ann", "bob"]
        self.users = [chance.choice(names) for _ in range(chance.choice([1, 2, 2, 3, 3]))]
        permissions = {name: self.permissions(name) for name in names}
        beginning = [
            step
            for client in range(len(self.users))
            for step in (
                Step("connect", (client,)),
                Step("advance", (client, 4, 9)),
                Step("query", (client, self.body(client))),
                Step("advance", (client, 9, 9)),
                Step("advance", (client, 9, 9)),
            )
        ]
        steps = [Step("upload", (0, self.everything())), Step("advance", (0, 9, 20))]
        while len(steps) < length:
            steps += self.scene()
        return Story(SCHEMA, tuple(self.users), permissions, (*beginning, *steps))

    def scene(self) -> list[Step]:
        """A few steps; most often one."""
        chance = self.chance
        client, other = self.client(), self.client()
        draw = chance.random()
        if draw < 0.82:
            return [self.step(client)]
        if draw < 0.86:
            return self.list_of_two(client, other)
        flow = [Step("advance", (client, 9, chance.randrange(4)))]
        elsewhere = [self.upload(other), self.upload(other), Step("advance", (other, 9, 20))]
        back = [Step("connect", (client, chance.random() < 0.5))]
        if draw < 0.91:  # a bootstrap is interrupted, and meanwhile others write
            cut = Step(chance.choice(["cut", "cut", "crash_client"]), (client,))
            return [Step("query", (client, self.body(client))), *flow, cut, *elsewhere, *back]
        if draw < 0.95:  # the server dies with much to say
            here = [self.upload(client), *flow, Step("crash_server")]
            return [*elsewhere, *here, *back, self.upload(client), Step("connect", (other, True))]
        user = self.users[client]
        role = Step("change_role", (user, self.permissions(user)))
        return [Step("advance", (client, 9, 20)), self.upload(client), role, *flow, *elsewhere]

    def list_of_two(self, client: int, other: int) -> list[Step]:
        """Two write the same list, one of them twice before it hears of the other."""
        chance, key = self.chance, self.chance.choice(_KEYS["A"])

        def edit(who: int) -> Step:
            what, value = chance.choice([("append", "red"), ("append", "blue"), ("remove", 0)])
            return Step("upload", (who, [Intent(what, "A", key, {"tags": value})]))

        flows = [Step("advance", (client, 9, 20)), Step("advance", (other, 9, 20))]
        silent = Step("advance", (client, 9, 0))
        theirs = [edit(other), edit(other), flows[1]]
        return [*flows, edit(client), *theirs, silent, edit(client), silent, edit(client), flows[0]]

    def client(self) -> int:
        """Some client."""
        return self.chance.randrange(len(self.users))

    def upload(self, client: int) -> Step:
        """A transaction."""
        return Step(
            "upload", (client, [self.intent() for _ in range(self.chance.choice([1, 2, 4]))])
        )

    def step(self, client: int) -> Step:
        """One step."""
        chance = self.chance
        draw = chance.random()
        if draw < 0.36:
            return self.upload(client)
        if draw < 0.68:
            if chance.random() < self.haste:
                return Step("advance", (client, 9, 20))
            return Step("advance", (client, chance.randrange(5), chance.randrange(5)))
        if draw < 0.77:
            return Step("query", (client, self.body(client)))
        if draw < 0.87:
            return Step("connect", (client, chance.random() < 0.5))
        if draw < 0.92:
            return Step("cut", (client,))
        if draw < 0.94:
            return Step("crash_client", (client,))
        if draw < 0.95:
            return Step("crash_server")
        if draw < 0.97:
            name = chance.choice(["ann", "bob"])
            return Step("change_role", (name, self.permissions(name)))
        return Step("settle")

    # -- writes ------------------------------------------------------------------------------------

    def of_collection(self, table: str, key: Any) -> tuple[str, str, Any, dict[str, Any]]:
        """A write into a list, a dictionary or a set."""
        chance, number = self.chance, self.chance.randrange(4)
        what, value = chance.choice(
            [
                ("append", {"tags": chance.choice(WORDS)}),
                ("append", {"tags": chance.choice(WORDS)}),
                ("remove", {"tags": number}),
                ("enter", {"marks": (chance.choice(WORDS), number)}),
                ("drop", {"marks": (chance.choice(WORDS), number)}),
                ("join", {"nums": number % 2}),
                ("quit", {"nums": number % 2}),
            ]
        )
        return what, table, key, value

    def everything(self) -> list[Intent]:
        """Every object with all of its values."""
        puts = [
            Intent("put", table, key, self.values(table)) for table in "AB" for key in _KEYS[table]
        ]
        return [*puts, *(Intent("join", "A", key, {"nums": 1}) for key in _KEYS["A"])]

    def values(self, table: str) -> dict[str, Any]:
        """Values of all single properties."""
        chance = self.chance
        values: dict[str, Any] = {
            "x": chance.randrange(4),
            "late": chance.randrange(4),
            "owner": chance.choice(["ann", "bob", "red", None]),
        }
        if table == "A":
            values["x"] = chance.choice([None, 0, 1, 2, 3])
            values["secret"] = chance.randrange(5)
            name = chance.choice(list(_ODD))
            values[name] = chance.choice(_ODD[name])
            values["b"] = chance.choice([None, *_KEYS["B"]])
        return values

    def intent(self) -> Intent:
        """One write."""
        chance = self.chance
        table = chance.choice("AAAAAAAABBBM")
        key = chance.choice(_KEYS[table])
        draw = chance.random()
        if draw < 0.1:
            return Intent("erase", table, key)
        if draw < 0.12:
            return Intent("extend", table, key, {"late": 0})
        if draw < 0.3 and table == "A":
            return Intent(*self.of_collection(table, key))
        if draw < 0.36 and table == "A":
            return Intent("embed", table, key, {"e": {"n": chance.randrange(5)}})
        values = self.values(table)
        if chance.random() < 0.25:
            return Intent("put", table, key, values)
        names = chance.sample(list(values), chance.choice([1, 1, 2, 3]))
        return Intent("put", table, key, {name: values[name] for name in names})

    # -- queries -----------------------------------------------------------------------------------

    def body(self, client: int) -> str:
        """A subscription set; now and then one that has to be rejected. The first client asks for
        nearly everything, so that somebody may write what others see come and go."""
        chance = self.chance
        if chance.random() < 0.05:
            bad = ['{"A":"(nothing == 1)"}', '{"Zed":"(TRUEPREDICATE)"}', '{"A":"(x"}']
            return chance.choice(bad)
        everything = 0.9 if client == 0 else 0.3
        sets: dict[str, list[str]] = {}
        for table in "AB":
            if chance.random() < everything:
                sets[table] = ["TRUEPREDICATE"]
            else:
                count = chance.choice([0, 1, 1, 2])
                sets[table] = [self.alternative(table) for _ in range(count)]
        return Queries(sets).body()

    def alternative(self, table: str) -> str:
        """One query on a class."""
        chance = self.chance
        number, word = chance.randrange(4), chance.choice(WORDS)
        texts = [
            f"x > {number}",
            f"x == {number}",
            f'owner == "{word}"',
            f"x IN {{{number}, {number + 1}}}",
            f'!(owner == "{word}") and x < {number + 1}',
            "owner == NULL",
        ]
        if table == "A":
            texts += [f'ANY tags == "{word}"', "x == NULL", f"secret < {number}"]
            texts += chance.sample(_ABOUT_ODD, 5)
        return chance.choice(texts)

    # -- roles -------------------------------------------------------------------------------------

    def permissions(self, name: str) -> Permissions:
        """What a user may."""
        chance = self.chance
        roots = {
            "user": {"id": name, "custom_data": {"team": chance.choice(["red", "blue"])}},
            "values": {"level": chance.randrange(3)},
        }
        if chance.random() < self.openness[name]:
            return Permissions({}, [EVERYTHING], roots)
        tables = ["A", *chance.sample("BM", chance.choice([0, 1, 1, 2]))]
        rules = {t: [self.role() for _ in range(chance.choice([1, 1, 2]))] for t in tables}
        return Permissions(rules, [EVERYTHING] if chance.random() < 0.7 else [], roots)

    def role(self) -> dict[str, Any]:
        """One role."""
        chance = self.chance
        if chance.random() < 0.25:
            return SECRETIVE
        read, write = self.filter(), self.filter()
        role: dict[str, Any] = {"document_filters": {"read": read, "write": write}}
        if chance.random() < 0.3:
            role["apply_when"] = {"%%user.custom_data.team": chance.choice(["red", "blue"])}
        if chance.random() < 0.5:
            role |= {"read": True, "write": True}
        elif chance.random() < 0.5:
            role |= {"read": True, "fields": {"x": {"write": True}, "tags": {"write": True}}}
        else:
            role["fields"] = {"secret": {"read": False, "write": False}}
            role["additional_fields"] = {"read": True, "write": chance.random() < 0.6}
        if chance.random() < 0.2:
            role["insert"] = self.filter()
        if chance.random() < 0.2:
            role["delete"] = self.filter()
        return role

    def filter(self) -> Any:
        """A document filter."""
        return self.chance.choice(
            [
                True,
                True,
                True,
                False,
                {"owner": "%%user.id"},
                {"owner": {"%in": ["%%user.id", "%%user.custom_data.team", None]}},
                {"x": {"%gte": self.chance.randrange(3)}},
                {"x": {"%lt": "%%values.level"}},
                {"%or": [{"owner": "%%user.id"}, {"x": 1}]},
                {"owner": {"%exists": True}},
            ]
        )


# -- playing ---------------------------------------------------------------------------------------

MakeWorld = Callable[[Story], World]


def run(story: Story, make_world: MakeWorld) -> None:
    """Plays a history, observed. Raises Broken where a promise breaks."""
    world = make_world(story)
    observers = [Observer(world.history, story.permissions[user]) for user in story.users]
    permissions = dict(story.permissions)
    for step in (*story.steps, Step("settle")):
        if step.what == "change_role":
            permissions[step.arguments[0]] = step.arguments[1]
        _play(world, step)
        for client, observer in enumerate(observers):
            for event in world.messages(client):
                observer.tell(event)
        if step.what == "settle":
            for client, observer in enumerate(observers):
                observer.settled()
                _compare(world, client, observer, permissions[story.users[client]])


def _play(world: World, step: Step) -> None:
    arguments = step.arguments
    if step.what == "connect":
        world.connect(arguments[0], is_fast=bool(arguments[1:] and arguments[1]))
        return
    try:
        getattr(world, step.what)(*arguments)
    except Inapplicable as error:  # on a device: it was sent what it cannot integrate
        raise Broken("device", f"{step}: {error}") from error
    except RealmError as error:
        raise Broken("K9", f"{step}: one side cannot merge: {error}") from error


def _compare(world: World, client: int, observer: Observer, permissions: Permissions) -> None:
    """The application sees exactly what its view holds at the head: no observer is needed to say
    so, whatever was sent on the way."""
    history = world.history
    view = View(observer.points[-1].view.queries, permissions)
    must = visible(history.states[history.head], view)
    found = differences(world.objects(client), must)
    if found:
        listed = "; ".join(map(str, found[:4]))
        raise Broken("device", f"client {client} at rest: {listed}")


def broken(story: Story, make_world: MakeWorld) -> Broken | None:
    """What breaks in a history, if anything does."""
    try:
        run(story, make_world)
    except Broken as error:
        return error
    return None


def shrunk(story: Story, make_world: MakeWorld) -> tuple[Story, Broken]:
    """The fewest steps of a history, and the fewest writes in them, in which the same promise
    breaks: of either, none can be left out alone."""
    found = broken(story, make_world)
    assert found is not None
    size = max(1, len(story.steps) // 2)
    while size:
        before = story
        story, found = _thinned(story, found, size, make_world)
        if size == 1:
            for at in range(len(story.steps)):
                while simpler := _simpler(story, at, found.name, make_world):
                    story, found = simpler
        if size > 1 or story is before:
            size //= 2
    return story, found


def _thinned(story: Story, found: Broken, size: int, make_world: MakeWorld) -> tuple[Story, Broken]:
    """The same without so many steps in turn, wherever the same breaks without them."""
    at = 0
    while at < len(story.steps):
        shorter = _with(story, at, at + size)
        error = broken(shorter, make_world)
        if error is not None and error.name == found.name:
            story, found = shorter, error
        else:
            at += size
    return story, found


def _with(story: Story, begin: int, end: int, *steps: Step) -> Story:
    return replace(story, steps=(*story.steps[:begin], *steps, *story.steps[end:]))


def _simpler(
    story: Story, at: int, name: str, make_world: MakeWorld
) -> tuple[Story, Broken] | None:
    """The same with one write less in a transaction, if the same breaks."""
    step = story.steps[at]
    if step.what == "upload" and len(step.arguments[1]) > 1:
        client, intents = step.arguments
        for each in range(len(intents)):
            fewer = Step("upload", (client, intents[:each] + intents[each + 1 :]))
            shorter = _with(story, at, at + 1, fewer)
            error = broken(shorter, make_world)
            if error is not None and error.name == name:
                return shorter, error
    return None
