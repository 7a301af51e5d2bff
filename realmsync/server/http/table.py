"""The form of the table of routes, and how a request finds its row.

The rows are in endpoints.py, what they do in the modules that are named there. A path is matched
segment by segment, so what a request costs does not depend on how many rows there are.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from realmsync.codes import AppCode
from realmsync.enums import Text
from realmsync.server.http.bodies import Body
from realmsync.server.http.call import Call

Handler = Callable[[Call], Awaitable[web.StreamResponse]]
JsonSchema = Mapping[str, Any]

_PARAMETER = re.compile(r"\{(\w+)\}")


class Caller(Text):
    """Who may call: what a request has to show before its handler is asked."""

    STRANGER = "stranger"
    ACCESS_TOKEN = "access"  # of a user; the kinds are those of Auth.authenticate
    REFRESH_TOKEN = "refresh"
    OPERATOR = "operator"  # on this machine, or with the status token
    ADMIN = "admin"  # with a token of the admin API


@dataclass(frozen=True)
class Refusal:
    """A refusal that this row is known for, beside those that follow from its other columns."""

    status: int
    code: AppCode | None = None


@dataclass(frozen=True)
class Route:
    """One row: who may send what to which path, what becomes of it, and what is answered."""

    method: str
    # Parameters stand in braces. {app} is a client app id: the handler is given the application.
    path: str
    handler: Handler
    caller: Caller
    summary: str
    status: int = 200
    reply: JsonSchema | None = None  # None: without a body
    reply_type: str = "application/json"
    also: Mapping[int, JsonSchema] = field(default_factory=dict)  # to some queries, by status
    body: Body | None = None  # None: a body is not looked at
    query: Mapping[str, str] = field(default_factory=dict)  # parameters, with what they mean
    refusals: tuple[Refusal, ...] = ()
    # Whether strangers' requests count (admission.py).
    is_counted: bool = True
    # Of the admin API: for clients on this machine, unless the settings say otherwise.
    is_for_admins: bool = False

    @property
    def parameters(self) -> list[str]:
        """The names in its path, in their order."""
        return _PARAMETER.findall(self.path)


class _Node:
    """The paths that begin with the same segments."""

    def __init__(self) -> None:
        self.next: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.rows: dict[str, tuple[Route, tuple[str, ...]]] = {}  # by method, with names

    def follow(self, segment: str) -> _Node:
        """The node behind a segment of a row's path, made when it is new."""
        if not _PARAMETER.fullmatch(segment):
            return self.next.setdefault(segment, _Node())
        if self.parameter is None:
            self.parameter = _Node()
        return self.parameter


class Table:
    """All rows, by path. Where a name and a parameter both fit, the name goes first."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Raises ValueError for two rows of one method and path."""
        self._root = _Node()
        for route in routes:
            node = self._root
            for segment in route.path.split("/"):
                node = node.follow(segment)
            if route.method in node.rows:
                raise ValueError(f"there are two rows for {route.method} {route.path}")
            node.rows[route.method] = (route, tuple(route.parameters))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | set[str]:
        """The row for a request and its parameters, or the methods that the path has (or none)."""
        segments = path.split("/")
        methods: set[str] = set()
        # Where a name was followed and a parameter would have done, too.
        turnings: list[tuple[_Node, int, tuple[str, ...]]] = [(self._root, 0, ())]
        while turnings:
            node, start, values = turnings.pop()
            for at in range(start, len(segments)):
                segment = segments[at]
                following = node.next.get(segment)
                if node.parameter is not None and segment:
                    if following is None:
                        following, values = node.parameter, (*values, segment)
                    else:
                        turnings.append((node.parameter, at + 1, (*values, segment)))
                if following is None:
                    break
                node = following
            else:
                row = node.rows.get(method)
                if row is not None:
                    route, names = row
                    return route, dict(zip(names, map(_decoded, values), strict=True))
                methods.update(node.rows)
        return methods


def _decoded(segment: str) -> str:
    return unquote(segment) if "%" in segment else segment
