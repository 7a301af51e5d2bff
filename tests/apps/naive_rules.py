"""Rules as app-configuration.md sections 5 and 6 say them, over plain documents, simple and slow.

Written from the specification alone: nothing here knows the product's code. A document is a dict of
its fields, and what is absent is null.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Json = Any
Document = dict[str, Any]


class Missing:
    """What an expansion is that leads nowhere; not null."""


MISSING = Missing()


class Stored(list[Any]):
    """A list of a document: an empty one is null, since a store cannot tell them apart."""


def expand(value: Json, context: Json) -> Any:
    """A right side's value for one user."""
    if isinstance(value, list):
        return [expand(item, context) for item in value]
    if not isinstance(value, str) or not value.startswith("%%"):
        return value
    found = context
    for step in value[2:].split("."):
        if not isinstance(found, dict) or step not in found:
            return MISSING
        found = found[step]
    return found


def holds(expression: Json, document: Document, context: Json) -> bool:
    """Whether an expression is true of a document for one user."""
    if isinstance(expression, bool):
        return expression
    return all(_entry(key, right, document, context) for key, right in expression.items())


def _entry(key: str, right: Json, document: Document, context: Json) -> bool:
    name = key.lstrip("%$")
    if key.startswith("%%") or name == key:
        left = expand(key, context) if key.startswith("%%") else _stored(document.get(key))
        return _right(left, right, context)
    if name == "not":
        return not holds(right, document, context)
    return _joined(name, (holds(inner, document, context) for inner in right))


def _stored(value: Any) -> Any:
    return Stored(value) if isinstance(value, list) else value


def _joined(name: str, members: Iterable[bool]) -> bool:
    return {"and": all, "or": any, "nor": lambda them: not any(them)}[name](members)


def _right(left: Any, right: Json, context: Json) -> bool:
    if not isinstance(right, dict):
        return _test(left, "eq", right, context)
    return all(_operation(left, key.lstrip("%$"), value, context) for key, value in right.items())


def _operation(left: Any, name: str, value: Json, context: Json) -> bool:
    if name == "not":
        return not _right(left, value, context)
    if name in ("and", "or", "nor"):
        return _joined(name, (_right(left, inner, context) for inner in value))
    return _test(left, name, value, context)


def _test(left: Any, name: str, written: Json, context: Json) -> bool:
    right = expand(written, context)
    if right is MISSING:
        return False
    if left is MISSING:
        return name == "eq" and written is None
    tests = {
        "eq": lambda: _equal(left, right),
        "ne": lambda: not _equal(left, right),
        "gt": lambda: _ordered(left, right, lambda a, b: a > b),
        "gte": lambda: _ordered(left, right, lambda a, b: a >= b),
        "lt": lambda: _ordered(left, right, lambda a, b: a < b),
        "lte": lambda: _ordered(left, right, lambda a, b: a <= b),
        "in": lambda: isinstance(right, list) and _among(left, right),
        "nin": lambda: isinstance(right, list) and not _among(left, right),
        "all": lambda: isinstance(right, list) and all(_equal(left, item) for item in right),
        "exists": lambda: _is_null(left) is not right,
    }
    return tests[name]()


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, list):
        return any(_same(item, right) for item in left) or (right is None and _is_null(left))
    if isinstance(right, list):
        return any(_same(left, item) for item in right)
    return _same(left, right)


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, Stored) and not value)


def _same(left: Any, right: Any) -> bool:
    return _kind(left) == _kind(right) and bool(left == right)


def _kind(value: Any) -> str:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if numeric else type(value).__name__


def _ordered(left: Any, right: Any, compare: Any) -> bool:
    items = left if isinstance(left, list) else [left]
    ordered = ("number", "str", "datetime")
    return any(
        _kind(item) == _kind(right) and _kind(item) in ordered and compare(item, right)
        for item in items
    )


def _among(left: Any, right: list[Any]) -> bool:
    return any(_same(a, b) for a in (left if isinstance(left, list) else [left]) for b in right)


@dataclass
class Rights:
    """A role's rights, asked one by one. `role`: as in a rule file; None: no role."""

    role: Json
    fields: list[str]  # of the class, without _id
    context: Json

    def _filter(self, name: str, document: Document) -> bool:
        filters = self.role["document_filters"] if self.role is not None else {name: False}
        return holds(filters[name], document, self.context)

    def _fields(self, right: str) -> set[str]:
        """Fields with a right, wherever the document filter is true."""
        if self.role is None:
            return set()
        if self.role.get(right) is True:
            return set(self.fields)
        named: dict[str, Json] = self.role.get("fields", {})
        others = self.role.get("additional_fields", {})
        return {f for f in self.fields if named.get(f, others).get(right) is True}

    def readable(self, document: Document) -> set[str]:
        read = self._fields("read") if self._filter("read", document) else set()
        return read | self.writable(document)

    def writable(self, document: Document) -> set[str]:
        return self._fields("write") if self._filter("write", document) else set()

    def may_insert(self, document: Document) -> bool:
        return self._may("insert", document)

    def may_delete(self, document: Document) -> bool:
        return self._may("delete", document)

    def _may(self, name: str, document: Document) -> bool:
        if self.writable(document) != set(self.fields):
            return False
        return holds(self.role.get(name, True), document, self.context)

    def may_update(self, before: Document, after: Document, changed: set[str]) -> bool:
        if not self.readable(before):
            return False
        return changed <= self.writable(before) and changed <= self.writable(after)


def choose(roles: Iterable[Json], default_roles: Iterable[Json], context: Json) -> Json:
    """The role of a user in a class; None: none."""
    for role in list(roles) or default_roles:
        if holds(role.get("apply_when", {}), {}, context):
            return role
    return None
