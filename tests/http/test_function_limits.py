"""What one user, and all users, may have of calls of functions at once, and how long they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine_double import EngineDouble
from eventually import eventually
from functions_double import FunctionsDouble
from realmsync.server.config import HttpLimits, ServerConfig
from realmsync.server.http.admission import Shares
from realmsync.server.http.replies import HttpError
from realmsync.server.process import Server
from sdk_http import APP_PATH, Reply, SdkHttp

CALL = f"{APP_PATH}/functions/call"
LONG = "x" * 20_000


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    limits = HttpLimits(
        body_bytes=10_000,
        function_calls_per_user=3,
        function_calls=5,
        long_bodies_bytes_per_user=50_000,
        long_bodies_bytes=100_000,
    )
    config = ServerConfig(data=tmp_path / "server", host="127.0.0.1", port=0, http=limits)
    async with Server(config, runtime=EngineDouble()) as server:
        yield server


@pytest.fixture
def functions(server: Server) -> FunctionsDouble:
    double = FunctionsDouble()
    double.answer(1)
    for app in server.apps:
        app.functions = double
    return double


@pytest.fixture
def http(server: Server) -> SdkHttp:
    return SdkHttp(server.url)


class User:
    """Calls functions."""

    def __init__(self, http: SdkHttp, token: str) -> None:
        self._http = http
        self._token = token

    async def call(self, *arguments: Any) -> Reply:
        body = {"name": "f", "arguments": arguments}
        return await self._http("POST", CALL, body, token=self._token)


async def users(http: SdkHttp, count: int) -> list[User]:
    return [User(http, (await http.anonymous())["access_token"]) for _ in range(count)]


@contextmanager
def held(functions: FunctionsDouble) -> Iterator[None]:
    """Calls wait within."""
    functions.may_go_on.clear()
    try:
        yield
    finally:
        functions.may_go_on.set()


async def test_a_user_has_some_calls_and_others_have_theirs(
    http: SdkHttp, functions: FunctionsDouble
) -> None:
    ada, bo, cy = await users(http, 3)
    with held(functions):
        running = [asyncio.ensure_future(ada.call()) for _ in range(3)]
        await eventually(lambda: len(functions.calls) == 3)
        assert (await ada.call()).status == 429
        running += [asyncio.ensure_future(bo.call()) for _ in range(2)]
        await eventually(lambda: len(functions.calls) == 5)
        assert (await cy.call()).status == 503
    assert {reply.status for reply in await asyncio.gather(*running)} == {200}
    assert {(await user.call()).status for user in (ada, bo, cy)} == {200}


async def test_what_failed_gives_its_place_back(http: SdkHttp, functions: FunctionsDouble) -> None:
    (ada,) = await users(http, 1)
    functions.answer(ZeroDivisionError())
    assert {(await ada.call(LONG)).status for _ in range(10)} == {500}
    functions.answer(1)
    assert (await ada.call(LONG)).status == 200


async def test_long_requests_are_limited_by_what_they_take_and_short_ones_are_not(
    http: SdkHttp, functions: FunctionsDouble
) -> None:
    ada, bo = await users(http, 2)
    with held(functions):
        running = [asyncio.ensure_future(ada.call(LONG)) for _ in range(2)]
        await eventually(lambda: len(functions.calls) == 2)
        refused = await ada.call(LONG)
        assert (refused.status, refused.json["error"]) == (
            429,
            "too many long requests at once, try again later",
        )
        running += [asyncio.ensure_future(user.call("short")) for user in (ada, bo)]
        running.append(asyncio.ensure_future(bo.call(LONG)))
        await eventually(lambda: len(functions.calls) == 5)
    assert {reply.status for reply in await asyncio.gather(*running)} == {200}


@pytest.mark.parametrize(
    ("argument", "status", "says"),
    [
        ("x" * 40_000, 200, ""),
        ("x" * 60_000, 429, "too many long requests"),
        ("x" * 1_050_000, 413, "too large"),
        ([0] * 15_000, 200, ""),
    ],
    ids=["long", "longer than a share", "more than a call may have", "many"],
)
async def test_how_long_a_call_may_be(
    http: SdkHttp, functions: FunctionsDouble, argument: Any, status: int, says: str
) -> None:
    (ada,) = await users(http, 1)
    reply = await ada.call(argument)
    assert reply.status == status and says in reply.text
    if status == 200:
        assert functions.calls[0].arguments == (argument,)


async def test_a_call_may_have_a_mebibyte_by_default(tmp_path: Path) -> None:
    config = ServerConfig(data=tmp_path / "default", host="127.0.0.1", port=0)
    async with Server(config, runtime=EngineDouble()) as server:
        functions = FunctionsDouble()
        functions.answer(1)
        for app in server.apps:
            app.functions = functions
        (ada,) = await users(SdkHttp(server.url), 1)
        room = (1 << 20) - len(json.dumps({"name": "f", "arguments": [""]}))
        assert (await ada.call("x" * room)).status == 200
        assert (await ada.call("x" * (room + 1))).status == 413
        many = await ada.call([0] * 100_000)
        assert (many.status, many.json["error_code"]) == (400, "BadRequest")
        assert "'arguments' has more than 100,000 values" in many.json["error"]
        nested: Any = 1
        for _ in range(101):
            nested = [nested]
        deep = await ada.call(nested)
        assert (deep.status, deep.json["error"]) == (400, "'arguments' is nested deeper than 100")


def test_shares_are_given_back() -> None:
    shares = Shares(10, 6, "no more")
    with shares.hold("a", 6):
        with pytest.raises(HttpError) as mine, shares.hold("a"):
            pass
        assert mine.value.status == 429
        with pytest.raises(HttpError) as others, shares.hold("b", 5):
            pass
        assert others.value.status == 503
        with shares.hold("b", 4):
            pass
    with shares.hold("b", 6):
        pass
