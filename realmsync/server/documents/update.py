"""Updates of documents, `{$set: {field: value}, $inc: …}`, or one that takes a document's place.

A subset of MongoDB's, with its meaning; whatever else is refused by name. Nothing is stored here.
Specification: app-configuration.md 6.6.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import localcontext
from itertools import pairwise
from typing import Any

from bson import Decimal128, Int64
from bson.decimal128 import create_decimal128_context

from realmsync.server.documents.filter import Filter, condition
from realmsync.server.documents.values import MISSING, Path, Work, comparable, path_of, position_of

# Gives what a field becomes, of what it is; MISSING: it goes, or stays away.
Change = Callable[[Any, Work], Any]


@dataclass(frozen=True)
class _Step:
    """What happens to one field."""

    path: Path
    change: Change
    makes: bool = True  # the documents that its path leads through
    is_for_new: bool = False  # $setOnInsert


class Update:
    """An update. Raises ValueError for what is none, or too much work."""

    def __init__(self, document: Mapping[str, Any], work: Work) -> None:
        self._replacement: Mapping[str, Any] | None = None
        self._steps: list[_Step] = []
        kinds = {key.startswith("$") for key in document}
        if len(kinds) == 2:
            raise ValueError("operators and fields are mixed in one update")
        if True in kinds:
            self._steps = list(_steps(document, work))
            _refuse_conflicts(self._steps)
        else:
            self._replacement = document

    def applied(self, document: dict[str, Any], work: Work) -> dict[str, Any]:
        """What becomes of a document, which is used up. Raises ValueError for what cannot be."""
        id = document["_id"]
        if self._replacement is None:
            self._apply(document, work, is_new=False)
        else:
            document = {"_id": id, **self._replacement}
        if comparable(document.get("_id"), work) != comparable(id, work):
            raise ValueError("the _id of a document cannot be changed")
        return document

    def inserted(self, filter: Filter, work: Work) -> dict[str, Any]:
        """The document that an upsert makes where none matches; without an _id if none is said."""
        result: dict[str, Any] = {}
        equalities = list(filter.equalities())
        if self._replacement is not None:
            return {**{key: v for key, v in equalities if key == "_id"}, **self._replacement}
        steps = [_Step(path_of(key), _setting(value)) for key, value in equalities]
        _refuse_conflicts(steps)
        for step in steps:
            _change_at(result, step, work)
        self._apply(result, work, is_new=True)
        return result

    def _apply(self, document: dict[str, Any], work: Work, *, is_new: bool) -> None:
        for step in self._steps:
            if is_new or not step.is_for_new:
                _change_at(document, step, work)


def _steps(document: Mapping[str, Any], work: Work) -> Iterator[_Step]:
    for name, fields in document.items():
        if name not in _OPERATORS:
            raise ValueError(f"{name[:100]} is not offered in updates by this server")
        if not isinstance(fields, dict):
            raise ValueError(f"{name} takes a document")
        for key, operand in fields.items():
            work.spend()
            yield _Step(
                path_of(key),
                _OPERATORS[name](operand, work),
                makes=name not in ("$unset", "$pull"),
                is_for_new=name == "$setOnInsert",
            )


def _refuse_conflicts(steps: list[_Step]) -> None:
    """Of two paths one must not lead through the other: sorted, they would be neighbours."""
    for one, other in pairwise(sorted(step.path for step in steps)):
        if other[: len(one)] == one:
            raise ValueError(f"'{'.'.join(other)[:100]}' is changed twice")


def _setting(value: Any) -> Change:
    return lambda _, work: copy.deepcopy(value)


def _set(operand: Any, _: Work) -> Change:
    return _setting(operand)


def _unset(_: Any, __: Work) -> Change:
    return lambda _, __: MISSING


def _inc(operand: Any, _: Work) -> Change:
    if not _is_number(operand):
        raise ValueError("$inc takes a number")
    return lambda value, _: operand if value is MISSING else _sum(value, operand)


def _push(operand: Any, work: Work) -> Change:
    items = _each("$push", operand)
    return lambda value, _: [*_list_at("$push", value), *items]


def _add_to_set(operand: Any, work: Work) -> Change:
    items = [(comparable(item, work), item) for item in _each("$addToSet", operand)]

    def change(value: Any, work: Work) -> Any:
        result = list(_list_at("$addToSet", value))
        known = {comparable(item, work) for item in result}
        for key, item in items:
            if key not in known:
                known.add(key)
                result.append(item)
        return result

    return change


def _pull(operand: Any, work: Work) -> Change:
    is_pulled = condition(operand, work)

    def change(value: Any, work: Work) -> Any:
        if value is MISSING:
            return MISSING
        return [item for item in _list_at("$pull", value) if not is_pulled(item, work)]

    return change


_OPERATORS: Mapping[str, Callable[[Any, Work], Change]] = {
    "$set": _set,
    "$setOnInsert": _set,
    "$unset": _unset,
    "$inc": _inc,
    "$push": _push,
    "$addToSet": _add_to_set,
    "$pull": _pull,
}


def _each(name: str, operand: Any) -> list[Any]:
    """What is added: one value, or those of $each."""
    if not isinstance(operand, dict) or not any(key.startswith("$") for key in operand):
        return [operand]
    if set(operand) != {"$each"} or not isinstance(operand["$each"], list):
        raise ValueError(f"{name} takes a value, or $each with an array and nothing else")
    return operand["$each"]


def _list_at(name: str, value: Any) -> list[Any]:
    if value is MISSING:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{name} is for arrays, and this field has none")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal128) and not isinstance(value, bool)


def _sum(value: Any, operand: Any) -> Any:
    """In the wider of both types. Raises ValueError where it does not fit into 64 bits."""
    if not _is_number(value):
        raise ValueError("$inc is for numbers, and this field has none")
    if isinstance(value, Decimal128) or isinstance(operand, Decimal128):
        with localcontext(create_decimal128_context()) as context:
            one, other = (
                each.to_decimal() if isinstance(each, Decimal128) else context.create_decimal(each)
                for each in (value, operand)
            )
            return Decimal128(one + other)
    total = value + operand
    if isinstance(total, float):
        return total
    if not -(2**63) <= total < 2**63:
        raise ValueError("$inc leads beyond 64 bits")
    return Int64(total) if isinstance(value, Int64) or isinstance(operand, Int64) else total


def _change_at(document: dict[str, Any], step: _Step, work: Work) -> None:
    """Does one step. Raises ValueError where its path leads through what is no document."""
    place: Any = document
    for part in step.path[:-1]:
        work.spend()
        inner = _get(place, part)
        if inner is MISSING:
            if not step.makes:
                return
            inner = {}
            _put(place, part, inner)
        place = inner
    last = step.path[-1]
    before = _get(place, last)
    after = step.change(before, work)
    if after is not MISSING:
        _put(place, last, after)
    elif before is not MISSING:
        if isinstance(place, dict):
            del place[last]
        else:
            _put(place, last, None)  # positions of others stay


def _get(place: Any, part: str) -> Any:
    if isinstance(place, dict):
        return place.get(part, MISSING)
    position = position_of(part) if isinstance(place, list) else None
    return MISSING if position is None or position >= len(place) else place[position]


def _put(place: Any, part: str, value: Any) -> None:
    if isinstance(place, dict):
        place[part] = value
        return
    position = position_of(part) if isinstance(place, list) else None
    if position is None:
        raise ValueError(f"there can be no field '{part[:100]}' in what is no document")
    if position > len(place):
        raise ValueError(f"'{part[:100]}' is beyond the end of its array")
    place[position : position + 1] = [value]
