"""What recovery makes of local changes, written from client-session.md 13.6 alone: objects as plain
dictionaries, one changeset after the other, lists with the pairs and the flag of the specification.
Random histories for it, as the instructions of a Story."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

from instructions import Instruction, create, erase, insert, on, update, value

Op = tuple[Any, ...]  # its name, the object's key, and what else it takes
Objects = dict[int, dict[str, Any]]
SCALARS = ("name", "weight")


def new_object() -> dict[str, Any]:
    return {"name": None, "age": 0, "weight": None, "list": [], "set": set(), "dict": {}}


def seeded() -> Objects:
    """What `resets.SEED` makes, as far as the histories here change it."""
    first = {"name": "Rex", "list": ["a", "b", "c"], "set": {"s"}, "dict": {"key": "d"}}
    return {1: new_object() | first, 2: new_object(), 3: new_object()}


def apply(objects: Objects, op: Op) -> None:
    """What an operation does where it was made."""
    name, key, *more = op
    if name == "create":
        objects.setdefault(key, new_object())
        return
    if name == "erase":
        objects.pop(key, None)
        return
    dog = objects[key]
    match name, *more:
        case "update", field, new:
            dog[field] = new
        case "add", amount:
            dog["age"] += amount
        case "insert", at, new:
            dog["list"].insert(at, new)
        case "assign", at, new:
            dog["list"][at] = new
        case "remove", at:
            del dog["list"][at]
        case "move", at, to:
            dog["list"].insert(to, dog["list"].pop(at))
        case "clear", field:
            dog[field].clear()
        case "set insert", new:
            dog["set"].add(new)
        case "set erase", old:
            dog["set"].discard(old)
        case "dict update", field, new:
            dog["dict"][field] = new
        case "dict erase", field:
            dog["dict"].pop(field, None)


class Tracking:
    """List tracking of 13.6, to the letter."""

    def __init__(self) -> None:
        self.pairs: list[list[int]] = []  # local, remote
        self.copy = self.is_copied = False

    def refuse(self) -> None:
        self.copy = True
        self.pairs.clear()

    def of(self, local: int) -> list[int] | None:
        return next((pair for pair in self.pairs if pair[0] == local), None)

    def shift(self, first: int, last: float, by: int) -> None:
        for pair in self.pairs:
            if first <= pair[0] <= last:
                pair[0] += by
                pair[1] += by

    def change(self, items: list[Any], name: str, at: int, *more: Any) -> None:
        """Replays one operation on the list that is there now."""
        if self.copy:
            return
        if name == "insert":
            remote = min(at, len(items))
            self.shift(at, float("inf"), 1)
            self.pairs.append([at, remote])
            items.insert(remote, more[0])
            return
        pair = self.of(at)
        target = self.of(more[0]) if name == "move" else pair
        if pair is None or target is None:
            self.refuse()
        elif name == "assign":
            items[pair[1]] = more[0]
        elif name == "remove":
            self.pairs.remove(pair)
            del items[pair[1]]
            self.shift(at + 1, float("inf"), -1)
        else:
            self.move(items, pair, target[1], more[0])

    def move(self, items: list[Any], pair: list[int], remote: int, to: int) -> None:
        items.insert(remote, items.pop(pair[1]))
        at = pair[0]
        self.pairs.remove(pair)
        if at < to:
            self.shift(at + 1, to, -1)
        else:
            self.shift(to, at - 1, 1)
        self.pairs.append([to, remote])


def recover(server: Objects, local: Objects, changesets: list[list[Op]]) -> tuple[Objects, bool]:
    """The local changesets, which led to `local`, on what the server has; is anything lost?"""
    objects, is_lost = deepcopy(server), False
    lists: dict[int, Tracking] = {}
    for changeset in changesets:
        for op in changeset:
            name, key, *more = op
            if name not in ("create", "erase") and key not in objects:
                is_lost = True
                continue
            if name in ("insert", "assign", "remove", "move"):
                lists.setdefault(key, Tracking()).change(objects[key]["list"], name, *more)
                continue
            if op[0] == "clear" and more == ["list"]:
                tracking = lists.setdefault(key, Tracking())
                tracking.copy = False
                tracking.pairs.clear()
            apply(objects, op)
        for key, tracking in lists.items():
            if tracking.copy and not tracking.is_copied:
                tracking.is_copied = True
                if key in objects and key in local:
                    objects[key]["list"] = list(local[key]["list"])
    return objects, is_lost


def instruction(op: Op, objects: Objects) -> Instruction:
    """As it stands in a changeset, `objects` being what it was made on."""
    name, key, *more = op
    items = objects[key]["list"] if key in objects else []
    match name, *more:
        case ("create",):
            return create("Dog", key)
        case ("erase",):
            return erase("Dog", key)
        case "update", field, new:
            return update("Dog", key, field, new)
        case "add", amount:
            return on("AddInteger", "Dog", key, "age") | {"value": amount}
        case "insert", at, new:
            return insert("Dog", key, "list", at, new, len(items))
        case "assign", at, new:
            return update("Dog", key, "list", new, at) | {"prior_size": len(items)}
        case "remove", at:
            return on("ArrayErase", "Dog", key, "list", at) | {"prior_size": len(items)}
        case "move", at, to:
            sizes = {"ndx_2": to, "prior_size": len(items)}
            return on("ArrayMove", "Dog", key, "list", at) | sizes
        case "clear", field:
            kind = {"list": 1, "dict": 2, "set": 3}[field]
            return on("Clear", "Dog", key, field) | {"collection": kind}
        case "set insert", new:
            return on("SetInsert", "Dog", key, "set") | {"value": value(new)}
        case "set erase", old:
            return on("SetErase", "Dog", key, "set") | {"value": value(old)}
        case "dict update", field, new:
            return update("Dog", key, "dict", new, field)
        case "dict erase", field:
            return update("Dog", key, "dict", {"t": "erased"}, field)
    raise AssertionError(op)


def random_op(chance: random.Random, side: str, objects: Objects) -> Op:
    absent = sorted({1, 2, 3, 4, 5} - objects.keys())
    if absent and (not objects or chance.random() < 0.15):
        return "create", chance.choice(absent)
    key = chance.choice(sorted(objects))
    dog, word, number = objects[key], f"{side}{chance.randrange(100)}", chance.randrange(-9, 9)
    size = len(dog["list"])
    ops: list[Op] = [
        ("update", key, "name", word),
        ("update", key, "weight", chance.choice([None, number])),
        ("add", key, number),
        ("set insert", key, chance.choice([word, "s", "t"])),
        ("dict update", key, f"key{chance.randrange(3)}", word),
        *[("insert", key, chance.randrange(size + 1), word)] * 3,
    ]
    ops += [("set erase", key, old) for old in sorted(dog["set"])[:1]]
    ops += [("dict erase", key, old) for old in sorted(dog["dict"])[:1]]
    if size:
        ops += [("assign", key, chance.randrange(size), word)] * 2
        ops.append(("remove", key, chance.randrange(size)))
    if size > 1:
        at, to = chance.sample(range(size), 2)
        ops += [("move", key, at, to)] * 2
    if chance.random() < 0.1:
        ops = [("erase", key), ("clear", key, chance.choice(["list", "set", "dict"]))]
    return chance.choice(ops)


def history(
    chance: random.Random, side: str, changesets: int
) -> tuple[Objects, list[list[Op]], list[list[Instruction]]]:
    """One side's changes since the seed: what they lead to, and both forms of them."""
    objects = seeded()
    ops: list[list[Op]] = []
    instructions: list[list[Instruction]] = []
    for _ in range(changesets):
        ops.append([])
        instructions.append([])
        for _ in range(chance.randrange(1, 5)):
            op = random_op(chance, side, objects)
            instructions[-1].append(instruction(op, objects))
            apply(objects, op)
            ops[-1].append(op)
    return objects, ops, instructions
