"""A link that is dead without a sign: it is said of waits, noticed, and replaced (client-session.md
9.7). The spec's times are those of tests/client/test_reconnecting.py; here they are shorter."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from devices import LIMIT, World, add, session_of, world
from eventually import eventually
from realmsync import ConnectionState, SyncTimeoutError, _core

Tuned = Callable[..., Any]  # gives a World, with clients that have these times


@pytest.fixture
def tuned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tuned:
    make = _core.ClientRuntime

    @contextlib.asynccontextmanager
    async def tuned(**times: int) -> AsyncIterator[World]:
        monkeypatch.setattr(
            _core,
            "ClientRuntime",
            lambda tuning, **settings: make(tuning=tuning | times, **settings),
        )
        async with world(tmp_path) as made:
            yield made

    return tuned


async def test_a_wait_says_that_nobody_answers(tuned: Tuned) -> None:
    async with tuned(ping_period_ms=200) as world:
        realm = await (await world.device()).open()
        session = session_of(realm)
        async with world.server_unreachable():
            add(realm, 1)
            await eventually(lambda: "the server has not answered for" in session.explain(), LIMIT)
            with pytest.raises(SyncTimeoutError) as told:
                await session.upload_all_local_changes(0)
            assert "connected, the server has not answered for " in told.value.explanation
            assert session.is_connected  # as far as anybody can know
        assert await session.upload_all_local_changes(LIMIT)
        await eventually(lambda: session.explain() == "connected", LIMIT)
        realm.close()


async def test_a_dead_link_is_replaced(tuned: Tuned) -> None:
    times = {"ping_period_ms": 200, "pong_timeout_ms": 1_000, "reconnect_first_ms": 200}
    async with tuned(**times) as world:
        realm = await (await world.device()).open()
        session = session_of(realm)
        states: list[ConnectionState] = []
        session.add_connection_notification(lambda new, old: states.append(new))
        async with world.server_unreachable():
            add(realm, 1)
            await eventually(lambda: ConnectionState.DISCONNECTED in states, LIMIT)
        assert await session.upload_all_local_changes(LIMIT)
        realm.close()


async def test_a_server_that_resets_connections_cancels_no_wait(tuned: Tuned) -> None:
    """Not even where non-fatal errors do: it is a read error, not a failed attempt (9.9)."""
    async with tuned(reconnect_first_ms=100) as world:
        device = await world.device()
        errors: list[Any] = []
        settings: dict[str, Any] = {
            "cancel_waits_on_non_fatal_error": True,
            "on_error": lambda session, error: errors.append(error),
        }
        realm = await device.open(**settings)
        session = session_of(realm)
        attempts: list[ConnectionState] = []
        session.add_connection_notification(lambda new, old: attempts.append(new))
        async with world.server_refusing():
            add(realm, 1)
            wait = asyncio.ensure_future(session.upload_all_local_changes(LIMIT))
            await eventually(lambda: attempts.count(ConnectionState.CONNECTING) > 2, LIMIT)
            assert not wait.done()
        assert await wait
        assert errors == []
        realm.close()


async def test_news_of_the_network_end_a_delay(tuned: Tuned) -> None:
    async with tuned(reconnect_first_ms=100_000) as world:
        device = await world.device()
        realm = await device.open()
        session = session_of(realm)
        assert session.next_attempt_in is None
        world.cut()
        await eventually(lambda: session.next_attempt_in is not None, LIMIT)
        assert 0 < (session.next_attempt_in or 0) <= 100
        assert session.explain().startswith("offline (")
        device.app.sync.notify_network_change()
        assert await session.download_all_server_changes(LIMIT)
        assert session.next_attempt_in is None
        realm.close()
