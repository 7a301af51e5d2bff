"""Merging what two peers did while apart: how long it takes, and how that grows.

The main workload is n transactions on either side, each creating an object with a string of 500
bytes, a quarter of them also deleting one; the same instructions in one transaction per side; and
the same upload at the server. Nobody touches the other's objects, so that all of it should grow
linearly: the exponent is the slope between the smallest and the largest n in a log-log plot. It is
somewhat above 1 where the work outgrows the caches of the processor; the bound 2 × is 1.25.
Contended are k writes each to one list, one counter, one object's properties.

Merging includes applying. The yardstick inflates the incoming changesets, as their receiver has to.
Figures of the original engine were taken on a two-core machine of this kind; a third is the aim.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import yardsticks
from clients import configuration, connect
from realmsync import OpenRealmBehaviorConfiguration, OpenRealmBehaviorType, Realm
from realmsync._testbed import PartitionDb
from realmsync.inspect import MergePeer, ReceivedChangeset, encode_changeset
from realmsync.testing import ServerProcess
from scale import scaled

Instruction = dict[str, Any]

SIZES = [scaled(size) for size in (1_000, 2_000, 4_000, 8_000, 16_000)]
CONTENDED = [scaled(size) for size in (250, 500, 1_000, 2_000)]
ORIGINAL_S = {  # seconds of the original engine
    ("transactions", SIZES[0]): 0.026,
    ("transactions", SIZES[-1]): 0.385,
    ("instructions", SIZES[-1]): 0.174,
}
LINEAR = 2.0  # time of 16 times as much work, divided by 16, at most
UPLOAD_BYTES = 131_072  # changesets in one UPLOAD of a client
ONE, OTHER = 2, 3  # file idents
SCHEMA_VERSION = 2

COLUMN = {"op": "AddColumn", "table": "Note", "nullable": False}
SCHEMA = encode_changeset(
    [
        {"op": "AddTable", "table": "Note", "pk_field": "_id", "pk_type": 1}
        | {"pk_nullable": False, "asymmetric": False},
        COLUMN | {"field": "text", "type": 3, "collection": 0},
        COLUMN | {"field": "count", "type": 1, "collection": 0},
        COLUMN | {"field": "list", "type": 1, "collection": 1},
    ]
)


def on(op: str, key: int, **fields: Any) -> Instruction:
    return {"op": op, "table": "Note", "pk": {"t": "int", "v": key}, **fields}


def text(rng: random.Random) -> str:
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz     ", k=500))


def transactions(ident: int, count: int) -> list[list[Instruction]]:
    """One peer's: objects of its own, every fourth transaction deletes the one before its own."""
    rng = random.Random(ident)
    result = []
    for number in range(count):
        key = ident * 1_000_000 + number
        value = {"t": "string", "v": text(rng)}
        instructions = [
            on("CreateObject", key),
            on("Update", key, field="text", path=[], value=value, is_default=False),
        ]
        if number % 4 == 3:
            instructions.append(on("EraseObject", key - 1))
        result.append(instructions)
    return result


def one_each(ident: int, count: int) -> list[bytes]:
    return [encode_changeset(instructions) for instructions in transactions(ident, count)]


def all_in_one(ident: int, count: int) -> list[bytes]:
    return [encode_changeset([i for one in transactions(ident, count) for i in one])]


def inserts(ident: int, count: int) -> list[bytes]:
    """At the front and at the back of a list that was empty, in turn."""
    return [
        encode_changeset(
            [
                on("ArrayInsert", 1, field="list", path=[number * (number % 2)])
                | {"value": {"t": "int", "v": number}, "prior_size": number}
            ]
        )
        for number in range(count)
    ]


def increments(ident: int, count: int) -> list[bytes]:
    return [encode_changeset([on("AddInteger", 1, field="count", path=[], value=1)])] * count


def registers(ident: int, count: int) -> list[bytes]:
    return [
        encode_changeset(
            [on("Update", 1, field="text", path=[], is_default=False)
             | {"value": {"t": "string", "v": f"{ident} {number}"}}]
        )
        for number in range(count)
    ]  # fmt: skip


Make = Callable[[int, int], list[bytes]]


class Pair:
    """Two peers that share the schema and object 1, and then go apart."""

    def __init__(self, make: Make, count: int) -> None:
        self.ours, self.theirs = make(ONE, count), make(OTHER, count)
        self.first = encode_changeset([on("CreateObject", 1)])
        self.base = SCHEMA_VERSION + 1

    def merge(self) -> float:
        """Seconds in which one takes in everything of the other."""
        peer = MergePeer(ONE)
        peer.commit(SCHEMA, 1)
        peer.commit(self.first, 1)
        for number, changeset in enumerate(self.ours):
            peer.commit(changeset, 10 + number)
        received = [
            ReceivedChangeset(self.base + 1 + number, self.base, 10 + number, OTHER, changeset)
            for number, changeset in enumerate(self.theirs)
        ]
        start = time.perf_counter()
        peer.integrate(OTHER, received)
        return time.perf_counter() - start

    def inflate(self) -> float:
        return yardsticks.best_of(yardsticks.zlib_decompress(b"".join(self.theirs)), rounds=10)


def best(run: Callable[[], float], rounds: int) -> float:
    return min(run() for _ in range(scaled(rounds)))


def record_growth(
    name: str, seconds: dict[int, float], must: float | None, record_ratio: Callable[..., Any]
) -> None:
    """Time of the largest against that of the smallest, scaled: 1 where it grows linearly."""
    small, large = min(seconds), max(seconds)
    factor = large / small
    exponent = math.log(seconds[large] / seconds[small], factor)
    name = f"{name}: growth from {small:,} to {large:,}"
    note = f"exponent {exponent:.2f}"
    record_ratio(name, seconds[large], seconds[small] * factor, must, note=note)


@pytest.mark.parametrize(
    "name, make",
    [("transactions", one_each), ("instructions", all_in_one)],
    ids=["transactions", "instructions"],
)
def test_merge(name: str, make: Make, record_ratio: Callable[..., Any]) -> None:
    seconds = {}
    for size in SIZES:
        pair = Pair(make, size)
        before = pair.inflate()
        seconds[size] = best(pair.merge, rounds=max(3, SIZES[-1] // size // 2))
        inflate = min(before, pair.inflate())
        record_ratio(f"merge {size:,} x {size:,} {name}", seconds[size], inflate, None)
        if (name, size) in ORIGINAL_S:
            original = ORIGINAL_S[name, size]
            label = f"merge {size:,} x {size:,} {name} : original engine"
            record_ratio(label, seconds[size], original, 1 / 3)
    record_growth(f"merge n x n {name}", seconds, LINEAR, record_ratio)


@pytest.mark.parametrize("make", [inserts, increments, registers], ids=lambda v: v.__name__)
def test_merge_contended(make: Make, record_ratio: Callable[..., Any]) -> None:
    """The rules make these quadratic: every instruction meets every other."""
    seconds = {}
    for size in CONTENDED:
        pair = Pair(make, size)
        seconds[size] = best(pair.merge, rounds=5)
    record_growth(f"merge k x k {make.__name__}", seconds, None, record_ratio)


# The server's end


def messages(changesets: list[bytes]) -> list[list[bytes]]:
    """Changesets as a client's UPLOADs hold them."""
    result: list[list[bytes]] = [[]]
    size = 0
    for changeset in changesets:
        if size >= UPLOAD_BYTES:
            result.append([])
            size = 0
        result[-1].append(changeset)
        size += len(changeset)
    return result


class Server:
    """A data directory with two client files that have the schema."""

    def __init__(self, directory: Path) -> None:
        self.db = PartitionDb(str(directory), durability="process")
        self.db.begin()
        self.partition, _ = self.db.open_partition("app", b'"p"')
        self.files = [self.db.allocate_ident(self.partition, name)[0] for name in ("ann", "bob")]
        self.versions = dict.fromkeys(self.files, 1)
        self.append(self.files[0], [SCHEMA], 0)
        self.db.commit()

    def append(self, file: int, changesets: list[bytes], base: int) -> None:
        entries = []
        for changeset in changesets:
            self.versions[file] += 1
            version = self.versions[file]
            entries.append((version, base, 10 + version, 0, changeset))
        _, refusal = self.db.append(self.partition, file, entries, (self.versions[file], base))
        assert refusal is None, refusal

    def upload(self, file: int, changesets: list[bytes]) -> float:
        """Seconds of everything one client wrote on top of the schema, in one transaction."""
        start = time.perf_counter()
        self.db.begin()
        for message in messages(changesets):
            self.append(file, message, 1)
        self.db.commit()
        return time.perf_counter() - start


def test_server_upload(tmp_path: Path, record_ratio: Callable[..., Any]) -> None:
    """n transactions against n foreign ones; beside it, against none."""
    seconds = {}
    for size in SIZES:
        alone, merged = [], []
        ours, theirs = one_each(ONE, size), one_each(OTHER, size)
        for turn in range(scaled(3)):
            server = Server(tmp_path / f"{size}-{turn}")
            alone.append(server.upload(server.files[0], ours))
            merged.append(server.upload(server.files[1], theirs))
            server.db.close()
        seconds[size] = min(merged)
        name = f"server: upload of {size:,} transactions against {size:,} : against none"
        record_ratio(name, seconds[size], min(alone), None)
    record_growth("server: upload of n against n", seconds, LINEAR, record_ratio)


NOTE = {
    "name": "Note",
    "primaryKey": "_id",
    "properties": {"_id": "int", "text": "string"},
}
AT_ONCE = OpenRealmBehaviorConfiguration(type=OpenRealmBehaviorType.OPEN_IMMEDIATELY)


def write_offline(realm: Realm, ident: int, count: int) -> None:
    """The same transactions through the public API."""
    rng = random.Random(ident)
    for number in range(count):
        key = ident * 1_000_000 + number
        with realm.write():
            realm.create("Note", {"_id": key, "text": text(rng)})
            if number % 4 == 3:
                realm.delete(realm.object_for_primary_key("Note", key - 1))


async def reconnect(url: str, folder: Path, count: int) -> tuple[float, float]:
    """Seconds until both clients have everything: of the one that comes first, with nothing to
    merge, and of the other, whose writes meet those of the first on the server and in its file."""
    realms, apps = [], []
    for ident in (ONE, OTHER):
        app, user = await connect(url, "bench", folder / str(ident))
        config = configuration(user, str(count), NOTE, "process", new_realm_file_behavior=AT_ONCE)
        realm = await Realm.open(config)
        await realm.sync_session.upload_all_local_changes()
        await realm.sync_session.download_all_server_changes()
        apps.append(app)
        realms.append(realm)
    seconds = []
    for realm, ident in zip(realms, (ONE, OTHER), strict=True):
        realm.sync_session.pause()
        write_offline(realm, ident, count)
    for realm in realms:
        start = time.perf_counter()
        realm.sync_session.resume()
        await realm.sync_session.upload_all_local_changes()
        await realm.sync_session.download_all_server_changes()
        seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    await realms[0].sync_session.download_all_server_changes()
    seconds[0] += time.perf_counter() - start
    assert len(realms[0].objects("Note")) == len(realms[1].objects("Note"))
    for realm, app in zip(realms, apps, strict=True):
        realm.close()
        await app.close()
    return seconds[0], seconds[1]


def test_reconnect(tmp_path: Path, record_ratio: Callable[..., Any]) -> None:
    seconds = {}
    with ServerProcess(data=tmp_path / "server", durability="process") as server:
        for size in (SIZES[0], SIZES[-1]):
            first, seconds[size] = asyncio.run(reconnect(server.url, tmp_path / str(size), size))
            name = f"sockets: client back with {size:,} transactions against {size:,} : the first"
            record_ratio(name, seconds[size], first, None)
    record_growth("sockets: client back with n against n", seconds, LINEAR, record_ratio)
