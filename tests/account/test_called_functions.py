"""Functions that a user calls: what is sent, what comes back, and services that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from account.fake_service import BASE, FakeService
from account.replies import reply
from app_folders import write_app
from engine_double import EngineDouble
from realmsync import App, Credentials, User
from realmsync.account.http import (
    MAX_RESULT,
    HttpRequest,
    HttpResponse,
    HttpTransport,
    aiohttp_transport,
)
from realmsync.errors import AppError, ArgumentTypeError, InvalidPropertyError
from realmsync.server.apps.sources import AppFolder
from realmsync.server.config import ServerConfig
from realmsync.server.functions.context import FunctionContext
from realmsync.server.functions.registry import AppFunctions
from realmsync.server.process import Server

CALL = "/functions/call"
REFUSED = reply({"error": "invalid session", "error_code": "InvalidSession"}, 401)


@pytest.fixture
async def user(make_app: Callable[..., App], service: FakeService) -> User:
    service.answers[CALL] = reply({"$numberInt": "3"})
    user = await make_app().log_in(Credentials.anonymous())
    service.requests.clear()
    return user


async def test_what_is_sent(user: User, service: FakeService) -> None:
    assert await user.functions.sum(1, 2) == 3
    assert await user.call_function("a/b c", {"id": ObjectId("65f0c0ffee0123456789abcd")}) == 3
    one, two = service.requests
    assert one.url == two.url == f"http://host:1{BASE}/app/my-app/functions/call"
    assert one.method == "POST"
    assert one.headers["Authorization"] == f"Bearer {user.access_token}"
    assert json.loads(one.body) == {
        "arguments": [{"$numberInt": "1"}, {"$numberInt": "2"}],
        "name": "sum",
    }
    assert json.loads(two.body)["arguments"] == [{"id": {"$oid": "65f0c0ffee0123456789abcd"}}]


async def test_a_function_is_kept_and_called_again(user: User, service: FakeService) -> None:
    add = user.functions.add
    assert [await add(), await add(1)] == [3, 3]
    for name in ("inspect", "call_function", "name", "_own", "self"):
        await getattr(user.functions, name)()
        assert json.loads(service.requests[-1].body)["name"] == name
    assert not hasattr(user.functions, "__wrapped__")
    await copy.copy(user.functions).add()


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("null", None),
        ('"x"', "x"),
        ("true", True),
        ("[1, {}]", [1, {}]),
        ("5", 5),
        ("0.5", 0.5),
        ('{"$numberLong": "9007199254740993"}', 9007199254740993),
        ('{"$oid": "65f0c0ffee0123456789abcd"}', ObjectId("65f0c0ffee0123456789abcd")),
        ('{"errors": 1}', {"errors": 1}),
    ],
)
async def test_results(user: User, service: FakeService, body: str, result: Any) -> None:
    service.answers[CALL] = reply(body)
    assert await user.functions.f() == result


@pytest.mark.parametrize("body", ["", "{", "<html>", '{"$oid": 5}', "[" * 5000])
async def test_results_that_are_none(user: User, service: FakeService, body: str) -> None:
    service.answers[CALL] = reply(body)
    with pytest.raises(AppError) as caught:
        await user.functions.f()
    assert caught.value.name == "BadBsonParse"


@pytest.mark.parametrize(
    ("status", "code", "number"),
    [
        (404, "FunctionNotFound", 4325),
        (400, "FunctionExecutionError", 4313),
        (403, "NoMatchingRuleFound", 4314),
        (200, "FunctionExecutionError", 4313),
    ],
)
async def test_failures(
    user: User, service: FakeService, status: int, code: str, number: int
) -> None:
    service.answers[CALL] = reply({"error": "what it says", "error_code": code}, status)
    with pytest.raises(AppError, match="^what it says$") as caught:
        await user.functions.f()
    assert (caught.value.name, caught.value.code, caught.value.status) == (code, number, status)


async def test_an_access_token_that_has_ended(user: User, service: FakeService) -> None:
    service.answers[CALL] = [REFUSED, reply("[7]")]
    before = user.access_token
    assert await user.functions.f(1) == [7]
    assert service.paths() == [
        "POST /app/my-app/functions/call",
        "POST /auth/session",
        "POST /app/my-app/functions/call",
    ]
    first, _, second = service.requests
    assert first.body == second.body
    assert first.headers["Authorization"] == f"Bearer {before}"
    assert second.headers["Authorization"] == f"Bearer {user.access_token}" != f"Bearer {before}"


async def test_a_log_in_that_has_ended(user: User, service: FakeService) -> None:
    service.answers[CALL] = REFUSED
    service.answers["/auth/session"] = reply({"error": "x", "error_code": "UserDisabled"}, 401)
    with pytest.raises(AppError) as caught:
        await user.functions.f()
    assert caught.value.name == "InvalidSession", "of the call, not of the refresh"
    assert user.is_logged_in, "sync decides that"


async def test_nothing_is_sent_in_vain(user: User, service: FakeService) -> None:
    for call in (user.functions.f({1, 2}), user.call_function("f", object())):
        with pytest.raises(ArgumentTypeError, match="as JSON"):
            await call
    wrong: Any = 5
    with pytest.raises(ArgumentTypeError, match="'name' to be a string"):
        await user.call_function(wrong)
    user.log_out_locally()
    with pytest.raises(AppError) as caught:
        await user.functions.f()
    assert caught.value.name == "ClientUserNotLoggedIn"
    assert service.requests == []


@pytest.mark.parametrize("name", ["mongo_client", "mongoClient", "push", "pushClient"])
async def test_what_is_not_there_says_what_is(user: User, name: str) -> None:
    with pytest.raises(InvalidPropertyError, match=r"user\.functions\.name"):
        getattr(user, name)
    with pytest.raises(InvalidPropertyError, match="Did you mean 'call_function'"):
        user.callFunction  # type: ignore[attr-defined]  # noqa: B018


# A service whose answers to calls are bytes.


def diverted(service: FakeService, url: str) -> HttpTransport:
    """Calls of functions go there over a real connection."""

    async def send(request: HttpRequest) -> HttpResponse:
        if request.url.endswith(CALL):
            return await aiohttp_transport(replace(request, url=url))
        return await service(request)

    return send


@asynccontextmanager
async def answering(answer: bytes, *, hold: bool = False) -> AsyncIterator[str]:
    """A server that answers with these bytes, and then hangs up or waits for the client to."""
    ended = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            if hold:
                await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await ended.wait()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"", "disconnected|reset"),
        (HEAD + b"Content-Length: 100\r\n\r\n[1", "100"),
        (b"SSH-2.0-x\r\n", "Bad status line|invalid|Expected HTTP"),
        (HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_RESULT + 1), f"more than {MAX_RESULT} bytes"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno", "Server Error: 502"),
    ],
)
async def test_services_that_misbehave(
    make_app: Callable[..., App], service: FakeService, answer: bytes, text: str
) -> None:
    async with answering(answer) as url:
        user = await make_app(http_transport=diverted(service, url)).log_in(Credentials.anonymous())
        with pytest.raises(AppError, match=text):
            await user.functions.f()
        assert user.is_logged_in


async def test_a_service_that_never_answers(
    make_app: Callable[..., App], service: FakeService
) -> None:
    async with answering(HEAD + b"\r\n[", hold=True) as url:
        app = make_app(http_transport=diverted(service, url), timeout=0.3)
        user = await app.log_in(Credentials.anonymous())
        with pytest.raises(AppError, match=r"no complete answer within 0\.3 s"):
            await user.functions.f()


async def test_a_result_as_long_as_it_may_be(
    make_app: Callable[..., App], service: FakeService
) -> None:
    body = b'"' + b"x" * (MAX_RESULT - 2) + b'"'
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    async with answering(head + body) as url:
        user = await make_app(http_transport=diverted(service, url)).log_in(Credentials.anonymous())
        assert len(await user.functions.f()) == MAX_RESULT - 2


# Our server.


async def test_functions_of_our_server(tmp_path: Path) -> None:
    functions = AppFunctions()
    functions.add("echo", lambda context, *values: list(values))

    @functions.function
    async def whoami(context: FunctionContext) -> str:
        return context.user.id

    @functions.function
    def fail(context: FunctionContext) -> None:
        raise ValueError("no such thing")

    folder = AppFolder(write_app(tmp_path / "app"), functions=functions)
    config = ServerConfig(data=tmp_path / "data", host="127.0.0.1", port=0, app_folders=(folder,))
    async with Server(config, runtime=EngineDouble()) as server:
        app = App("tasks-abcde", base_url=server.url, base_file_path=tmp_path)
        user = await app.log_in(Credentials.anonymous())
        given = [1, 2**40, 0.5, "ä", None, True, b"x", ObjectId(), {"a": [1, {"b": []}]}]
        assert await user.functions.echo(*given) == given
        assert await user.functions.whoami() == user.id
        with pytest.raises(AppError, match="ValueError: no such thing") as caught:
            await user.functions.fail()
        assert caught.value.name == "FunctionExecutionError"
        with pytest.raises(AppError, match="^function not found: 'absent'$") as caught:
            await user.functions.absent()
        assert caught.value.name == "FunctionNotFound"
        with pytest.raises(AppError, match="request body too large") as caught:
            await user.functions.echo("x" * 1_100_000)
        assert caught.value.name == "ReadSizeLimitExceeded"
        assert await user.functions.echo("x" * 50_000) == ["x" * 50_000]
