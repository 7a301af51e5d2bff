"""Openings and waits while a server or its tokens cannot be reached, with and without
cancel_waits_on_non_fatal_error (client-session.md 5.6, 7.2, 11.3)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from devices import LIMIT, Device, World, session_of, world
from eventually import eventually
from realmsync import OpenRealmBehaviorConfiguration, Realm, SyncError
from realmsync.account.http import HttpRequest, HttpResponse, aiohttp_transport
from realmsync.codes import AppCode

AT_ONCE = OpenRealmBehaviorConfiguration(type="openImmediately")
PATIENT = OpenRealmBehaviorConfiguration(type="downloadBeforeOpen")  # has no limit of its own


class Tokens:
    """A transport of HTTP requests for which renewing an access token can be made to fail."""

    def __init__(self, fail: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> None:
        self._fail = fail
        self.failing = True
        self.failures = 0

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        if self.failing and request.method == "POST" and request.url.endswith("/auth/session"):
            response = await self._fail(request)
            self.failures += 1
            return response
        return await aiohttp_transport(dataclasses.replace(request, timeout=LIMIT))


async def unavailable(_: HttpRequest) -> HttpResponse:
    return HttpResponse(503, body="come back later")


async def forbidden(_: HttpRequest) -> HttpResponse:
    return HttpResponse(403, body='{"error":"no more","error_code":"InvalidSession"}')


async def no_answer(request: HttpRequest) -> HttpResponse:
    """Sent as it is, to somebody who never says anything."""
    silence = await asyncio.start_server(_listen, "127.0.0.1", 0)
    async with silence:
        port = silence.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/auth/session"
        return await aiohttp_transport(dataclasses.replace(request, url=url))


async def _listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await reader.read()
    writer.close()


@contextlib.asynccontextmanager
async def outdated(folder: Path, tokens: Tokens) -> AsyncIterator[Device]:
    """A device whose access token has expired."""
    # Tokens count whole seconds: one of a second may end before the log-in has.
    async with world(folder, access_token_lifetime=2) as at:
        device = await at.device(http_transport=tokens, timeout=0.2)
        await eventually(lambda: device.user._token_expired, LIMIT)
        await asyncio.sleep(1)  # by the server's clock, too
        yield device


@pytest.mark.parametrize("fail", [unavailable, no_answer])
async def test_an_opening_whose_token_cannot_be_renewed_waits(fail: Any, tmp_path: Path) -> None:
    tokens = Tokens(fail)
    async with outdated(tmp_path, tokens) as device:
        opening = asyncio.ensure_future(device.open(new_realm_file_behavior=PATIENT))
        await eventually(lambda: tokens.failures > 1, LIMIT)
        assert not opening.done()
        tokens.failing = False
        (await asyncio.wait_for(opening, LIMIT)).close()


@pytest.mark.parametrize(
    ("fail", "text"),
    [(unavailable, "come back later|503"), (no_answer, "no complete answer within 0.2 s")],
)
async def test_an_opening_whose_token_cannot_be_renewed_is_cancelled(
    fail: Any, text: str, tmp_path: Path
) -> None:
    tokens, told = Tokens(fail), []
    async with outdated(tmp_path, tokens) as device:
        settings = {
            "cancel_waits_on_non_fatal_error": True,
            "on_error": lambda _, error: told.append(error),
        }
        with pytest.raises(SyncError, match=text) as raised:
            await device.open(new_realm_file_behavior=PATIENT, **settings)
        # The first was asked for before connecting: then the old token is tried.
        assert tokens.failures == 2 and told == [] and not raised.value.is_fatal
        assert device.user.is_logged_in and not device.app.sync.has_existing_sessions
        # A wait of a realm that is open is cancelled like that, and the session goes on.
        async with device.open(existing_realm_file_behavior=AT_ONCE, **settings) as realm:
            with pytest.raises(SyncError, match=text):
                await session_of(realm).download_all_server_changes(LIMIT)
            tokens.failing = False
            assert await session_of(realm).download_all_server_changes(LIMIT)


async def test_an_opening_whose_token_is_refused(tmp_path: Path) -> None:
    tokens, told = Tokens(forbidden), []
    async with outdated(tmp_path, tokens) as device:
        with pytest.raises(SyncError, match="Unable to refresh the user access token") as raised:
            await device.open(
                new_realm_file_behavior=PATIENT, on_error=lambda _, error: told.append(error)
            )
        assert raised.value.code == AppCode.AuthError and raised.value.is_fatal
        assert not device.user.is_logged_in and not device.app.sync.has_existing_sessions
        await eventually(lambda: bool(told))  # by the same loop, after the wait
        assert [error.code for error in told] == [AppCode.AuthError]


async def test_an_opening_that_waits_after_the_refusal(tmp_path: Path) -> None:
    """Between the refusal and the wait of an opening the user may be gone already."""
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open(on_error=lambda *_: None) as realm:
            device.fail(realm, AppCode.AuthError, "refused", "LogOutUser")
            await eventually(lambda: not device.user.is_logged_in)
            with pytest.raises(SyncError, match="refused") as raised:
                await session_of(realm)._download_to_open(LIMIT)
            assert raised.value.code == AppCode.AuthError and raised.value.is_fatal


@contextlib.asynccontextmanager
async def server_gone(at: World) -> AsyncIterator[int]:
    await at.server.stop()
    yield 1034  # SyncConnectFailed


@contextlib.asynccontextmanager
async def server_silent(at: World) -> AsyncIterator[int]:
    async with at.server_unreachable():
        yield 1035  # SyncConnectTimeout


@pytest.mark.parametrize("trouble", [server_gone, server_silent])
async def test_an_opening_that_cannot_connect(trouble: Any, tmp_path: Path) -> None:
    told: list[SyncError] = []
    async with world(tmp_path) as at:
        past_the_proxy = {"base_url": at.server.url} if trouble is server_gone else {}
        device = await at.device(timeout=LIMIT, **past_the_proxy)
        settings = {"on_error": lambda _, error: told.append(error)}
        async with trouble(at) as code:
            device.app.config = dataclasses.replace(device.app.config, timeout=0.2)
            opening = asyncio.ensure_future(
                device.open(new_realm_file_behavior=PATIENT, **settings)
            )
            await eventually(lambda: told, LIMIT)
            assert not opening.done()
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            settings["cancel_waits_on_non_fatal_error"] = True
            with pytest.raises(SyncError) as raised:
                await device.open("q", new_realm_file_behavior=PATIENT, **settings)
            assert {raised.value.code, *(error.code for error in told)} == {code}
            assert not raised.value.is_fatal
        assert Realm.exists(device.config("q"))
