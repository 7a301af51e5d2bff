"""Recorded histories (vectors/merges, described in vectors/README.md): reading, comparing states
and replaying. Each line is one story of a server, peer 1, and its clients.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from realmsync.errors import RealmError
from realmsync.inspect import ReceivedChangeset

SERVER = 1
MERGES = Path(__file__).parent.parent / "vectors" / "merges"
FILES = sorted(str(path.relative_to(MERGES)) for path in MERGES.rglob("*.gz"))

Event = dict[str, Any]
Story = dict[str, Any]


def read_stories(name: str) -> Iterator[Story]:
    with gzip.open(MERGES / name, "rt") as lines:
        for line in lines:
            yield json.loads(line)


def received(event: Event) -> list[ReceivedChangeset]:
    """What an integration starts from."""
    return [
        ReceivedChangeset(
            c["remote_version"],
            c["last_integrated_local_version"],
            c["origin_timestamp"],
            c["origin_file_ident"],
            bytes.fromhex(c["hex"]),
        )
        for c in event["changesets"]
    ]


def recorded_states(story: Story) -> list[dict[str, Any]]:
    """The final state of every peer, server first; nothing where the story ends in an error."""
    if "final_state" in story:
        return [story["final_state"]] * (story["clients"] + 1)
    return story.get("states", [])


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$set"}:
            return {"$set": sorted((_comparable(v) for v in value["$set"]), key=repr)}
        return {key: _comparable(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_comparable(v) for v in value]
    return value


def by_id(state: dict[str, Any]) -> dict[str, Any]:
    """A state to compare: objects by primary key, sets without order."""
    return {
        cls: {repr(object["_id"]): _comparable(object) for object in objects}
        for cls, objects in state.items()
    }


class Replayed(NamedTuple):
    """Events that were repeated."""

    commits: int
    integrations: int
    failures: int


def replay(story: Story, make: Callable[[int], Any], all_of: Callable[[Any], Any]) -> Replayed:
    """A story on peers of one kind, made by ident: every transformed changeset byte for byte, every
    refusal at the same event with `all_of` a peer unchanged, every final state of every peer."""
    commits = integrations = 0
    peers = {ident: make(ident) for ident in range(1, story["clients"] + 2)}
    for number, event in enumerate(story["events"]):
        place = (story["seed"], number)
        if "peer" in event:
            peer = peers[event["peer"]]
            version = peer.commit(bytes.fromhex(event["hex"]), event["timestamp"])
            assert version == event["version"], place
            commits += 1
            continue
        peer = peers[event["at"]]
        if "error" in event:
            before = all_of(peer)
            with pytest.raises(RealmError):
                peer.integrate(event["from"], received(event))
            assert all_of(peer) == before, place
            return Replayed(commits, integrations, 1)
        result = peer.integrate(event["from"], received(event))
        assert result.hex() == event["result_hex"], place
        assert peer.version == event["version"], place
        integrations += 1
    for peer, state in zip(peers.values(), recorded_states(story), strict=True):
        assert by_id(peer.state()) == by_id(state), (story["seed"], peer)
    return Replayed(commits, integrations, 0)
