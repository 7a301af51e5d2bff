"""Expressions of rules as operators read them: in the words of the query language, with expansions
as they stand. For reports alone: nothing evaluates these texts.

Specification: app-configuration.md 6.5 and 9.5.
"""

from __future__ import annotations

import json
from typing import Any

_LOGIC = {"and": " AND ", "or": " OR ", "nor": " OR "}
_COMPARISONS = {"eq": "==", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_MOST = 500


def expression_text(expression: Any) -> str:
    """One line; the JSON of what is no expression."""
    text = _text(expression)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


def _text(expression: Any) -> str:
    if expression is None:
        return "not said"
    if expression is True or expression in ("%%true", {}):
        return "TRUEPREDICATE"
    if expression is False or expression == "%%false":
        return "FALSEPREDICATE"
    if not isinstance(expression, dict):
        return json.dumps(expression, ensure_ascii=False)
    parts = [_entry(left, right) for left, right in expression.items()]
    return _joined(parts, " AND ")


def _joined(parts: list[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else f"({word.join(parts)})"


def _operator(key: str) -> str | None:
    """The name of an operator, whichever of the two prefixes it has."""
    return key[1:] if key[:1] in ("%", "$") and key[:2] != "%%" else None


def _entry(left: str, right: Any) -> str:
    operator = _operator(left)
    if operator in _LOGIC and isinstance(right, list):
        joined = _joined([_text(part) for part in right], _LOGIC[operator]) if right else "()"
        return f"NOT {joined}" if operator == "nor" else joined
    if operator == "not":
        return f"NOT {_text(right)}"
    if left == "%%true" and isinstance(right, dict) and _called(right):
        return _called(right)
    return _comparison(left, right)


def _comparison(left: str, right: Any) -> str:
    if not isinstance(right, dict) or not right or not _is_of_operators(right):
        return f"{left} == {_value(right)}"
    parts = [_one_comparison(left, _operator(key) or key, value) for key, value in right.items()]
    return _joined(parts, " AND ")


def _one_comparison(left: str, operator: str, value: Any) -> str:
    if operator in _COMPARISONS:
        return f"{left} {_COMPARISONS[operator]} {_value(value)}"
    if operator == "in":
        return f"{left} IN {_value(value)}"
    if operator == "nin":
        return f"NOT {left} IN {_value(value)}"
    if operator == "all":
        return f"ALL OF {_value(value)} IN {left}"
    if operator == "exists":
        return f"{left} {'!=' if value is True else '=='} NULL"
    if operator in _LOGIC and isinstance(value, list):
        joined = _joined([_comparison(left, part) for part in value], _LOGIC[operator])
        return f"NOT {joined}" if operator == "nor" else joined
    if operator == "not":
        return f"NOT {_comparison(left, value)}"
    return f"{left} {operator}? {_value(value)}"


_VALUE_KEYS = ("function", "stringToOid", "stringToObjectId", "oidToString", "stringToUuid")
_CONSTANTS = ("oid", "date", "uuid", "binary", "numberInt", "numberLong", "numberDouble")
_NO_OPERATORS = {*_VALUE_KEYS, "uuidToString", *_CONSTANTS, "numberDecimal"}


def _is_of_operators(right: dict[str, Any]) -> bool:
    """Whether an object compares, rather than being a value."""
    return all(_operator(key) not in (None, *_NO_OPERATORS) for key in right)


def _called(right: dict[str, Any]) -> str:
    """A call of a function, or the empty text."""
    for key, call in right.items():
        if _operator(key) == "function" and isinstance(call, dict):
            arguments = call.get("arguments")
            shown = map(_value, arguments if isinstance(arguments, list) else [])
            return f"{call.get('name')}({', '.join(shown)})"
    return ""


def _value(value: Any) -> str:
    if isinstance(value, str) and value.startswith("%%"):
        return value
    if isinstance(value, dict) and len(value) == 1:
        key, inner = next(iter(value.items()))
        name = _operator(key)
        if name == "function":
            return _called(value) or json.dumps(value, ensure_ascii=False)
        if name in _CONSTANTS or name == "numberDecimal":
            return f"{name}({inner if isinstance(inner, str) else _value(inner)})"
        if name in _NO_OPERATORS:
            return f"{name}({_value(inner)})"
    if isinstance(value, list):
        return "{" + ", ".join(map(_value, value)) + "}"
    return "NULL" if value is None else json.dumps(value, ensure_ascii=False)
