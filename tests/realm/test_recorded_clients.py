"""Recorded histories through realm files on disk: every client's commits and downloads, the file
reopened in between, end in the recorded objects. The server's side is in test_partition_db.py.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from merge.stories import FILES, SERVER, Story, by_id, read_stories, recorded_states
from realmsync import _testbed
from realmsync._core import RealmFile
from realmsync.errors import RealmError


def local(version: int) -> int:
    """A recorded version of a client in the file, where taking the ident made one more."""
    return version + 1 if version else 0


class Client:
    """One client of a story. The file is closed and opened again at random."""

    def __init__(self, path: Path, ident: int, chance: random.Random) -> None:
        self.path = str(path)
        self.ident = ident
        self.chance = chance
        self.file: RealmFile | None = RealmFile.open(self.path, durability="process")
        _testbed.store_ident(self.file, ident, 1)

    def opened(self) -> RealmFile:
        if self.chance.random() < 0.2:
            self.close()
        if self.file is None:
            self.file = RealmFile.open(self.path, durability="process")
        return self.file

    def close(self) -> None:
        if self.file is not None:
            _testbed.close_idle(self.file)
        self.file = None

    def commit(self, event: dict[str, Any]) -> None:
        version = _testbed.commit_changeset(
            self.opened(), bytes.fromhex(event["hex"]), event["timestamp"]
        )
        assert version == local(event["version"])

    def integrate(self, event: dict[str, Any]) -> None:
        changesets = [
            (
                c["remote_version"],
                local(c["last_integrated_local_version"]),
                c["origin_timestamp"],
                c["origin_file_ident"],
                bytes.fromhex(c["hex"]),
            )
            for c in event["changesets"]
        ]
        file = self.opened()
        _testbed.integrate(file, changesets, changesets[-1][:2], latest=(changesets[-1][0], 1))
        assert _testbed.state(file)["version"] == local(event["version"])

    def replay(self, story: Story) -> bool:
        """Whether the recording ends here, with an error of this client."""
        for event in story["events"]:
            if event.get("peer") == self.ident:
                self.commit(event)
            elif event.get("at") == self.ident:
                if "error" not in event:
                    self.integrate(event)
                    continue
                file = self.opened()
                before = (_testbed.state(file), _testbed.history(file), _testbed.objects(file))
                with pytest.raises(RealmError):
                    self.integrate(event)
                file = self.opened()
                assert (
                    _testbed.state(file),
                    _testbed.history(file),
                    _testbed.objects(file),
                ) == before
                return True
        return False


@pytest.mark.parametrize("name", FILES)
def test_clients_end_as_recorded(name: str, tmp_path: Path) -> None:
    compared = 0
    for number, story in enumerate(read_stories(name)):
        chance = random.Random(story["seed"])
        for ident in range(SERVER + 1, story["clients"] + 2):
            path = tmp_path / f"{number}-{ident}.realm"
            client = Client(path, ident, chance)
            failed = client.replay(story)
            states = recorded_states(story)
            if states and not failed:
                assert by_id(_testbed.objects(client.opened())) == by_id(states[ident - 1]), story[
                    "seed"
                ]
                compared += 1
            client.close()
            RealmFile.remove(str(path))
    assert compared >= 8
