"""Random rules about partitions, users and partitions, all of one kind of key, from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bson import ObjectId

TEAMS = ["red", "blue"]
OTHER_ID = ObjectId("65a000000000000000000fff")
IDENTS = [UUID(int=1), UUID(int=2)]
KINDS = ["string", "objectId", "long", "uuid"]
VALUES = {"open": ["red", "P0"], "level": 2, "flag": True, "nothing": None}
ENVIRONMENT = {"numbers": [1, 2], "top": "P1", "ident": {"$uuid": str(IDENTS[0])}}

# Functions of the app, of the user's id, custom data and the arguments.
FUNCTIONS = {
    "isOwner": lambda user, data, partition, *_: str(partition) == user,
    "isMember": lambda user, data, team="red", *_: data.get("team") == team,
    "one": lambda user, data, *_: 1,
    "text": lambda user, data, *_: data.get("team"),
    "fails": lambda user, data, *_: data["no such field"][0],
    "yes": lambda user, data, *_: True,
}

_PATHS = ["user.id", "user.type", "user.data.email", "partition", "partition.x"] + [
    f"user.custom_data.{name}"
    for name in ["team", "teams", "level", "nothing", "absent", "oid", "inner.x", "inner", "ident"]
]
_MORE = ["values.open", "values.level", "values.flag", "values.nothing", "values.absent"] + [
    "environment.tag",
    "environment.values.numbers",
    "environment.values.top",
    "environment.values.ident",
]
_OF_USERS: list[dict[str, Any]] = [
    {"%%partition": "%%user.id"},
    {"%%partition": {"$stringToOid": "%%user.id"}},
    {"%%partition": "%%user.custom_data.team"},
    {"%%partition": "%%user.custom_data.ident"},
    {"%%partition": {"%in": "%%user.custom_data.teams"}},
    {"%%user.custom_data.level": {"%gte": "%%partition"}},
    {"%%partition": {"%in": "%%environment.values.numbers"}},
    {"%%user.custom_data.team": "red"},
    {"%%user.custom_data.level": {"%in": [1, 2]}},
]
_BAD = [{"owner": "x"}, {"%%root.a": 1}, {"%%partition": {"$regex": "P"}}, "yes", 1, [True]] + [
    {"%%user.id%%": "x"},
    {"%%nowhere": 1},
    {"%%partition": {}},
]


def custom_data(chance: random.Random, user_id: str) -> dict[str, Any] | None:
    """A user's document, or none."""
    if chance.random() < 0.15:
        return None
    document = {
        "team": chance.choice([*TEAMS, "P0"]),
        "teams": chance.sample([*TEAMS, "P0", "P1"], chance.randrange(3)),
        "level": chance.choice([0, 1, 2, 2.0, "2"]),
        "nothing": None,
        "oid": chance.choice([ObjectId(user_id), OTHER_ID, user_id]),
        "inner": {"x": chance.choice([1, "P1", True])},
        "ident": chance.choice(IDENTS),
    }
    return {name: value for name, value in document.items() if chance.random() < 0.8}


def partitions(kind: str, users: list[str]) -> list[Any]:
    """Partitions that users ask for, now and then of kinds that the app has not."""
    of_kind: dict[str, list[Any]] = {
        "string": [*users, "P0", "P1", "red", "", "%%user.id", "true"],
        "objectId": [*map(ObjectId, users), OTHER_ID],
        "long": [0, 1, 2, -(2**63)],
        "uuid": IDENTS,
    }
    others = [of_kind[other][0] for other in KINDS if other != kind]
    return [*of_kind[kind] * 3, None, *others]


@dataclass
class Expressions:
    """Makes expressions; half of them say something that holds for some users."""

    chance: random.Random
    users: list[str]
    fields: tuple[str, ...] = ()  # of a document, if it is about one
    is_filter: bool = False  # which calls nothing, and is well-formed

    def rule(self) -> Any:
        """One that often depends on who the user is at the moment."""
        if self.chance.random() < 0.5:
            return self.expression()
        name = self.chance.choice(["%and", "$or"])
        return {name: [self.expression(1), self.chance.choice(_OF_USERS)]}

    def expression(self, depth: int = 3) -> Any:
        chance = self.chance
        draw = chance.random()
        if draw < 0.03 and not self.is_filter:
            return chance.choice(_BAD)
        if draw < 0.12:
            return chance.choice([True, False, "%%true", "%%false", {}])
        if draw < 0.4 and depth:
            return self._logic(depth)
        if draw < 0.6 and not self.fields:
            return chance.choice([*_OF_USERS, {"%%true": self._call()}])
        return {self._left(): self._right(depth) for _ in range(chance.choice([1, 1, 2]))}

    def _logic(self, depth: int) -> Any:
        prefix, name = self.chance.choice("%$"), self.chance.choice(["and", "or", "nor", "not"])
        if name == "not":
            return {prefix + name: self.expression(depth - 1)}
        parts = [self.expression(depth - 1) for _ in range(self.chance.randrange(4))]
        return {prefix + name: parts}

    def _left(self) -> str:
        if self.fields and self.chance.random() < 0.7:
            return self.chance.choice(self.fields)
        return self.chance.choice(["%%true", "%%false", *map(self._expansion, range(3))])

    def _expansion(self, _: int = 0) -> str:
        paths = [path for path in [*_PATHS, *_MORE] if not self.fields or "partition" not in path]
        return "%%" + self.chance.choice(paths)

    def _right(self, depth: int) -> Any:
        chance, prefix = self.chance, self.chance.choice("%$")
        draw = chance.random()
        if draw < 0.4:
            return self._value()
        if draw < 0.5 and depth:
            inner = [self._operators(chance.choice("%$")) for _ in range(chance.randrange(1, 3))]
            name = chance.choice(["and", "or", "nor", "not"])
            return {prefix + name: inner[0] if name == "not" else inner}
        return self._operators(prefix)

    def _operators(self, prefix: str) -> dict[str, Any]:
        names = self.chance.sample(
            ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "all", "exists"],
            self.chance.choice([1, 1, 2]),
        )
        return {prefix + name: self._operand(name) for name in names}

    def _operand(self, name: str) -> Any:
        if name == "exists":
            return self.chance.random() < 0.5
        if name in ("in", "nin", "all") and self.chance.random() < 0.6:
            return [self._value() for _ in range(self.chance.randrange(3))]
        return self._value()

    def _value(self) -> Any:
        chance, prefix = self.chance, self.chance.choice("%$")
        draw = chance.random()
        if draw < 0.45:
            return chance.choice(
                [None, True, False, 0, 1, 2, 2.0, -1, "red", "blue", "P0", "", "2"]
                + [{"$numberLong": "2"}, {"$numberDouble": "1.0"}, {"$uuid": str(IDENTS[1])}]
                + [{"$oid": str(OTHER_ID)}, *self.users]
            )
        if draw < 0.8:
            return self._expansion()
        if draw < 0.9 or self.is_filter:
            name = chance.choice(["stringToOid", "oidToString", "stringToUuid", "uuidToString"])
            return {prefix + name: self._expansion()}
        return self._call()

    def _call(self) -> Any:
        name = self.chance.choice([*FUNCTIONS, "absent"])
        arguments = self.chance.choice([["%%user.custom_data.team"], [], ["blue"]])
        if not self.fields:
            arguments = self.chance.choice([["%%partition"], arguments])
        return {"%function": {"name": name, "arguments": arguments}}
