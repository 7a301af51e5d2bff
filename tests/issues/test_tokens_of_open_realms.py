"""Open realms never synced again after a log-in of the same user, or one failed token refresh."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from devices import KIM, LIMIT, add, session_of, world
from realmsync import SessionLifecycleState
from realmsync.account.http import HttpRequest, HttpResponse, aiohttp_transport


async def test_a_new_log_in_resumes_the_sessions_of_open_realms(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device_of_kim()
        async with device.open() as realm, device.open("q") as paused:
            session = session_of(realm)
            session_of(paused).pause()
            for key in range(2):
                await device.user.log_out()
                assert session.lifecycle_state is SessionLifecycleState.INACTIVE
                add(realm, key)
                assert await device.app.log_in(KIM) is device.user
                assert session.lifecycle_state is SessionLifecycleState.ACTIVE
                assert await session.upload_all_local_changes(LIMIT)
            assert session_of(paused).lifecycle_state is SessionLifecycleState.PAUSED
            session_of(paused).resume()
            assert await session_of(paused).download_all_server_changes(LIMIT)


async def test_a_realm_that_was_closed_is_not_opened_by_a_log_in(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device_of_kim()
        async with device.open() as realm:
            session = session_of(realm)
            await device.user.log_out()
        await device.app.log_in(KIM)
        assert session.lifecycle_state is SessionLifecycleState.INACTIVE
        assert not device.app.sync.has_existing_sessions


def unavailable() -> HttpResponse:
    return HttpResponse(503, body="come back later")


def no_answer() -> HttpResponse:
    return HttpResponse(0, body="no answer", custom_status=-1)


def nonsense() -> HttpResponse:
    return HttpResponse(200, body="<html>")


def reset() -> HttpResponse:
    raise ConnectionResetError


def broken() -> HttpResponse:
    raise ZeroDivisionError("a transport of the application's own")


@pytest.mark.parametrize(
    ("fault", "times"),
    [(unavailable, 1), (unavailable, 3), (no_answer, 1), (nonsense, 1), (reset, 1), (broken, 1)],
)
async def test_a_refresh_that_fails_is_tried_again(
    fault: Callable[[], HttpResponse], times: int, tmp_path: Path
) -> None:
    failures = 0

    async def flaky(request: HttpRequest) -> HttpResponse:
        nonlocal failures
        if request.method == "POST" and request.url.endswith("/auth/session") and failures < times:
            failures += 1
            return fault()
        return await aiohttp_transport(request)

    # Tokens count whole seconds: one of a second may end before the log-in has.
    async with world(tmp_path, access_token_lifetime=2) as at:
        device = await at.device(http_transport=flaky, multiplex_sessions=False)
        async with device.open() as realm:
            session = session_of(realm)
            session.pause()
            await asyncio.sleep(2.5)  # the token expires, and the server says so
            add(realm, 1)
            session.resume()
            assert await session.upload_all_local_changes(2 * LIMIT)
        assert failures == times
