"""Access tokens of open realms, against a server: renewed before they end, refused by the server,
and by the service that gives new ones. client-session.md section 11."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from devices import LIMIT, Device, add, session_of, world
from eventually import eventually
from realmsync import ConnectionState, Realm, SessionLifecycleState, SyncSession
from realmsync.account import validity
from realmsync.account.http import HttpRequest, HttpResponse, aiohttp_transport
from realmsync.errors import SyncError

Answer = Callable[[], HttpResponse]


class Requests:
    """A transport that counts requests for access tokens, and can answer them itself."""

    def __init__(self) -> None:
        self.count = 0
        self.answer: Answer | None = None

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST" and request.url.endswith("/auth/session"):
            self.count += 1
            if self.answer is not None:
                return self.answer()
        return await aiohttp_transport(request)

    @contextlib.contextmanager
    def answered(self, answer: Answer) -> object:
        self.answer = answer
        yield
        self.answer = None


def unauthorized() -> HttpResponse:
    return HttpResponse(401, body="unauthorized")


def forbidden() -> HttpResponse:
    return HttpResponse(403, body="forbidden")


def unavailable() -> HttpResponse:
    return HttpResponse(503, body="come back later")


def moved() -> HttpResponse:
    return HttpResponse(308, body="elsewhere")


def forge(device: Device) -> None:
    """The device's access token becomes one that looks as good and is not the server's."""
    token = device.user.access_token
    assert token is not None
    device.user._update(access_token=token[:-8] + "A" * 8)


class Told:
    """What the sessions of a device were told."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, SyncError]] = []

    def __call__(self, session: SyncSession, error: SyncError) -> None:
        self.errors.append((session.path, error))


async def test_tokens_are_renewed_before_they_end(tmp_path: Path) -> None:
    requests = Requests()
    async with world(tmp_path, access_token_lifetime=3) as at:
        device = await at.device(http_transport=requests)
        tokens = {device.user.access_token}
        async with device.open() as realm:
            changes: list[ConnectionState] = []
            session_of(realm).add_connection_notification(lambda new, _: changes.append(new))
            while len(tokens) < 4:
                await eventually(lambda: device.user.access_token not in tokens, LIMIT)
                tokens.add(device.user.access_token)
            assert changes == []  # they outlive the connection's first one
            add(realm, 1)
            assert await session_of(realm).upload_all_local_changes(LIMIT)
            at.cut()
            add(realm, 2)
            session = session_of(realm)
            assert await session.upload_all_local_changes(LIMIT)
        await eventually(session.ended.is_set, LIMIT)
        count = requests.count
        await eventually(lambda: (device.user._token_validity or (0, 9))[1] < 0, LIMIT)
        assert requests.count <= count + 1  # nobody's token is renewed any more


@pytest.mark.parametrize("answer", [unauthorized, forbidden, unavailable])
async def test_what_nobody_has_asked_for_is_not_believed(answer: Answer, tmp_path: Path) -> None:
    """The token is good, the connection, too; when a session asks, the answer counts."""
    requests, told = Requests(), Told()
    async with world(tmp_path, access_token_lifetime=2) as at:
        device = await at.device(http_transport=requests)
        async with device.open(on_error=told) as realm:
            session = session_of(realm)
            with requests.answered(answer):
                before = requests.count
                await eventually(lambda: requests.count > before, LIMIT)
                add(realm, 1)
                assert await session.upload_all_local_changes(LIMIT)
                await eventually(lambda: (device.user._token_validity or (0, 9))[1] < -1, LIMIT)
            assert device.user.is_logged_in and told.errors == []
            assert session.lifecycle_state is SessionLifecycleState.ACTIVE
            at.cut()  # the server asks for another token
            add(realm, 2)
            assert await session.upload_all_local_changes(LIMIT)
            assert device.user.is_logged_in and told.errors == []


@pytest.mark.parametrize(
    ("late", "state"),
    [(4, SessionLifecycleState.ACTIVE), (6, SessionLifecycleState.WAITING_FOR_ACCESS_TOKEN)],
)
async def test_one_that_has_ended_when_a_realm_is_opened(
    late: float, state: SessionLifecycleState, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By more than five seconds: nobody tries it. In any case a new one is asked for, once."""
    requests = Requests()
    async with world(tmp_path, access_token_lifetime=1800) as at:
        device = await at.device(http_transport=requests)
        steady = validity.steady
        for place in ("account.validity", "account.user", "sync.renewal"):
            monkeypatch.setattr(f"realmsync.{place}.steady", lambda: steady() + 1800 + late)
        with Realm(device.config()) as realm:
            session = session_of(realm)
            assert session.lifecycle_state is state  # the server has no time to say anything
            add(realm, 1)
            assert await session.upload_all_local_changes(LIMIT)
            await eventually(lambda: (device.user._token_validity or (0, 0))[1] > 1000, LIMIT)
            assert requests.count == 1 and session.lifecycle_state is SessionLifecycleState.ACTIVE


async def test_a_token_that_only_looks_good(tmp_path: Path) -> None:
    requests = Requests()
    async with world(tmp_path) as at:
        device = await at.device(http_transport=requests)
        forge(device)
        assert not device.user._token_expired
        async with device.open() as realm:  # so nobody waits for one before the server says so
            add(realm, 1)
            assert await session_of(realm).upload_all_local_changes(LIMIT)
            assert requests.count == 1
            forge(device)
            at.cut()
            add(realm, 2)
            assert await session_of(realm).upload_all_local_changes(LIMIT)
            assert requests.count == 2


@pytest.mark.parametrize("multiplex", [True, False])
@pytest.mark.parametrize("answer", [unauthorized, forbidden, moved])
async def test_a_refusal_logs_out_and_is_told_once(
    answer: Answer, multiplex: bool, tmp_path: Path
) -> None:
    requests, told = Requests(), Told()
    async with world(tmp_path) as at, contextlib.AsyncExitStack() as realms:
        device = await at.device(http_transport=requests, multiplex_sessions=multiplex)
        bystander = await at.device()
        opened: list[Realm] = [
            await realms.enter_async_context(device.open(name, on_error=told)) for name in "abc"
        ]
        other = await realms.enter_async_context(bystander.open())
        with requests.answered(answer):
            forge(device)
            async with at.server_unreachable():
                for realm in opened:
                    add(realm, 1)
                waits = [
                    asyncio.ensure_future(session_of(realm).upload_all_local_changes(LIMIT))
                    for realm in opened
                ]
                await asyncio.sleep(0)
                at.cut()
            outcomes = await asyncio.gather(*waits, return_exceptions=True)
            await eventually(lambda: len(told.errors) >= (3 if multiplex else 1), LIMIT)
        assert not device.user.is_logged_in
        assert all(isinstance(outcome, SyncError) for outcome in outcomes)
        paths = [path for path, _ in told.errors]
        assert len(paths) == len(set(paths))  # one each; who was logged out with them, none
        assert {(error.code, error.is_fatal) for _, error in told.errors} == {(4346, True)}
        states = {session_of(realm).lifecycle_state for realm in opened}
        assert states == {SessionLifecycleState.INACTIVE}
        add(other, 1)
        assert await session_of(other).upload_all_local_changes(LIMIT)


async def test_a_refusal_while_a_realm_is_opened(tmp_path: Path) -> None:
    requests, told = Requests(), Told()
    async with world(tmp_path) as at:
        device = await at.device(http_transport=requests)
        forge(device)
        words = "Unable to refresh the user access token"
        with requests.answered(forbidden), pytest.raises(SyncError, match=words) as raised:
            await asyncio.wait_for(device.open(on_error=told), LIMIT)
        assert raised.value.code == 4346 and raised.value.is_fatal
        assert not device.user.is_logged_in
        await eventually(lambda: told.errors, LIMIT)
        assert [error.code for _, error in told.errors] == [4346]


async def test_sessions_that_ask_at_once_share_a_request(tmp_path: Path) -> None:
    requests = Requests()
    async with world(tmp_path) as at, contextlib.AsyncExitStack() as realms:
        device = await at.device(http_transport=requests, multiplex_sessions=False)
        opened = [await realms.enter_async_context(device.open(name)) for name in "abcdef"]
        forge(device)
        async with at.server_unreachable():
            at.cut()
            for realm in opened:
                add(realm, 1)
        for realm in opened:
            assert await session_of(realm).upload_all_local_changes(LIMIT)
        assert requests.count < len(opened)


async def test_a_token_that_the_program_asks_for_is_used(tmp_path: Path) -> None:
    """At the next handshake: nobody has to ask once more."""
    requests = Requests()
    async with world(tmp_path) as at:
        device = await at.device(http_transport=requests)
        async with device.open() as realm:
            forge(device)
            await device.user.refresh_custom_data()
            at.cut()
            add(realm, 1)
            assert await session_of(realm).upload_all_local_changes(LIMIT)
            assert requests.count == 1


async def test_a_token_that_comes_after_a_log_out_is_dropped(tmp_path: Path) -> None:
    arrived, answer = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def slow(request: HttpRequest) -> HttpResponse:
        response = await aiohttp_transport(request)
        if request.method == "POST" and request.url.endswith("/auth/session"):
            loop.call_soon_threadsafe(arrived.set)  # on the sync client's loop
            waiting = asyncio.run_coroutine_threadsafe(answer.wait(), loop)
            await asyncio.wrap_future(waiting)
        return response

    told = Told()
    async with world(tmp_path) as at:
        device = await at.device_of_kim()
        device.app._transport = slow
        async with device.open(on_error=told) as realm:
            forge(device)
            at.cut()
            await asyncio.wait_for(arrived.wait(), LIMIT)
            device.user.log_out_locally()
            answer.set()
            await eventually(lambda: not device.app.sync._client._refreshes)  # type: ignore[union-attr]
            assert device.user.access_token is None
            assert session_of(realm).lifecycle_state is SessionLifecycleState.INACTIVE
            assert told.errors == []
