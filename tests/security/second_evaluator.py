"""A second evaluator of expressions, written from the specification alone, as plainly as it goes.

Knows nothing of ours: it takes the JSON of a rule and Python values. Specification:
app-configuration.md 5.2 to 5.6 and 6.1 to 6.6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from bson import ObjectId

# What a function answers; raises whatever goes wrong.
Call = Callable[[str, list[Any]], Any]

_LOGIC = {"and", "or", "nor", "not"}
_CONVERSIONS = {
    **dict.fromkeys(["stringToOid", "stringToObjectId"], (str, ObjectId)),
    "oidToString": (ObjectId, str),
    "stringToUuid": (str, UUID),
    "uuidToString": (UUID, str),
}
_CONSTANTS: dict[str, Callable[[Any], Any]] = {
    "$oid": ObjectId,
    "$uuid": UUID,
    "$numberInt": int,
    "$numberLong": int,
    "$numberDouble": float,
    "$date": lambda ms: datetime.fromtimestamp(int(ms["$numberLong"]) / 1000, timezone.utc),
}


class Bad(Exception):
    """An expression that is none (6.1)."""


class _Missing:
    """What a path that leads nowhere has, which is not null."""


MISSING = _Missing()


class Stored(list[Any]):
    """The elements of a document's list; none of them is null (6.5)."""


class Scope:
    """What expansions stand for, the functions, and the document if it is about one."""

    def __init__(
        self, roots: Mapping[str, Any], call: Call, document: Mapping[str, Any] | None = None
    ) -> None:
        self.roots, self.call, self.document = roots, call, document

    def of(self, document: Mapping[str, Any]) -> Scope:
        """The same, about a document."""
        stored = {k: Stored(v) if isinstance(v, list) else v for k, v in document.items()}
        return Scope(self.roots, self.call, stored)

    def expand(self, text: str) -> Any:
        path = text[2:].split(".")
        if path[0] not in self.roots or "%%" in text[2:]:
            raise Bad(text)
        value: Any = self.roots
        for name in path:
            if not isinstance(value, dict) or name not in value:
                return MISSING
            value = value[name]
        return value


def holds(expression: Any, scope: Scope) -> bool:
    """Whether an expression is true. Raises Bad."""
    if isinstance(expression, bool):
        return expression
    if expression in ("%%true", "%%false"):
        return bool(expression == "%%true")
    if not isinstance(expression, dict):
        raise Bad(repr(expression))
    entries = [_entry(key, value, scope) for key, value in expression.items()]
    return all(entries)  # when all have been looked at, so that a bad one is noticed


def _entry(key: str, value: Any, scope: Scope) -> bool:
    operator = _operator(key)
    if operator in _LOGIC:
        return _logic(operator, value, lambda part: holds(part, scope))
    if key in ("%%true", "%%false"):
        left: Any = key == "%%true"
    elif key.startswith("%%"):
        left = scope.expand(key)
    elif scope.document is None or key[:1] in ("", "%", "$", "!") or "." in key:
        raise Bad(f"{key} is of a document")
    else:
        left = scope.document.get(key)
    return _right(left, value, scope)


def _right(left: Any, right: Any, scope: Scope) -> bool:
    if not isinstance(right, dict) or not right or _is_value(right):
        return _compare("eq", left, _value(right, scope), is_null=right is None)
    results = []
    for key, value in right.items():
        operator = _operator(key)
        if operator in _LOGIC:
            results.append(_logic(operator, value, lambda part: _part(left, part, scope)))
        else:
            is_null = value is None
            results.append(_compare(operator, left, _value(value, scope), is_null=is_null))
    return all(results)


def _part(left: Any, part: Any, scope: Scope) -> bool:
    if not isinstance(part, dict):
        raise Bad(repr(part))
    return _right(left, part, scope)


def _logic(operator: str, operand: Any, part: Callable[[Any], bool]) -> bool:
    if operator == "not":
        return not part(operand)
    if not isinstance(operand, list):
        raise Bad(f"{operator} of {operand!r}")
    results = [part(each) for each in operand]
    if operator == "and":
        return all(results)
    return any(results) if operator == "or" else not any(results)


def _operator(key: str) -> str:
    return key[1:] if key[:1] in ("%", "$") and key[:2] != "%%" else ""


def _is_value(right: dict[str, Any]) -> bool:
    if len(right) != 1:
        return False
    (key,) = right
    return key in _CONSTANTS or _operator(key) in (*_CONVERSIONS, "function")


def _value(value: Any, scope: Scope) -> Any:
    if isinstance(value, str):
        if value in ("%%true", "%%false"):
            return value == "%%true"
        if value.startswith("%%"):
            return scope.expand(value)
        if "%%" in value:
            raise Bad(value)
        return value
    if isinstance(value, list):
        return [_value(part, scope) for part in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise Bad(repr(value))
    ((key, operand),) = value.items()
    if key in _CONSTANTS:
        return _CONSTANTS[key](operand)
    if _operator(key) in _CONVERSIONS:
        return _converted(_operator(key), _value(operand, scope))
    if _operator(key) == "function":
        return _called(operand, scope)
    raise Bad(repr(value))


def _converted(name: str, value: Any) -> Any:
    from_, to = _CONVERSIONS[name]
    try:
        return to(value) if isinstance(value, from_) else MISSING
    except Exception:  # input of the wrong form
        return MISSING


def _called(operand: dict[str, Any], scope: Scope) -> Any:
    arguments = [_value(argument, scope) for argument in operand["arguments"]]
    try:
        return scope.call(operand["name"], arguments)
    except Exception:  # it failed: its comparison is false
        return MISSING


def _compare(operator: str, left: Any, right: Any, *, is_null: bool) -> bool:
    """One comparison. `is_null`: the right side is the literal null."""
    if operator not in ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "all", "exists"):
        raise Bad(operator)
    if isinstance(right, list) and operator == "in":
        right = [each for each in right if each is not MISSING]
    if right is MISSING or (isinstance(right, list) and any(each is MISSING for each in right)):
        return False
    if operator == "exists":
        if not isinstance(right, bool):
            raise Bad(f"exists {right!r}")
        return right is not (left is MISSING or _is_null(left))
    if left is MISSING:
        return operator == "eq" and is_null
    if operator in ("eq", "ne"):
        return equal(left, right) == (operator == "eq")
    if operator in ("in", "nin", "all"):
        if not isinstance(right, list):
            return False
        if operator == "all":  # of nothing: fails closed
            return bool(right) and all(equal(left, each) for each in right)
        return any(equal(left, each) for each in right) == (operator == "in")
    return any(_ordered(operator, each, right) for each in _elements(left))


def _elements(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, Stored) and not value)


def equal(left: Any, right: Any) -> bool:
    """Equality of 6.3."""
    if right is None and _is_null(left):
        return True
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, list):
        return any(_same(each, right) for each in left)
    if isinstance(right, list):
        return any(_same(left, each) for each in right)
    return _same(left, right)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[k], right[k]) for k in left)
    if _kind(left) != _kind(right):
        return False
    return bool(left == right)


def _kind(value: Any) -> type:
    return float if isinstance(value, (int, float)) and value is not True else type(value)


def _ordered(operator: str, left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool) or _kind(left) != _kind(right):
        return False
    if not isinstance(left, (int, float, str, datetime)):
        return False
    if operator == "gt":
        return bool(left > right)
    if operator == "gte":
        return bool(left >= right)
    return bool(left < right) if operator == "lt" else bool(left <= right)


def partition_rights(read: Any, write: Any, scope: Scope) -> tuple[bool, bool]:
    """Who may read and write (5.6): absent or bad expressions deny, and write implies read."""

    def may(expression: Any) -> bool:
        try:
            return expression is not None and holds(expression, scope)
        except Bad:
            return False

    writes = may(write)
    return writes or may(read), writes


def role_of(own: list[Any], default: list[Any], scope: Scope) -> Any:
    """The role of a user in a class, or None (5.2); one that cannot be decided ends the search."""
    for role in own or default:
        try:
            if holds(role.get("apply_when", {}), scope):
                return role
        except Bad:
            return None
    return None


class Rights:
    """What a usable role gives (5.5)."""

    def __init__(self, role: Any, names: list[str], scope: Scope) -> None:
        self._role, self._scope = role or {}, scope
        self._all = set(names)

    def _may(self, key: str, document: Mapping[str, Any]) -> bool:
        filters = self._role.get("document_filters", {})
        expression = filters.get(key, False) if key in ("read", "write") else True
        if key in ("insert", "delete"):
            expression = self._role.get(key, True)
        return bool(self._role) and holds(expression, self._scope.of(document))

    def _fields(self, right: str) -> set[str]:
        if self._role.get(right) is True:
            return self._all
        fields, rest = self._role.get("fields", {}), self._role.get("additional_fields", {})
        return {name for name in self._all if fields.get(name, rest).get(right) is True}

    def readable(self, document: Mapping[str, Any]) -> set[str]:
        return (self._fields("read") if self._may("read", document) else set()) | (
            self.writable(document)
        )

    def writable(self, document: Mapping[str, Any]) -> set[str]:
        return self._fields("write") if self._may("write", document) else set()

    def may_update(
        self, before: Mapping[str, Any], after: Mapping[str, Any], changed: set[str]
    ) -> bool:
        return (
            bool(self._fields("write"))
            and changed <= self._fields("write")
            and self._may("write", before)
            and self._may("write", after)
        )

    def may(self, key: str, document: Mapping[str, Any]) -> bool:
        """`insert` or `delete`."""
        return self.writable(document) == self._all and self._may(key, document)
