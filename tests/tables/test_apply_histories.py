"""Recorded histories: applying what the server stored gives the state that it ended with.

`result_hex` of an integration is already transformed, so no merging takes part: this tests applying
alone, in both layouts, with every recorded story.
"""

from __future__ import annotations

from typing import Any

import pytest

from merge.stories import FILES, SERVER, Story, by_id, read_stories, recorded_states
from realmsync import _core, _testbed
from realmsync.errors import BadChangesetError

DEFINITION_0 = b"\x3f\x00"


def server_state(story: Story) -> dict[str, Any] | None:
    states = recorded_states(story)
    return by_id(states[0]) if states else None


def received(story: Story, peer: int) -> list[bytes]:
    """What `peer` integrated, transformed, up to where the recording stops."""
    return [
        bytes.fromhex(event["result_hex"])
        for event in story["events"]
        if event["ev"] == "integrate" and event["at"] == peer and "error" not in event
        if event["result_hex"]
    ]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("server", [False, True], ids=["client", "server"])
def test_server_state(name: str, server: bool) -> None:
    checked = 0
    for number, story in enumerate(read_stories(name)):
        store = _testbed.ScratchStore(":memory:", server=server)
        for changeset in received(story, SERVER):
            store.apply(changeset)
        expected = server_state(story)
        if expected is not None:
            assert by_id(store.state()) == expected, f"{name} line {number}"
            checked += 1
    assert checked > 0


@pytest.mark.parametrize("name", FILES)
def test_one_row_write_for_many_changesets_is_the_same(name: str) -> None:
    """All changesets through one cache, written once at the end."""
    for number, story in enumerate(read_stories(name)):
        expected = server_state(story)
        if expected is None:
            continue
        store = _testbed.ScratchStore(":memory:", server=True)
        store.apply_all(received(story, SERVER), partition=5)
        assert by_id(store.state(5)) == expected, f"{name} line {number}"
        assert store.state(6) == {}


def split(joined: bytes) -> list[bytes]:
    """Changesets one after the other, each starting with the definition of its string 0."""
    parts: list[bytes] = []
    start = 0
    while start < len(joined):
        end = joined.find(DEFINITION_0, start + 1)
        while end != -1 and not parses(joined[start:end]):
            end = joined.find(DEFINITION_0, end + 1)
        end = len(joined) if end == -1 else end
        parts.append(joined[start:end])
        start = end
    return parts


def parses(data: bytes) -> bool:
    try:
        _core.Changeset.parse(data)
    except BadChangesetError:
        return False
    return True


@pytest.mark.parametrize("name", FILES)
def test_client_states(name: str) -> None:
    """A client's own commits and transformed integrations, in order, give its recorded state."""
    checked = 0
    for number, story in enumerate(read_stories(name)):
        if "final_state" not in story and "states" not in story:
            continue
        for peer in range(2, story["clients"] + 2):
            store = _testbed.ScratchStore(":memory:")
            for event in story["events"]:
                if event["ev"] == "commit" and event["peer"] == peer:
                    store.apply(bytes.fromhex(event["hex"]))
                elif event["ev"] == "integrate" and event["at"] == peer:
                    for part in split(bytes.fromhex(event["result_hex"])):
                        store.apply(part)
            state = story["states"][peer - 1] if "states" in story else story["final_state"]
            assert by_id(store.state()) == by_id(state), f"{name} line {number} peer {peer}"
            checked += 1
    assert checked > 0
