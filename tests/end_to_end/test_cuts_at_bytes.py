"""A websocket that is cut at any byte, in the middle of its handshake, of a frame's head or of a
message: both ends take it for what it is, and all arrives once (client-session.md 9). What the
engines make of it is simulated for each byte in tests/simulation/test_every_cut.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices import LIMIT, add, session_of, world
from realmsync import _core

STEP = 97  # bytes between two cuts; one with --long
LENGTH = 1_500  # of the conversation, and more: one that ends before its cut is not cut


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that come back at once."""
    make = _core.ClientRuntime
    times = {"reconnect_first_ms": 1, "reconnect_max_ms": 20}

    def tuned(tuning: dict[str, int], **settings: object) -> _core.ClientRuntime:
        return make(tuning=tuning | times, **settings)

    monkeypatch.setattr(_core, "ClientRuntime", tuned)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_cut_at_a_byte(tmp_path: Path, direction: str, scale: int) -> None:
    async with world(tmp_path) as made:
        here, there = [await (await made.device()).open() for _ in range(2)]
        cuts = range(0, LENGTH, 1 if scale > 1 else STEP)
        for byte in cuts:
            made.cut_next(direction, byte)
            made.cut()
            add(here, byte)
            assert await session_of(here).upload_all_local_changes(LIMIT)
            assert await session_of(there).download_all_server_changes(LIMIT)
            assert there.object_for_primary_key("Dog", byte) is not None
        assert len(here.objects("Dog")) == len(there.objects("Dog")) == len(cuts)
        here.close()
        there.close()
