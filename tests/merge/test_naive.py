"""The naive engine against the recorded histories (vectors/merges): every transformed changeset
byte for byte, every error at the same event, every final state of every peer."""

from __future__ import annotations

from pathlib import Path

import pytest

from merge.histories import FILES, Story, by_id, name_of, read_stories
from merge.naive import Peer, Received, TransformError
from realmsync.errors import BadChangesetError, SchemaMismatchError


def replay(story: Story) -> int:
    peers = {n: Peer(n) for n in range(1, story["clients"] + 2)}
    for number, event in enumerate(story["events"]):
        place = (story["seed"], number)
        if event["ev"] == "commit":
            peer = peers[event["peer"]]
            version = peer.commit(bytes.fromhex(event["hex"]), event["timestamp"])
            assert version == event["version"], place
            continue
        peer = peers[event["at"]]
        received = [
            Received(
                c["remote_version"],
                c["last_integrated_local_version"],
                c["origin_timestamp"],
                c["origin_file_ident"],
                bytes.fromhex(c["hex"]),
            )
            for c in event["changesets"]
        ]
        if "error" in event:
            before = peer.state(), dict(peer.reciprocals), peer.version
            with pytest.raises((TransformError, BadChangesetError, SchemaMismatchError)):
                peer.integrate(event["from"], received)
            assert (peer.state(), peer.reciprocals, peer.version) == before, place
            return number
        result = peer.integrate(event["from"], received)
        assert result.hex() == event["result_hex"], place
        assert peer.version == event["version"], place
    states = story.get("states", [story.get("final_state")] * len(peers))
    for peer, state in zip(peers.values(), states, strict=True):
        assert by_id(peer.state()) == by_id(state), (story["seed"], peer.file_ident)
    return len(story["events"])


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_recorded_histories(path: Path) -> None:
    assert sum(replay(story) for story in read_stories(path)) > 200
