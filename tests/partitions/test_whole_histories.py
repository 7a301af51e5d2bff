"""Whole histories in the server's store: recorded ones, and its own after kill -9 at any point."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from merge.stories import FILES, SERVER, read_stories
from partitions.one_partition import Server
from realmsync._testbed import PartitionDb
from realmsync.inspect import decode_changeset


@pytest.mark.parametrize("name", FILES)
def test_recorded_histories_on_the_server(name: str, tmp_path: Path) -> None:
    """Every upload of the stories through the store: what it keeps for others is as recorded."""
    integrated = 0
    for number, story in enumerate(read_stories(name)):
        # Each is an app, since idents are unique in one.
        data = str(tmp_path / str(number))
        db = PartitionDb(data, durability="process", merge_profile="strict")
        db.begin()
        partition, _ = db.open_partition("app", f"{name} {story['seed']}".encode())
        for client in range(2, story["clients"] + 2):
            assert db.allocate_ident(partition, "ann")[0] == client
        versions = {1: 0}  # of the recorder, which starts at 1 and gives progress a version too
        expected = []  # what client 2 is to be sent
        for event in story["events"]:
            if event.get("at") != SERVER:
                assert event.get("peer") != SERVER, "the recorded server writes nothing itself"
                continue
            (c,) = event["changesets"]
            base = versions.get(c["last_integrated_local_version"], 0)
            payload = bytes.fromhex(c["hex"])
            entry = (c["remote_version"], base, c["origin_timestamp"], 0, payload)
            head, refusal = db.append(partition, event["from"], [entry], entry[:2])
            if destructive(payload):
                assert refusal is not None
                assert refusal[0] == 225
                break
            if "error" in event:
                assert refusal is not None
                assert refusal[0] == 212
                break
            assert refusal is None, (story["seed"], refusal)
            assert head == versions[max(versions)] + 1
            versions[event["version"]] = head
            if event["from"] != 2 and event["result_hex"]:
                expected.append(bytes.fromhex(event["result_hex"]))
            integrated += 1
        db.commit()
        fresh = db.fetch_page(partition, 2, byte_limit=1 << 30)
        assert [e[5] for e in fresh["entries"]] == expected
        db.close()
    assert integrated > 50


def destructive(payload: bytes) -> bool:
    return any(i["op"] in ("EraseTable", "EraseColumn") for i in decode_changeset(payload))


# kill -9

WRITER = """
import random, sys
from realmsync._testbed import PartitionDb
from realmsync.inspect import decode_changeset
sys.path.insert(0, sys.argv[2])
from instructions import DOG, changeset, create, update
db = PartitionDb(sys.argv[1])
db.begin()
partition, head = db.open_partition("app", b'"dogs"')
files = [db.allocate_ident(partition, "ann")[0] for _ in range(3)]
db.commit()
version = 1
for ident in files:
    db.begin()
    version += 1
    db.append(partition, ident, [(version, 0, 1, 0, changeset(*DOG))], (version, 0))
    db.commit()
chance = random.Random(int(sys.argv[3]))
while True:
    db.begin()
    heads = []
    for ident in chance.sample(files, 2):
        version += 1
        key = ident * 1_000_000 + version
        changes = changeset(create("Dog", key), update("Dog", key, "age", version))
        entry = (version, 0, version, 0, changes)
        head, refusal = db.append(partition, ident, [entry], (version, 0))
        assert refusal is None, refusal
        heads.append((ident, version, head))
    db.commit()
    for ident, acknowledged, head in heads:
        print(ident, acknowledged, head, flush=True)
"""


def check_invariants(path: Path, acknowledged: list[tuple[int, int, int]]) -> None:
    """I1 to I7 of server-behaviour.md 1.4, by SQL alone."""
    connection = sqlite3.connect(path)
    history = connection.execute(
        "SELECT version, salt, via_ident, client_version, size, cumul_bytes, length(changeset) "
        "FROM rs_history ORDER BY version"
    ).fetchall()
    assert [row[0] for row in history] == list(range(1, len(history) + 1)), "no gaps"
    total = 0
    for _, _, _, _, size, running, length in history:
        total += size
        assert (size, running) == (length, total)
    stored = {(via, cv): version for version, _, via, cv, *_ in history}
    assert len(stored) == len(history), "every client version once"
    for ident, cv, ack_cv, ack_head in connection.execute(
        "SELECT ident, client_version, ack_client_version, ack_head FROM rs_client"
    ):
        newest = max((v for i, v in stored if i == ident), default=0)
        assert cv == newest == ack_cv, "the cursor and its entries are one step"
        assert ack_head == stored.get((ident, newest), 0)
    for ident, version, at in acknowledged:
        assert stored.get((ident, version)) == at, "an acknowledged change is there"
    keys = {i * 1_000_000 + v: v for i, v in stored if stored[i, v] > 3}
    objects = dict(connection.execute('SELECT "_id", "age" FROM "Dog"'))
    assert objects == keys, "the tables are the sum of the history"
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_point_nothing_is_lost_or_doubled(tmp_path: Path, seed: int) -> None:
    directory = tmp_path / "data"
    command = [sys.executable, "-c", WRITER, str(directory), str(Path(__file__).parent.parent)]
    child = subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    acknowledged = []
    enough = random.Random(seed).randrange(4, 120)
    for line in child.stdout:
        acknowledged.append(tuple(map(int, line.split())))
        if len(acknowledged) == enough:
            os.kill(child.pid, signal.SIGKILL)
            break
    rest = child.stdout.read().rpartition("\n")[0]
    acknowledged += [tuple(map(int, line.split())) for line in rest.splitlines()]
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    check_invariants(directory / "partitions.sqlite", acknowledged)
    server = Server(directory)
    assert server.head >= len(acknowledged)
    reader = server.file()
    page = server.page(reader[0], byte_limit=1 << 30)
    assert page["download"][0] == server.head
    server.db.close()
