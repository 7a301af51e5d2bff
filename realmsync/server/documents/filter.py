"""Filters of documents, `{field: value, field: {$gt: 1}, $or: [...]}`, read once and then asked.

A subset of MongoDB's, with its meaning; whatever else is refused by name, regular expressions among
it, since clients may choose what a function filters by. What equals what is values.py's.
Specification: app-configuration.md 6.6.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from realmsync.server.documents.values import (
    MISSING,
    NULL,
    ORDERED,
    Comparable,
    Path,
    Work,
    at,
    comparable,
    path_of,
)

# Of a document, and of what a path leads to in it.
Test = Callable[[Any, Work], bool]
ValuesTest = Callable[[Sequence[Any], Work], bool]

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


class Filter:
    """A filter. Raises ValueError for what is none, or too much work."""

    def __init__(self, document: Mapping[str, Any], work: Work) -> None:
        self._document = document
        self._test = _document_test(document, work)

    def matches(self, document: Mapping[str, Any], work: Work) -> bool:
        """Whether a document matches."""
        return self._test(document, work)

    def equalities(self) -> Iterator[tuple[str, Any]]:
        """Fields that have to equal a value in every document that matches."""
        for key, given in _conditions(self._document):
            if not _has_operators(given):
                yield key, given
            elif "$eq" in given:
                yield key, given["$eq"]

    def alternatives(self) -> Iterator[tuple[str, list[Any]]]:
        """Fields that have to equal one of some values in every document that matches."""
        yield from ((key, [value]) for key, value in self.equalities())
        for key, given in _conditions(self._document):
            if _has_operators(given) and "$in" in given:
                yield key, given["$in"]


def condition(given: Any, work: Work) -> Test:
    """What $pull asks of an element: that it equals a value, or matches a filter."""
    if _has_operators(given):
        tests = list(_operator_tests(given, work))
        return lambda value, work: all(test([value], work) for test in tests)
    if isinstance(given, dict):
        test = _document_test(given, work)
        return lambda value, work: isinstance(value, dict) and test(value, work)
    wanted = _wanted(given, work)
    return lambda value, work: comparable(value, work) == wanted


def _conditions(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What has to hold of fields whatever else does."""
    for key, given in document.items():
        if key == "$and":
            for part in given:
                yield from _conditions(part)
        elif not key.startswith("$"):
            yield key, given


def _document_test(document: Any, work: Work) -> Test:
    work.spend()
    if not isinstance(document, dict):
        raise ValueError("a filter is a document")
    tests = [_entry_test(key, given, work) for key, given in document.items()]
    return lambda value, work: all(test(value, work) for test in tests)


def _entry_test(key: str, given: Any, work: Work) -> Test:
    if not key.startswith("$"):
        return _field_test(path_of(key), given, work)
    if key not in ("$and", "$or", "$nor"):
        raise ValueError(f"{key[:100]} is not offered in filters by this server")
    if not isinstance(given, list) or not given:
        raise ValueError(f"{key} takes an array with filters in it")
    tests = [_document_test(part, work) for part in given]
    if key == "$and":
        return lambda value, work: all(test(value, work) for test in tests)
    if key == "$or":
        return lambda value, work: any(test(value, work) for test in tests)
    return lambda value, work: not any(test(value, work) for test in tests)


def _field_test(path: Path, given: Any, work: Work) -> Test:
    if _has_operators(given):
        tests = list(_operator_tests(given, work))
    else:
        tests = [_one_of([given], work)]

    def test(document: Any, work: Work) -> bool:
        values = list(at(document, path, work))
        return all(test(values, work) for test in tests)

    return test


def _has_operators(given: Any) -> bool:
    """Whether it is a document of operators. Raises ValueError for one of both."""
    if not isinstance(given, dict):
        return False
    kinds = {key.startswith("$") for key in given}
    if len(kinds) == 2:
        raise ValueError("operators and fields are mixed in one document of a filter")
    return kinds == {True}


def _operator_tests(given: Mapping[str, Any], work: Work) -> Iterator[ValuesTest]:
    for name, operand in given.items():
        work.spend()
        yield _operator_test(name, operand, work)


def _operator_test(name: str, operand: Any, work: Work) -> ValuesTest:
    if name in _ORDERS:
        return _in_order(name, operand, work)
    match name:
        case "$eq":
            return _one_of([operand], work)
        case "$ne":
            return _negated(_one_of([operand], work))
        case "$in" | "$nin":
            if not isinstance(operand, list):
                raise ValueError(f"{name} takes an array")
            test = _one_of(operand, work)
            return test if name == "$in" else _negated(test)
        case "$exists":
            if not isinstance(operand, bool | int | float):
                raise ValueError("$exists takes true or false")
            return lambda values, _: bool(operand) == any(v is not MISSING for v in values)
        case "$not":
            if not _has_operators(operand):
                raise ValueError("$not takes a document of operators")
            tests = list(_operator_tests(operand, work))
            return lambda values, work: not all(test(values, work) for test in tests)
    raise ValueError(f"{name[:100]} is not offered in filters by this server")


def _negated(test: ValuesTest) -> ValuesTest:
    return lambda values, work: not test(values, work)


def _one_of(wanted: Iterable[Any], work: Work) -> ValuesTest:
    """Equality with any of these; null is equal to nothing at all, too."""
    keys = frozenset(_wanted(value, work) for value in wanted)

    def test(values: Sequence[Any], work: Work) -> bool:
        return any(found in keys for found in _found(values, work))

    return test


def _wanted(value: Any, work: Work) -> Comparable:
    key = comparable(value, work)
    if key[0] == "unknown":  # a regular expression above all
        raise ValueError(f"{type(value).__name__} is not offered in filters by this server")
    return key


def _in_order(name: str, operand: Any, work: Work) -> ValuesTest:
    kind, bound = comparable(operand, work)
    if kind not in ORDERED:
        raise ValueError(f"{name} takes a number, a text, a date or an ObjectId")
    compare = _ORDERS[name]

    def test(values: Sequence[Any], work: Work) -> bool:
        found = _found(values, work)
        return any(other == kind and compare(value, bound) for other, value in found)

    return test


def _found(values: Sequence[Any], work: Work) -> Iterator[Comparable]:
    """What is compared at the end of a path: values, and the elements of arrays."""
    for value in values:
        yield NULL if value is MISSING else comparable(value, work)
        if isinstance(value, list):
            for item in value:
                yield comparable(item, work)
