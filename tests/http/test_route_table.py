"""The table of routes: which row a request finds, and what is no table."""

from __future__ import annotations

import pytest
from aiohttp import web

from realmsync.server.http.bodies import Body, Member
from realmsync.server.http.call import Call
from realmsync.server.http.endpoints import ROUTES
from realmsync.server.http.replies import HttpError
from realmsync.server.http.table import Caller, Route, Table


async def nothing(call: Call) -> web.Response:
    return web.Response(text=call.request.path)


def row(method: str, path: str) -> Route:
    return Route(method, path, nothing, Caller.STRANGER, f"{method} {path}")


TABLE = Table(
    [
        row("GET", "/app/{app}/location"),
        row("POST", "/app/{app}/providers/{provider}/login"),
        row("POST", "/app/{app}/providers/local-userpass/register"),
        row("GET", "/keys"),
        row("POST", "/keys"),
        row("DELETE", "/keys/{key}"),
        row("PUT", "/keys/{key}/enable"),
    ]
)


@pytest.mark.parametrize(
    ("request_line", "path", "parameters"),
    [
        ("GET /app/a%20b/location", "/app/{app}/location", {"app": "a b"}),
        (
            "POST /app/a/providers/anon-user/login",
            "/app/{app}/providers/{provider}/login",
            {"app": "a", "provider": "anon-user"},
        ),
        (
            "POST /app/a/providers/local-userpass/login",
            "/app/{app}/providers/{provider}/login",
            {"app": "a", "provider": "local-userpass"},
        ),
        (
            "POST /app/a/providers/local-userpass/register",
            "/app/{app}/providers/local-userpass/register",
            {"app": "a"},
        ),
        ("POST /keys", "/keys", {}),
        ("PUT /keys/%2F/enable", "/keys/{key}/enable", {"key": "/"}),
    ],
)
def test_a_request_finds_its_row(request_line: str, path: str, parameters: dict[str, str]) -> None:
    found = TABLE.find(*request_line.split(" "))
    assert isinstance(found, tuple)
    assert (found[0].path, found[1]) == (path, parameters)


@pytest.mark.parametrize(
    ("request_line", "methods"),
    [
        ("PATCH /keys", {"GET", "POST"}),
        ("GET /keys/a", {"DELETE"}),
        ("GET /", set()),
        ("GET /keys/", set()),
        ("PUT /keys//enable", set()),
        ("GET /app/a/location/", set()),
        ("GET /app/a/b/location", set()),
        ("GET " + "/keys" * 5000, set()),
    ],
)
def test_a_request_without_a_row(request_line: str, methods: set[str]) -> None:
    assert TABLE.find(*request_line.split(" ")) == methods


def test_two_rows_for_one_request() -> None:
    with pytest.raises(ValueError, match="two rows for GET /a/{other}"):
        Table([row("GET", "/a/{one}"), row("GET", "/a/{other}")])


def test_each_row_of_the_api_is_found() -> None:
    table = Table(ROUTES)
    for route in ROUTES:
        path = route.path
        for name in route.parameters:
            path = path.replace(f"{{{name}}}", f"a-{name}")
        found = table.find(route.method, path)
        assert found == (route, {name: f"a-{name}" for name in route.parameters})


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"list": []}, "'name' must be a string"),
        ({"name": None, "list": []}, "'name' must be a string"),
        ({"name": "a", "list": {}}, "'list' must be an array"),
        ({"name": "a", "list": [], "may": 1}, "'may' must be a boolean"),
    ],
)
def test_a_body_that_is_not_as_described(sent: dict[str, object], told: str) -> None:
    body = Body(
        (
            Member("name"),
            Member("list", "array"),
            Member("may", "boolean", required=False),
            Member("any", None),
        )
    )
    body.check({"name": "a", "list": [], "other": 1})
    with pytest.raises(HttpError, match=told) as refused:
        body.check(sent)
    assert refused.value.status == 400
