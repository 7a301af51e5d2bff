"""Whether a set of subscriptions is one that an application serves, and what is said when not.

Specification: query-language.md 20.2 and 20.4, app-configuration.md 4.1 and 4.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from realmsync import _core
from realmsync.apps.model import App, Class, ClassKind, Property
from realmsync.apps.plain_schemas import to_plain
from realmsync.apps.queryable import is_reserved
from realmsync.errors import QueryError

_LARGEST = 256 * 1024  # bytes of one subscription
_LONGEST_TEXT = 1000  # characters of what is wrong with one: it repeats the query
_PRIMITIVE = frozenset(
    {"bool", "int", "double", "float", "decimal128", "string", "data", "date", "objectId", "uuid"}
)
# Parentheses, and texts, in which they are none. A text without an end goes to the end, so that no
# place is looked at twice.
_MARKS = re.compile(r'"(?:[^"\\]|\\.|\\\Z)*(?:"|\Z)|\'(?:[^\'\\]|\\.|\\\Z)*(?:\'|\Z)|[()]', re.S)


class BadSubscription(Exception):
    """A set of subscriptions that is not served; the text is for the client."""


class Subscriptions:
    """Checks the sets of subscriptions of one model of an application."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._schema = _core.AppSchema(to_plain(app.classes))

    def check(self, queries: Mapping[str, str]) -> dict[str, frozenset[str]]:
        """Raises BadSubscription for a set that is not served: queries by class.

        In development mode gives the fields that become queryable by it, by class.
        """
        added: dict[str, frozenset[str]] = {}
        for name, text in queries.items():
            cls = self._app.classes.get(name)
            if cls is None or cls.kind is ClassKind.EMBEDDED:
                raise BadSubscription(f'Invalid query: table "{name}" does not exist')
            if cls.kind is ClassKind.ASYMMETRIC:
                raise BadSubscription(
                    f'Invalid query: table "{name}" is asymmetric: it cannot be subscribed to'
                )
            fields: set[str] = set()
            for alternative in _alternatives(text):
                fields |= self._check(cls, alternative)
            if fields:
                added[name] = frozenset(fields)
        return added

    def _check(self, cls: Class, text: str) -> set[str]:
        """The fields that the query would make queryable."""
        if len(text.encode()) > _LARGEST:
            raise BadSubscription(f"Invalid query: a query has at most {_LARGEST} bytes")
        try:
            query = _core.SubscribedQuery(self._schema, cls.name, text)
        except QueryError as error:
            raise BadSubscription(
                f'Invalid query: invalid RQL for table "{cls.name}": {str(error)[:_LONGEST_TEXT]}'
            ) from error
        about = f'Invalid query: invalid match expression for table "{cls.name}":'
        if query.unsupported:
            raise BadSubscription(f"{about} {query.unsupported} is not supported")
        for field in self._app.sync.queryable.indexed:
            if field not in query.pinned:
                raise BadSubscription(
                    f'{about} key "{field}" is an indexed queryable field: every query must name'
                    f" the values that it may have, as in {field} == $0 or {field} IN {{$0, $1}},"
                    " alone or joined to the rest by AND"
                )
        fields = query.fields - self._app.sync.queryable.of(cls.name)
        for field in sorted(query.fields):
            unfit = not _is_eligible(cls, field, field in query.geo_fields)
            if unfit or (field in fields and not self._app.sync.development_mode):
                raise BadSubscription(f'{about} key "{field}" is not a queryable field')
        return fields


def _is_eligible(cls: Class, field: str, is_geo: bool) -> bool:
    """Whether a field can be queryable (4.5)."""
    if is_reserved(field):
        return False
    declared: Property = next(p for p in cls.properties if p.name == field)
    if declared.type == "embedded":
        return is_geo and declared.collection is None
    if declared.type == "link":  # compared with obj()
        return declared.collection is None
    return declared.type in _PRIMITIVE and declared.collection in (None, "list")


def _alternatives(text: str) -> Iterator[str]:
    """The subscriptions of one class: clients put each into parentheses and OR between them."""
    parts: list[str] = []
    depth = start = end = 0
    for mark in _MARKS.finditer(text):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if mark[0] == "(" and depth == 1:
            if text[end : mark.start()].strip() != ("OR" if parts else ""):
                break
            start = mark.start()
        elif mark[0] == ")" and depth == 0:
            parts.append(text[start : mark.end()])
            end = mark.end()
    yield from parts if depth == 0 and end and not text[end:].strip() else [text]
