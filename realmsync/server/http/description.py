"""The table of routes as an OpenAPI 3.1 description, for tools and for those who write clients.

Everything is taken from the rows (table.py), so the description is as true as the table is. What
follows from a row's columns, such as the refusal of a bad token, is worded here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from realmsync.codes import AppCode
from realmsync.server.http.table import Caller, Refusal, Route
from realmsync.version import __version__

_ERROR: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "What is wrong, for people"},
        "error_code": {
            "type": "string",
            "enum": [*(code.name for code in AppCode), "DraftAlreadyExists"],
        },
    },
    "required": ["error"],
}
_SECURITY: Mapping[Caller, list[dict[str, list[str]]]] = {
    Caller.STRANGER: [],
    Caller.ACCESS_TOKEN: [{"accessToken": []}],
    Caller.REFRESH_TOKEN: [{"refreshToken": []}],
    Caller.OPERATOR: [{"statusToken": []}, {}],
    Caller.ADMIN: [{"adminToken": []}],
}
_BEARER = {"type": "http", "scheme": "bearer"}


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """The OpenAPI description of these rows."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "realmsync", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {
                "accessToken": {**_BEARER, "description": "of a user, from a log-in"},
                "refreshToken": {**_BEARER, "description": "of a user, from a log-in"},
                "statusToken": {**_BEARER, "description": "of --status-token"},
                "adminToken": {**_BEARER, "description": "of the admin API, from its log-in"},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{route.method.lower()}{route.path}").strip("_"),
        "summary": route.summary,
        "tags": [route.handler.__module__.rpartition(".")[2]],
        "security": _SECURITY[route.caller],
        "parameters": [*_parameters(route)],
        "responses": _responses(route),
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(route.body.schema())}
    return operation


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name in route.parameters:
        # An empty segment is none.
        schema = {"type": "string", "minLength": 1}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for name, meaning in route.query.items():
        yield {"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}


def _responses(route: Route) -> dict[str, Any]:
    good: dict[str, Any] = {"description": route.summary}
    if route.reply is not None:
        good["content"] = {route.reply_type: {"schema": route.reply}}
    codes: dict[int, list[str]] = {}
    for refusal in (*route.refusals, *_implied(route)):
        named = codes.setdefault(refusal.status, [])
        if refusal.code is not None and refusal.code.name not in named:
            named.append(refusal.code.name)
    responses = {str(route.status): good}
    for status, schema in route.also.items():
        responses[str(status)] = {"description": route.summary, "content": _json(schema)}
    for status, named in sorted(codes.items()):
        text = ", ".join(named)
        responses[str(status)] = {
            "description": f"{HTTPStatus(status).phrase}{': ' if text else ''}{text}",
            "content": _json({"$ref": "#/components/schemas/Error"}),
        }
    responses["503"] = {"description": "Not for the moment"}
    return responses


def _implied(route: Route) -> Iterator[Refusal]:
    """Refusals that follow from the columns of a row: what dispatcher.py checks for it."""
    yield Refusal(400, AppCode.BadRequest)  # no HTTP that could be read
    yield Refusal(403)  # another site's request, or not an operator's
    yield Refusal(415, AppCode.BadRequest)
    if "app" in route.parameters:
        yield Refusal(404)
    if route.caller is Caller.ADMIN:
        yield Refusal(401, AppCode.MissingAuthReq)
        yield Refusal(401, AppCode.InvalidSession)
    if route.caller in (Caller.ACCESS_TOKEN, Caller.REFRESH_TOKEN):
        for code in (AppCode.MissingAuthReq, AppCode.InvalidSession, AppCode.UserDisabled):
            yield Refusal(401, code)
    if route.is_counted and route.caller is not Caller.OPERATOR:
        yield Refusal(429)
    if route.body is not None:
        yield Refusal(408, AppCode.BadRequest)
        yield Refusal(413, AppCode.ReadSizeLimitExceeded)


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
