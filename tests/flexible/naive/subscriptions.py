"""A subscription's text as a server reads it: the query language, and what printing did to it.

What lives here: texts that are no subscriptions, and comparisons that mean something else than in
the application that printed them. Everything else is the naive model of `tests/query`.
Specification: query-language.md 8.3, 19.3, 20.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from flexible.naive.objects import SINGLE, Column
from query.naive import parser, syntax

FLOAT, DOUBLE = 6, 7
_NULL = syntax.Literal("null", b"NULL")
_EQUAL = ("=", "==")
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


class NoSubscription(Exception):
    """A text that selects objects somewhere else, but not for a subscription."""


@lru_cache(maxsize=2000)
def parsed(text: str) -> syntax.Text:
    """The tree of a text. Raises Refused, or NoSubscription for what the grammar has and a
    subscription has not."""
    tree = parser.parse(text)
    if tree.clauses:
        raise NoSubscription("an order, a limit or a distinct clause (Q11)")
    for literal in _literals(tree.query):
        if literal.name == "typed link":
            raise NoSubscription(f"{literal.text!r} is a key of the client alone (Q5)")
    return tree


def as_meant(query: Any, columns: Mapping[str, Column]) -> Any:
    """The query with the comparisons that printing spoiled as they were meant (Q12, Q13)."""
    if isinstance(query, syntax.Not):
        return replace(query, child=as_meant(query.child, columns))
    if isinstance(query, syntax.Logical):
        return replace(query, children=[as_meant(each, columns) for each in query.children])
    if not isinstance(query, syntax.Comparison):
        return query
    pairs = [(query.left, query.right), (query.right, query.left)]
    for operand, constant in pairs:
        column = _direct(operand, columns)
        if column is not None and isinstance(constant, syntax.Literal):
            return _meant(query, operand, column, constant)
    return query


def _direct(operand: Any, columns: Mapping[str, Column]) -> Column | None:
    """The column of floats or doubles that an operand is, and nothing more."""
    if not isinstance(operand, syntax.Property) or operand.quantifier or operand.post:
        return None
    elements = operand.path.elements
    if len(elements) != 1 or not isinstance(elements[0], syntax.Key):
        return None
    column = columns.get(elements[0].name)
    is_one = column is not None and column.type in (FLOAT, DOUBLE) and column.collection == SINGLE
    return column if is_one else None


def _meant(query: syntax.Comparison, operand: Any, column: Column, constant: syntax.Literal) -> Any:
    if constant.name in ("natural0", "number"):  # was a double: a stored NaN is not below it
        exact = replace(constant, name="float", text=constant.text + b".0")
        is_turned = query.left is not operand
        operator = _TURNED.get(query.operator, query.operator) if is_turned else query.operator
        return syntax.Comparison(operator, operand, exact)
    if constant.name == "nan" and query.operator in _EQUAL and column.nullable:  # was null, in IN
        of_null = syntax.Comparison("=", operand, _NULL)
        return syntax.Logical("or", [query, of_null])
    return query


def _literals(node: Any) -> Iterator[syntax.Literal]:
    if isinstance(node, syntax.Literal):
        yield node
    elif isinstance(node, (list, tuple)):
        for each in node:
            yield from _literals(each)
    elif hasattr(node, "__dataclass_fields__"):
        for name in node.__dataclass_fields__:
            yield from _literals(getattr(node, name))
