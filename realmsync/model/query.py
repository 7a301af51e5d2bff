"""Queries as the core compiles them: their arguments, and what is said when it refuses.

Texts come from applications, from expressions (expressions.py), and from clauses made here; what
they mean is decided in the core.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from realmsync import _core
from realmsync.errors import ArgumentTypeError, IllegalOperationError, QueryError
from realmsync.geo import GeoPoint, Region
from realmsync.model.accessor import AccessedRealm
from realmsync.model.counter import Counter
from realmsync.model.expressions import Condition, Expression, Field, key_path_of
from realmsync.model.key_path import is_name
from realmsync.model.objects import BaseObject, EmbeddedObject
from realmsync.model.query_hints import hint_for
from realmsync.naming import shown

# Names for properties, by (class, name) of the application, and for classes.
KeyPathMapping: TypeAlias = Mapping[tuple[str, str] | str, str]
SortKey: TypeAlias = str | Field[Any] | tuple[str | Field[Any], bool]
EVERYTHING = "TRUEPREDICATE"


def make_query(
    realm: AccessedRealm,
    cls: int,
    base: _core.Query | None,
    text: str,
    arguments: Iterable[Any] = (),
    mapping: KeyPathMapping | None = None,
) -> _core.Query:
    """A query of a class, or of what another query selects. QueryError."""
    if not isinstance(text, str):
        meant = (
            ": conditions belong into where(...)"
            if isinstance(text, Condition | Expression)
            else ""
        )
        raise ArgumentTypeError(f"Expected the text of a query, got {shown(text)}{meant}")
    given = [_argument(value, place) for place, value in enumerate(arguments)]
    try:
        return realm._core.query(cls, base, text, given, _mapping(realm, mapping))
    except QueryError as error:
        error.hint = hint_for(error, {c.name: c for c in realm._classes})
        raise


def _argument(value: Any, place: int) -> Any:
    """As the core takes it: regions are tuples, so that every other collection is a list."""
    if isinstance(value, Region | GeoPoint):
        return value._native()
    if isinstance(value, EmbeddedObject):
        raise ArgumentTypeError(
            f"argument ${place} is an embedded object: those cannot be compared"
        )
    if isinstance(value, Counter):
        raise ArgumentTypeError(f"argument ${place} is a counter: use its value")
    if isinstance(value, str | bytes | bytearray | memoryview | BaseObject):
        return value
    if isinstance(value, Mapping):
        raise ArgumentTypeError(f"argument ${place} is a mapping: those cannot be compared")
    if isinstance(value, Iterable):
        return list(value)
    return value


def _mapping(realm: AccessedRealm, given: KeyPathMapping | None) -> list[tuple[str, ...]]:
    entries: list[tuple[str, ...]] = [
        (c.name, p.name, f"@links.{p.target}.{p.origin}")
        for c in realm._classes
        for p in c.properties
        if p.type == "linkingObjects"
    ]
    for name, meant in (given or {}).items():
        if isinstance(name, str):
            entries.append((meant, name))
        elif isinstance(name, tuple) and len(name) == 2:
            entries.append((*name, meant))
        else:
            raise ArgumentTypeError(f"Expected (class, name) or the name of a class, got {name!r}")
    return entries


def sorting(keys: tuple[Any, ...], reverse: bool) -> tuple[str, list[str]]:
    """`SORT(…)` of properties, each with a direction of its own or that of `reverse`.

    With the arguments that its text stands on.
    """
    arguments: list[str] = []
    given: list[Any] = []
    for key in keys:
        given += key if isinstance(key, list) else [key]
    parts = []
    for key in given:
        name, backwards = key if isinstance(key, tuple) and len(key) == 2 else (key, reverse)
        if not isinstance(backwards, bool) or isinstance(name, list | bool):
            raise ArgumentTypeError(
                f"Expected a property, or (property, reverse), got {key!r}: write"
                " sorted('age', reverse=True), or sorted([('age', True), 'name'])"
            )
        parts.append(f"{_spelled(name, arguments)} {'DESC' if backwards else 'ASC'}")
    if not parts:
        raise ArgumentTypeError("sorted needs the name of a property to sort by")
    return f"SORT({', '.join(parts)})", arguments


def distinction(keys: tuple[Any, ...]) -> tuple[str, list[str]]:
    """`DISTINCT(…)` of properties, with the arguments that its text stands on."""
    if not keys:
        raise ArgumentTypeError("distinct needs the name of a property")
    arguments: list[str] = []
    return f"DISTINCT({', '.join(_spelled(key, arguments) for key in keys)})", arguments


# What a printed query ends with. Nothing else in it ends so.
_CLAUSES = re.compile(r"(?: (?:SORT|DISTINCT|LIMIT)\([^()]*\))*$")


def described(base: str, own: str) -> str:
    """The text of a query that is asked of what another one selects."""
    predicate, clauses = _taken_apart(own)
    if predicate == EVERYTHING:
        return base + clauses
    base_predicate, base_clauses = _taken_apart(base)
    if "LIMIT(" in base_clauses or "DISTINCT(" in base_clauses:
        return f"{base} and {predicate}{clauses}"  # no text that could be asked
    if base_predicate != EVERYTHING:
        predicate = f"{base_predicate} and {predicate}"
    return predicate + base_clauses + clauses


def _taken_apart(text: str) -> tuple[str, str]:
    found = _CLAUSES.search(text)
    place = found.start() if found is not None else len(text)
    return text[:place], text[place:]


def condition_of(text: str) -> str:
    """The condition of a query, as a subscription has it: without order, distinct and limit.

    IllegalOperationError when it is asked of what a limit or distinct has left.
    """
    predicate, _ = _taken_apart(text)
    if re.search(r" (?:DISTINCT|LIMIT)\(", re.sub(r'"[^"]*"', "", predicate)):
        raise IllegalOperationError(
            "a subscription cannot be asked of results with limit() or distinct(): subscribe to"
            " what they are of"
        )
    return predicate


def _spelled(name: Any, arguments: list[str]) -> str:
    """A path as the grammar spells it; as an argument if it has no spelling for a name."""
    path = key_path_of(name)
    if all(map(is_name, path.split("."))):
        return path
    if re.search(r"[\\\[@]|^-", path):  # spelled already, but for blanks
        escapes = {" ": r"\ ", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
        return re.sub(r"(?<!\\)[ \t\n\r]", lambda m: escapes[m[0]], path)
    arguments.append(path)
    return f"$K{len(arguments) - 1}"
