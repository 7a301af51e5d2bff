"""Databases of older versions counted client files in each partition, now the app does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from realmsync._testbed import PartitionDb

FORMAT_1 = """
DROP TABLE rs_ident;
CREATE TABLE rs_ident(
  pid INTEGER PRIMARY KEY REFERENCES rs_partition(pid) ON DELETE CASCADE,
  next_ident INTEGER NOT NULL DEFAULT 2);
INSERT INTO rs_ident SELECT pid, 2 + (SELECT count(*) FROM rs_client AS c WHERE c.pid = p.pid)
  FROM rs_partition AS p;
UPDATE rs_client SET ident = 2 + (SELECT count(*) FROM rs_client AS c
  WHERE c.pid = rs_client.pid AND c.ident < rs_client.ident);
UPDATE rs_meta SET v = 1 WHERE k = 'format.rs_ident';
DROP TABLE rs_reset;
DROP TABLE rs_announced;
DELETE FROM rs_meta WHERE k IN ('format.rs_reset', 'format.rs_announced');
"""


def opened(directory: Path, *keys: bytes) -> tuple[PartitionDb, list[int]]:
    db = PartitionDb(str(directory), durability="process")
    db.begin()
    return db, [db.open_partition("app", key)[0] for key in keys]


def test_the_counter_goes_on_where_no_partition_has_been(tmp_path: Path) -> None:
    db, (dogs, cats) = opened(tmp_path, b'"dogs"', b'"cats"')
    files = [db.allocate_ident(partition, "ann") for partition in (dogs, dogs, dogs, cats)]
    db.commit()
    db.close()
    with closing(sqlite3.connect(tmp_path / "partitions.sqlite")) as connection:
        connection.executescript(FORMAT_1)
    db, (dogs, cats) = opened(tmp_path, b'"dogs"', b'"cats"')
    assert [db.allocate_ident(partition, "ann")[0] for partition in (cats, dogs)] == [5, 6]
    assert db.bind(dogs, "ann", files[2])[1] is None
    assert db.bind(cats, "ann", (2, files[3][1]))[1] is None  # two files have this one
    db.commit()
    db.close()


def test_a_database_without_partitions_begins_with_the_first_client(tmp_path: Path) -> None:
    opened(tmp_path)[0].close()
    with closing(sqlite3.connect(tmp_path / "partitions.sqlite")) as connection:
        connection.executescript(FORMAT_1)
    db, (dogs,) = opened(tmp_path, b'"dogs"')
    assert db.allocate_ident(dogs, "ann")[0] == 2
    db.close()
