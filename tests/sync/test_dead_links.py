"""A link that is dead without a sign: it is said of waits, noticed, and replaced (client-session.md
9.7). The spec's times are those of tests/client/test_reconnecting.py; here they are shorter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devices import LIMIT, World, add, session_of, world
from eventually import eventually
from realmsync import ConnectionState, SyncTimeoutError, _core


@pytest.fixture
async def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Everything, with clients that wait shortly for a PONG, and long for the next attempt."""
    make = _core.ClientRuntime
    times = {"ping_period_ms": 200, "pong_timeout_ms": 3_000, "reconnect_first_ms": 100_000}

    def tuned(tuning: dict[str, int], **settings: Any) -> _core.ClientRuntime:
        return make(tuning=tuning | times, **settings)

    monkeypatch.setattr(_core, "ClientRuntime", tuned)
    async with world(tmp_path) as made:
        yield made


async def test_a_wait_says_that_nobody_answers(impatient: World) -> None:
    device = await impatient.device()
    realm = await device.open()
    session = session_of(realm)
    states = []
    session.add_connection_notification(lambda new, old: states.append(new))
    async with impatient.server_unreachable():
        add(realm, 1)
        await eventually(lambda: "the server has not answered for" in session.explain())
        with pytest.raises(SyncTimeoutError) as told:
            await session.upload_all_local_changes(0)
        assert told.value.explanation.startswith("connected, the server has not answered for ")
        assert session.is_connected  # as far as anybody can know
        await eventually(lambda: ConnectionState.DISCONNECTED in states, LIMIT)
    device.app.sync.reconnect()
    assert await session.upload_all_local_changes(LIMIT)
    realm.close()


async def test_news_of_the_network_end_a_delay(impatient: World) -> None:
    device = await impatient.device()
    realm = await device.open()
    session = session_of(realm)
    assert session.next_attempt_in is None
    impatient.cut()
    await eventually(lambda: session.next_attempt_in is not None)
    assert 0 < (session.next_attempt_in or 0) <= 100
    assert session.explain().startswith("offline, the next attempt is in ")
    device.app.sync.notify_network_change()
    assert await session.download_all_server_changes(LIMIT)
    assert session.next_attempt_in is None
    realm.close()
