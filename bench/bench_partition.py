"""The server's store alone: appending parsed uploads, downloading pages, binding many partitions.

Yardstick of appending: sqlite3.executemany of the same rows, WAL, synchronous=FULL, one transaction
per upload of 1,000 flights. The store decodes, applies to the typed table, re-encodes and writes
the history in the same transaction. Yardstick of paging: reading the same rows back.
"""

from __future__ import annotations

import sqlite3
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from realmsync._testbed import PartitionDb
from realmsync.inspect import decode_changeset, encode_changeset
from scale import scaled

FLIGHTS = Path(__file__).parent.parent / "tests" / "vectors" / "bench" / "flights-1000.changeset"
UPLOADS = scaled(20, least=2)

Row = list[Any]


def plain(value: dict[str, Any]) -> Any:
    return (
        struct.unpack("<d", bytes.fromhex(value["hex_le"]))[0]
        if "hex_le" in value
        else value.get("v")
    )


def schema(instructions: list[dict[str, Any]]) -> bytes:
    add_table = {"op": "AddTable", "table": "Flight", "pk_field": "_id", "pk_type": 1}
    columns = {}
    for i in instructions:
        if i["op"] == "Update" and i["value"]["t"] != "null":
            columns[i["field"]] = {"double": 7, "string": 3}[i["value"]["t"]]
    column = {"op": "AddColumn", "table": "Flight", "nullable": True, "collection": 0}
    return encode_changeset(
        [add_table | {"pk_nullable": False, "asymmetric": False}]
        + [column | {"field": field, "type": type} for field, type in columns.items()]
    )


def flights() -> tuple[bytes, list[bytes], list[list[Row]]]:
    """The schema, and uploads with different keys beside their rows."""
    instructions = decode_changeset(FLIGHTS.read_bytes())
    uploads, tables = [], []
    for upload in range(UPLOADS):
        rows: list[Row] = []
        for i in instructions:
            i["pk"]["v"] += 1000 if upload else 0
            if i["op"] == "CreateObject":
                rows.append([i["pk"]["v"]])
            else:
                rows[-1].append(plain(i["value"]))
        uploads.append(encode_changeset(instructions))
        tables.append(rows)
    return schema(instructions), uploads, tables


def insert_with_sqlite(path: Path, tables: list[list[Row]]) -> list[float]:
    """Seconds of each transaction."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    names = [f"c{n}" for n in range(len(tables[0][0]))]
    connection.execute(
        f"CREATE TABLE flight({names[0]} INTEGER PRIMARY KEY, {','.join(names[1:])})"
    )
    insert = f"INSERT INTO flight VALUES({','.join('?' * len(names))})"
    seconds = []
    for rows in tables:
        start = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows)
        connection.execute("COMMIT")
        seconds.append(time.perf_counter() - start)
    connection.close()
    return seconds


class Store:
    def __init__(self, directory: Path, first: bytes) -> None:
        self.db = PartitionDb(str(directory))
        self.db.begin()
        self.partition, _ = self.db.open_partition("app", b'"flights"')
        self.file = self.db.allocate_ident(self.partition, "ann")[0]
        self.reader = self.db.allocate_ident(self.partition, "bob")[0]
        self.db.commit()
        self.version = 1
        self.append(first)

    def append(self, payload: bytes) -> float:
        self.version += 1
        start = time.perf_counter()
        self.db.begin()
        _, refusal = self.db.append(
            self.partition,
            self.file,
            [(self.version, 0, self.version, 0, payload)],
            (self.version, 0),
        )
        self.db.commit()
        assert refusal is None, refusal
        return time.perf_counter() - start


def test_append_flights(tmp_path: Path, record_ratio: Callable[..., Any]) -> None:
    first, uploads, tables = flights()
    yardstick = insert_with_sqlite(tmp_path / "before.sqlite", tables)
    store = Store(tmp_path / "data", first)
    ours = [store.append(payload) for payload in uploads]
    yardstick += insert_with_sqlite(tmp_path / "after.sqlite", tables)
    half = UPLOADS // 2
    typical = sum(sorted(yardstick)[:UPLOADS]) / UPLOADS
    record_ratio(
        "server: append 1,000 flights", sum(sorted(ours)[:half]) / half, typical, 0.5, rate=True
    )

    start = time.perf_counter()
    page = store.db.fetch_page(store.partition, store.reader, byte_limit=16 << 20)
    seconds = time.perf_counter() - start
    assert len(page["entries"]) == UPLOADS + 1
    record_ratio("server: page of 20,000 flights", seconds / UPLOADS, typical, None, rate=True)
    store.db.close()


def test_many_devices_catch_up(tmp_path: Path, record_ratio: Callable[..., Any]) -> None:
    """The first one is sent pages that are packed for it, the others the same ones."""
    first, uploads, _ = flights()
    store = Store(tmp_path / "data", first)
    for payload in uploads:
        store.append(payload)

    def catch_up() -> float:
        cursor = (0, 0)
        start = time.perf_counter()
        while cursor[0] < UPLOADS + 1:
            page = store.db.fetch_page(store.partition, store.reader, cursor)
            cursor = page["download"]
        return time.perf_counter() - start

    alone = catch_up()
    others = sorted(catch_up() for _ in range(5))[2]
    record_ratio("server: a device catches up after another", others, alone, None)
    store.db.close()


def test_bind_many_partitions(tmp_path: Path, record_ratio: Callable[..., Any]) -> None:
    def bind(partitions: int) -> float:
        db = PartitionDb(str(tmp_path / str(partitions)))
        start = time.perf_counter()
        db.begin()
        for n in range(partitions):
            partition, _ = db.open_partition("app", b"%d" % n)
            file = db.allocate_ident(partition, "ann")
            assert db.bind(partition, "ann", file)[1] is None
        db.commit()
        seconds = time.perf_counter() - start
        db.close()
        return seconds

    fewest, most = scaled(1000), scaled(8000)
    few = min(bind(fewest + n) / (fewest + n) for n in range(3))
    many = bind(most) / most
    # Linear is 1; the original engine grows faster than its number of sessions.
    record_ratio("server: bind, one of 8,000 partitions to one of 1,000", many, few, 2.0)
