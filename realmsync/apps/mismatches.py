"""Comparisons of rules whose two sides can never be equal, read off their JSON.

Found when a configuration is loaded, where nobody's values are known: a string and an ObjectId are
never converted, which makes rules deny what they were meant to allow. Whether an expression is
well-formed, and what it means, is the core's matter (csrc/rules). Specification:
app-configuration.md 5.6, 6.1 and 6.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from bson import Decimal128, ObjectId

from realmsync import ejson

_LOGIC = frozenset({"and", "or", "nor", "not"})
_COMPARING = frozenset({"eq", "ne", "gt", "gte", "lt", "lte"})
_AMONG = frozenset({"in", "nin", "all"})
# What a conversion gives.
_CONVERSIONS = {
    "stringToOid": "objectId",
    "stringToObjectId": "objectId",
    "oidToString": "string",
    "stringToUuid": "uuid",
    "uuidToString": "string",
}
# Of classes' properties: what the constants that can equal them are, where it is not their own
# type. Mixed, links and embedded objects take anything or nothing.
_KINDS = {
    "bool": "bool",
    "int": "number",
    "long": "number",
    "double": "number",
    "float": "number",
    "decimal128": "number",
    "string": "string",
    "data": "data",
    "date": "date",
    "objectId": "objectId",
    "uuid": "uuid",
}
_KIND_OF_EXPANSION = {
    "%%user.id": "string",
    "%%user.type": "string",
    "%%environment.tag": "string",
    "%%true": "bool",
    "%%false": "bool",
}


def kind_of_type(type_: str) -> str | None:
    """What the constants that can equal a property of this type are; None: it cannot be told."""
    return _KINDS.get(type_)


def mismatches(expression: Any, kind_of_left: Callable[[str], str | None]) -> Iterator[str]:
    """Comparisons whose sides can never be equal, each as a text.

    `kind_of_left` tells what a left side is, a field or an expansion; None when anything.
    """
    for left, right in _comparisons(expression):
        left_kind = kind_of_left(left)
        if left_kind is None:
            continue
        for value in _constants(right):
            kind = _kind_of_value(value, kind_of_left)
            if kind is not None and kind != left_kind:
                yield f"{left} is compared with a {kind}, and is a {left_kind} or null"
                break


def _operator(key: str) -> str | None:
    """The operator that a key names, without its prefix; None of other keys."""
    if key[:1] in ("%", "$") and not key.startswith("%%"):
        return key[1:]
    return None


def _comparisons(expression: Any) -> Iterator[tuple[str, Any]]:
    """The entries LEFT: RIGHT of an expression, wherever logic nests them."""
    waiting = [expression]
    while waiting:
        value = waiting.pop()
        if not isinstance(value, dict):
            continue
        for key, operand in value.items():
            operator = _operator(key)
            if operator in _LOGIC:
                waiting += operand if isinstance(operand, list) else [operand]
            elif operator is None:
                yield key, operand


def _constants(right: Any) -> Iterator[Any]:
    """What a right side compares with, one by one; members of arrays each."""
    waiting = [right]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):  # compared with as a whole or by its members
            yield from value
            continue
        operators = [_operator(key) for key in value] if isinstance(value, dict) else []
        if not operators or not set(operators) & (_LOGIC | _COMPARING | _AMONG | {"exists"}):
            yield value
            continue
        for operator, operand in zip(operators, value.values(), strict=True):
            if operator in _COMPARING:
                waiting.append(operand)
            elif operator in _LOGIC or operator in _AMONG:
                waiting += operand if isinstance(operand, list) else [operand]


def _kind_of_value(value: Any, kind_of_left: Callable[[str], str | None]) -> str | None:
    if isinstance(value, str):
        if not value.startswith("%%"):
            return "string"
        return _KIND_OF_EXPANSION.get(value) or kind_of_left(value)
    if isinstance(value, dict) and len(value) == 1:
        conversion = _operator(next(iter(value)))
        if conversion in _CONVERSIONS:
            return _CONVERSIONS[conversion]
    try:
        return _kind_of_constant(ejson.decode(value))
    except ValueError:
        return None


def _kind_of_constant(value: Any) -> str | None:
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "bool"),
        ((int, float, Decimal, Decimal128), "number"),
        (str, "string"),
        (bytes, "data"),
        (datetime, "date"),
        (ObjectId, "objectId"),
        (UUID, "uuid"),
    )
    return next((kind for type_, kind in kinds if isinstance(value, type_)), None)
