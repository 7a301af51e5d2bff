"""What one user may have in a database: partitions, client files, bytes of history."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from instructions import DOG, changeset, create
from partitions.uploads import upload
from realmsync._testbed import PartitionDb

ROW = 100  # bytes that a changeset counts besides its own


def opened(directory: Path, *, partitions: int = 0, files: int = 0, size: int = 0) -> PartitionDb:
    return PartitionDb(str(directory), quotas=(partitions, files, size))


def test_partitions_count_for_who_opens_them_first(tmp_path: Path) -> None:
    db = opened(tmp_path, partitions=2)
    db.begin()
    first, _ = db.open_partition("app", b'"a"', "ann")
    db.open_partition("app", b'"b"', "ann")
    for _ in range(2):
        with pytest.raises(ValueError, match="The user has 2 partitions, as many as one user may"):
            db.open_partition("app", b'"c"', "ann")
    assert db.open_partition("app", b'"a"', "ann")[0] == first
    db.open_partition("app", b'"c"', "bob")
    assert db.open_partition("app", b'"c"', "ann")[1] == 0, "others' partitions are open to him"
    db.commit()


def test_client_files_count_over_all_partitions(tmp_path: Path) -> None:
    db = opened(tmp_path, files=3)
    db.begin()
    a, b = (db.open_partition("app", key)[0] for key in (b'"a"', b'"b"'))
    for partition in (a, a, b):
        db.allocate_ident(partition, "ann")
    with pytest.raises(ValueError, match="3 client files"):
        db.allocate_ident(b, "ann")
    db.allocate_ident(b, "bob")
    db.commit()


def test_bytes_count_with_what_a_row_takes(tmp_path: Path) -> None:
    db = opened(tmp_path, size=3 * ROW)
    db.begin()
    partition, _ = db.open_partition("app", b'"a"')
    ann, bob = (db.allocate_ident(partition, user)[0] for user in ("ann", "bob"))
    for version in (2, 3, 4):
        assert db.append(partition, ann, [upload(version, 0, b"")], (version, 0))[1] is None
    refusal = db.append(partition, ann, [upload(5, 0, b"")], (5, 0))[1]
    assert refusal == (201, "The user has 300 bytes, as many as one user may")
    assert db.append(partition, ann, [], (5, 3))[1] is None, "progress is nobody's burden"
    assert db.append(partition, bob, [upload(2, 0, changeset(*DOG))], (2, 0))[1] is None
    assert db.append(partition, bob, [upload(3, 0, changeset(create("Dog", 1)))], (3, 0))[1] is None
    db.commit()


def test_what_is_rolled_back_or_refused_does_not_count(tmp_path: Path) -> None:
    db = opened(tmp_path, partitions=1, files=1, size=ROW)
    for _ in range(2):
        db.begin()
        partition, _ = db.open_partition("app", b'"a"')
        ident, _ = db.allocate_ident(partition, "ann")
        assert db.append(partition, ident, [upload(2, 0, b"")], (2, 0))[1] is None
        db.rollback()
    db.begin()
    partition, _ = db.open_partition("app", b'"a"')
    ident, _ = db.allocate_ident(partition, "ann")
    for _ in range(2):
        unknown = changeset(create("Cat", 1))
        assert db.append(partition, ident, [upload(2, 0, unknown)], (2, 0))[1] is not None
    assert db.append(partition, ident, [upload(2, 0, b"")], (2, 0))[1] is None
    db.commit()


def used(directory: Path) -> tuple[list[object], list[object]]:
    connection = sqlite3.connect(directory / "partitions.sqlite")
    rows = (
        connection.execute("SELECT creator FROM rs_partition ORDER BY pid").fetchall(),
        connection.execute("SELECT user_id, bytes FROM rs_client ORDER BY ident").fetchall(),
    )
    connection.close()
    return rows


def filled(directory: Path) -> int:
    """A partition with three changesets of one client file; gives the size of the first."""
    db = opened(directory)
    schema = changeset(*DOG)
    db.begin()
    partition, _ = db.open_partition("app", b'"a"')
    ident, _ = db.allocate_ident(partition, "ann")
    db.allocate_ident(partition, "ann")
    uploads = [upload(2, 0, schema), upload(3, 0, b""), upload(4, 0, b"")]
    assert db.append(partition, ident, uploads, (4, 0))[1] is None
    db.commit()
    db.close()
    return len(schema)


def test_usage_outlives_the_process(tmp_path: Path) -> None:
    size = filled(tmp_path)
    assert used(tmp_path) == ([("ann",)], [("ann", size + 3 * ROW), ("ann", 0)])
    db = opened(tmp_path, partitions=1, files=2, size=size + 3 * ROW)
    db.begin()
    with pytest.raises(ValueError, match="1 partitions"):
        db.open_partition("app", b'"b"')
    partition, _ = db.open_partition("app", b'"a"')
    with pytest.raises(ValueError, match="2 client files"):
        db.allocate_ident(partition, "ann")
    assert db.append(partition, 2, [upload(5, 0, b"")], (5, 0))[1] is not None
    db.commit()


def test_files_of_older_versions_are_counted_when_opened(tmp_path: Path) -> None:
    size = filled(tmp_path)
    connection = sqlite3.connect(tmp_path / "partitions.sqlite")
    connection.executescript("""
        DROP INDEX rs_partition_of; ALTER TABLE rs_partition DROP COLUMN creator;
        DROP INDEX rs_client_of; ALTER TABLE rs_client DROP COLUMN bytes;
        UPDATE rs_meta SET v = 1 WHERE k IN ('format.rs_partition', 'format.rs_client')
    """)
    connection.close()
    for _ in range(2):
        opened(tmp_path).close()
        assert used(tmp_path) == ([(None,)], [("ann", size + 3 * ROW), ("ann", 0)])
