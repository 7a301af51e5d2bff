"""Every recorded history through MergePeer: results byte for byte, final states of all peers."""

from __future__ import annotations

from typing import Any

import pytest

from merge.stories import FILES, read_stories, replay
from realmsync.inspect import MergePeer


def all_of(peer: MergePeer) -> Any:
    return peer.version, peer.state()


@pytest.mark.parametrize("name", FILES)
def test_strict_peers_repeat_the_recording(name: str) -> None:
    replayed = [replay(story, MergePeer, all_of) for story in read_stories(name)]
    assert sum(r.integrations for r in replayed) > 100
    assert sum(r.failures for r in replayed) <= 6
