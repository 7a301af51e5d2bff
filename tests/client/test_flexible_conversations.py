"""Every recorded conversation of an SDK in flexible sync, with our client in the SDK's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from flexible_client import AWAITING_MARK, BOOTSTRAPPING, COMPLETE, ERROR, PENDING
from flexible_replay import FlexibleReplay

PLAYED = [
    "flx_asymmetric",
    "flx_bodies_1",
    "flx_compensating",
    "flx_guard",
    "flx_initial",
    "flx_multi_batch",
    "flx_no_v0_bootstrap",
    "flx_query_error",
    "flx_results_subscribe",
    "flx_server_bootstrap",
    "flx_update",
    "flx_update_throw",
    "flx_v0_wait",
]
# What ends a process of the recorded SDK, or hangs it, ends the connection of ours.
FATAL = {
    "flx_bad_batch_state": "batch state",
    "flx_bad_progress": "progress",
    "flx_query_bad_versions": "nonexistent query version",
    "flx_query_error_completed": "already-completed query version",
    "flx_query_error_unknown": "nonexistent query version",
}
STATES = {
    "pending": {PENDING, BOOTSTRAPPING, AWAITING_MARK},
    "complete": {COMPLETE},
    "error": {ERROR},
}


@pytest.mark.parametrize("name", PLAYED)
def test_same_messages_states_and_errors(vectors: Path, name: str) -> None:
    replay = FlexibleReplay(vectors / "wire-flx" / f"{name}.jsonl")
    replay.run()
    replay.compare()
    assert replay.errors() == replay.recorded_errors()
    last = replay.result.get("subs")
    if last is not None:
        sets = next(iter(replay.engines.values())).file.sets()
        state, error = sets[last["version"]]
        assert state in STATES[last["state"]]
        assert error == (last["error"] or "")


@pytest.mark.parametrize(("name", "text"), FATAL.items())
def test_what_no_client_survives(vectors: Path, name: str, text: str) -> None:
    replay = FlexibleReplay(vectors / "wire-flx" / f"{name}.jsonl")
    replay.run()
    (engine,) = replay.engines.values()
    assert engine.client.closed
    code, is_fatal, message = replay.errors()[-1]
    assert code == 1038 and is_fatal and text in message


def test_a_bootstrap_without_changesets_completes(vectors: Path) -> None:
    """The recorded SDK waits for ever."""
    replay = FlexibleReplay(vectors / "wire-flx" / "flx_empty_last_batch.jsonl")
    replay.run()
    (engine,) = replay.engines.values()
    assert max(engine.file.sets().items())[1] == (COMPLETE, "")


def test_unbound_after_an_error(vectors: Path) -> None:
    """It ends the connection; the suspended session tells nothing (facts 15)."""
    replay = FlexibleReplay(vectors / "wire-flx" / "flx_unbound_after_error.jsonl")
    replay.run()
    (engine,) = replay.engines.values()
    assert engine.client.closed == [1] and replay.errors() == replay.recorded_errors() == []


def test_every_conversation_is_played(vectors: Path) -> None:
    names = {path.stem for path in (vectors / "wire-flx").glob("*.jsonl")}
    assert names == {
        *PLAYED,
        *FATAL,
        "flx_empty_last_batch",
        "flx_unbound_after_error",
        "flx_migrate",
    }
