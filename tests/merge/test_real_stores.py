"""Random stars whose peers are the stores of the product (Q4 and Q7 of merge-rules.md 11.2): the
server's partition database and the clients' realm files, on disk, closed and opened in between.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from merge.places import State
from merge.runs import RandomRun
from merge.star import SERVER, PeerLike
from realmsync import _testbed
from realmsync._core import RealmFile
from realmsync._testbed import PartitionDb, ScratchStore
from realmsync.inspect import ReceivedChangeset

REOPENED = 0.15  # chance before each use


class StoredServer:
    """A partition database. Star versions begin at 1, stored ones at 0."""

    def __init__(self, directory: Path, clients: int, chance: random.Random) -> None:
        self.directory, self.chance = directory, chance
        self.db = PartitionDb(str(directory), durability="process")
        self.db.begin()
        self.partition, _ = self.db.open_partition("app", b'"star"')
        self.idents = [self.db.allocate_ident(self.partition, "ann")[0] for _ in range(clients)]
        self.own = self.db.allocate_ident(self.partition, "ann")[0]  # writes the seed, reads all
        self.db.commit()
        self.commits = 0

    def opened(self) -> PartitionDb:
        if self.chance.random() < REOPENED:
            self.db.close()
            self.db = PartitionDb(str(self.directory), durability="process")
            self.db.begin()
            assert self.db.open_partition("app", b'"star"')[0] == self.partition
            self.db.commit()
        return self.db

    def append(self, ident: int, upload: tuple[int, int, int, int, bytes]) -> int:
        db = self.opened()
        db.begin()
        head, refusal = db.append(self.partition, ident, [upload], upload[:2])
        assert refusal is None
        db.commit()
        return head

    def commit(self, changeset: bytes, timestamp: int) -> int:
        self.commits += 1
        return self.append(self.own, (self.commits + 1, 0, timestamp, 0, changeset)) + 1

    def integrate(self, remote_file_ident: int, changesets: Sequence[ReceivedChangeset]) -> bytes:
        (received,) = changesets
        base = received.last_integrated_local_version - 1
        version, _, timestamp, _, payload = received
        head = self.append(remote_file_ident, (version, base, timestamp, 0, payload))
        page = self.opened().fetch_page(self.partition, self.own, (head - 1, self.commits + 1))
        return b"".join(entry[5] for entry in page["entries"])

    def state(self) -> State:
        path = self.directory / "partitions.sqlite"
        return ScratchStore(str(path), server=True).state(self.partition)


class StoredClient:
    """A realm file."""

    def __init__(self, path: Path, ident: int, chance: random.Random) -> None:
        self.path, self.chance = str(path), chance
        self.file = RealmFile.open(self.path, durability="process")
        _testbed.store_ident(self.file, ident, 1)

    def opened(self) -> RealmFile:
        if self.chance.random() < REOPENED:
            _testbed.close_idle(self.file)
            del self.file
            self.file = RealmFile.open(self.path, durability="process")
        return self.file

    def commit(self, changeset: bytes, timestamp: int) -> int:
        return _testbed.commit_changeset(self.opened(), changeset, timestamp)

    def integrate(self, remote_file_ident: int, changesets: Sequence[ReceivedChangeset]) -> bytes:
        assert remote_file_ident == SERVER
        last = changesets[-1]
        _testbed.integrate(
            self.opened(), list(changesets), last[:2], latest=(last.remote_version, 1)
        )
        return b""

    def state(self) -> State:
        return _testbed.objects(self.opened())


@pytest.mark.parametrize("seed", range(8))
def test_stored_peers_converge(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    clients = 2 + seed % 4

    def make(ident: int, _: str) -> PeerLike:
        if ident == SERVER:
            return StoredServer(tmp_path / "server", clients, chance)
        return StoredClient(tmp_path / f"{ident}.realm", ident, chance)

    run = RandomRun(make, seed, clients=clients, equal_clocks=seed % 5 == 4)
    run.run(160)
    run.star.assert_converged()
    assert run.operations > 60
