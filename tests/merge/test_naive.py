"""The naive engine against the recorded histories (vectors/merges)."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from merge.naive import Peer
from merge.stories import FILES, read_stories, replay


def all_of(peer: Peer) -> Any:
    return peer.state(), dict(peer.reciprocals), peer.version


@pytest.mark.parametrize("name", FILES)
def test_recorded_histories(name: str) -> None:
    third = islice(read_stories(name), 0, None, 3)  # enough to notice a change of the oracle
    replayed = [replay(story, Peer, all_of) for story in third]
    assert sum(r.commits + r.integrations for r in replayed) > 60
