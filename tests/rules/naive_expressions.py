"""Whether an expression is true of a document, straight from the tables of app-configuration.md 6.3
and 6.4: the model that the core is compared with. Slow, and for expressions that are well-formed.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from bson import Decimal128, ObjectId


class Missing:
    """What an expansion that leads nowhere gives."""


MISSING = Missing()
ORDERS = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


class NaiveExpressions:
    """Expressions of one user. `lists`: fields of documents that are lists; `foreign`: fields that
    rules cannot look into."""

    def __init__(self, roots: dict[str, Any], lists: set[str], foreign: set[str]) -> None:
        self._roots = roots
        self._lists = lists
        self._foreign = foreign

    def is_true(self, expression: Any, document: dict[str, Any]) -> bool:
        """Of decoded extended JSON."""
        if not isinstance(expression, dict):
            return expression in (True, "%%true")
        return all(self._entry(key, value, document) for key, value in expression.items())

    def _entry(self, key: str, value: Any, document: dict[str, Any]) -> bool:
        if key[1:] == "not":
            return not self.is_true(value, document)
        if key[0] in "%$" and not key.startswith("%%"):
            return _joined(key[1:], [self.is_true(member, document) for member in value])
        return self._right(key, value, document)

    def _right(self, subject: str, right: Any, document: dict[str, Any]) -> bool:
        if not isinstance(right, dict) or _is_value(right):
            return self._test(subject, "eq", right, document)
        results = []
        for key, value in right.items():
            name = key[1:]
            if name == "not":
                results.append(not self._right(subject, value, document))
            elif name in ("and", "or", "nor"):
                members = [self._right(subject, member, document) for member in value]
                results.append(_joined(name, members))
            else:
                results.append(self._test(subject, name, value, document))
        return all(results)

    def _test(self, subject: str, op: str, term: Any, document: dict[str, Any]) -> bool:
        right = self._value(term)
        if isinstance(right, Missing) or subject in self._foreign:
            return False
        if _has_missing(right) and op != "in":
            return False
        is_list = subject in self._lists
        if subject.startswith("%%"):
            left = self._value(subject)
        else:
            left = document.get(subject)
            left = [] if is_list and left is None else left
        is_none = left is None or (is_list and left == [])
        if op == "exists":
            return right is (left is not MISSING and not is_none)
        if isinstance(left, Missing):
            return op == "eq" and term is None
        if is_list and right is None and op in ("eq", "ne"):
            return is_none == (op == "eq")
        return _compared(left, op, right, subject in ("%%true", "%%false"))

    def _value(self, term: Any) -> Any:
        if isinstance(term, str) and term.startswith("%%"):
            return self._expansion(term)
        if isinstance(term, list):
            return [self._value(item) for item in term]
        if isinstance(term, dict):
            ((key, operand),) = term.items()
            return _converted(key[1:], self._value(operand))
        return term

    def _expansion(self, text: str) -> Any:
        if text in ("%%true", "%%false"):
            return text == "%%true"
        value: Any = self._roots
        for step in text[2:].split("."):
            if not isinstance(value, dict) or step not in value:
                return MISSING
            value = value[step]
        return value


def _is_value(right: dict[str, Any]) -> bool:
    return len(right) == 1 and re.match("stringTo|oidTo|uuidTo", next(iter(right))[1:]) is not None


def _joined(name: str, results: list[bool]) -> bool:
    return all(results) if name == "and" else any(results) == (name == "or")


def _has_missing(value: Any) -> bool:
    return value is MISSING or (isinstance(value, list) and any(map(_has_missing, value)))


def _converted(name: str, value: Any) -> Any:
    try:
        if name in ("stringToOid", "stringToObjectId") and isinstance(value, str):
            return ObjectId(value)
        if name == "stringToUuid" and isinstance(value, str) and len(value) == 36:
            return UUID(value)
    except Exception:  # whatever is wrong with the form
        return MISSING
    if name == "oidToString" and isinstance(value, ObjectId):
        return str(value)
    if name == "uuidToString" and isinstance(value, UUID):
        return str(value)
    return MISSING


def _compared(left: Any, op: str, right: Any, is_truth: bool) -> bool:
    is_array = isinstance(right, list)
    if op in ("eq", "ne"):
        is_equal = False if is_truth and is_array else equals(left, right)
        return is_equal == (op == "eq")
    if op in ORDERS:
        items = left if isinstance(left, list) else [left]
        return any(_in_order(item, op, right) for item in items)
    if not is_array:
        return False
    found = [_equals_member(left, member) for member in right if member is not MISSING]
    if op == "all":
        return bool(found) and all(found)
    return any(found) == (op == "in")


def _equals_member(left: Any, member: Any) -> bool:
    return not _has_missing(member) and equals(left, member)


def equals(left: Any, right: Any) -> bool:
    """Two values; an array is equal to one of its elements."""
    if isinstance(left, list) and not isinstance(right, list):
        return any(_same(item, right) for item in left)
    if isinstance(right, list) and not isinstance(left, list):
        return any(_same(left, item) for item in right)
    return _same(left, right)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float | Decimal128):
        return "number"
    for kind in (str, bytes, datetime, ObjectId, UUID, list, dict):
        if isinstance(value, kind):
            return kind.__name__
    return "null"


def _number(value: Any) -> Decimal | float | int:
    """As decimals meet doubles: by the digits that these are written with."""
    if isinstance(value, Decimal128):
        return value.to_decimal()
    return value


def _numbers(a: Any, b: Any) -> tuple[Any, Any]:
    a, b = _number(a), _number(b)
    if isinstance(a, Decimal) or isinstance(b, Decimal):
        a, b = (Decimal(repr(x)) if isinstance(x, float) else Decimal(x) for x in (a, b))
    return a, b


def _same(a: Any, b: Any) -> bool:
    if _kind(a) != _kind(b):
        return False
    if _kind(a) == "number":
        a, b = _numbers(a, b)
        return bool(a == b)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return bool(a == b)


def _in_order(left: Any, op: str, right: Any) -> bool:
    if _kind(left) != _kind(right) or _kind(left) not in ("number", "str", "datetime"):
        return False
    a, b = _numbers(left, right) if _kind(left) == "number" else (left, right)
    if any(isinstance(x, float | Decimal) and math.isnan(x) for x in (a, b)):
        return False
    return bool(ORDERS[op](a, b))
