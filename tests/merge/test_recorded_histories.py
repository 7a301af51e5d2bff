"""Every recorded history through MergePeer: results byte for byte, final states of all peers."""

from __future__ import annotations

import pytest

from merge.stories import FILES, by_id, read_stories, received, recorded_states
from realmsync.errors import RealmError
from realmsync.inspect import MergePeer


@pytest.mark.parametrize("name", FILES)
def test_strict_peers_repeat_the_recording(name: str) -> None:
    integrated = failed = 0
    for story in read_stories(name):
        peers = {ident: MergePeer(ident) for ident in range(1, story["clients"] + 2)}
        for event in story["events"]:
            if "peer" in event:
                version = peers[event["peer"]].commit(
                    bytes.fromhex(event["hex"]), event["timestamp"]
                )
                assert version == event["version"]
                continue
            peer = peers[event["at"]]
            if "error" in event:
                before = (peer.version, peer.state())
                with pytest.raises(RealmError):
                    peer.integrate(event["from"], received(event))
                assert (peer.version, peer.state()) == before
                failed += 1
                break
            result = peer.integrate(event["from"], received(event))
            assert result.hex() == event["result_hex"], (story["seed"], event["version"])
            assert peer.version == event["version"]
            integrated += 1
        for peer, state in zip(peers.values(), recorded_states(story), strict=False):
            assert by_id(peer.state()) == by_id(state), (story["seed"], peer)
    assert integrated > 100
    assert failed <= 6
