"""The naive engine against the recorded histories (vectors/merges): every transformed changeset
byte for byte, every refusal at the same event, every final state of every peer."""

from __future__ import annotations

from itertools import islice

import pytest

from merge.naive import Peer
from merge.stories import FILES, Story, by_id, read_stories, received, recorded_states
from realmsync.errors import RealmError


def replay(story: Story) -> int:
    """The number of events that were repeated."""
    peers = {n: Peer(n) for n in range(1, story["clients"] + 2)}
    for number, event in enumerate(story["events"]):
        place = (story["seed"], number)
        if event["ev"] == "commit":
            peer = peers[event["peer"]]
            version = peer.commit(bytes.fromhex(event["hex"]), event["timestamp"])
            assert version == event["version"], place
            continue
        peer = peers[event["at"]]
        if "error" in event:
            before = peer.state(), dict(peer.reciprocals), peer.version
            with pytest.raises(RealmError):
                peer.integrate(event["from"], received(event))
            assert (peer.state(), peer.reciprocals, peer.version) == before, place
            return number
        result = peer.integrate(event["from"], received(event))
        assert result.hex() == event["result_hex"], place
        assert peer.version == event["version"], place
    for peer, state in zip(peers.values(), recorded_states(story), strict=True):
        assert by_id(peer.state()) == by_id(state), (story["seed"], peer.file_ident)
    return len(story["events"])


@pytest.mark.parametrize("name", FILES)
def test_recorded_histories(name: str) -> None:
    third = islice(read_stories(name), 0, None, 3)  # enough to notice a change of the oracle
    assert sum(replay(story) for story in third) > 60
