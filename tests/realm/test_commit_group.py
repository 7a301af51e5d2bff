"""Group commit on its own: tickets, savepoints behind what waits, and what a failing disk loses.

A commit that fails is made with a foreign key that SQLite checks only then.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from realmsync import StorageError, _testbed

TABLES = """
PRAGMA foreign_keys = ON;
CREATE TABLE owner(id INTEGER PRIMARY KEY);
CREATE TABLE item(
  id INTEGER PRIMARY KEY, owner INTEGER REFERENCES owner(id) DEFERRABLE INITIALLY DEFERRED);
"""


class Group:
    def __init__(self, path: Path) -> None:
        self.core = _testbed.CommitGroup(str(path))
        self.core.execute(TABLES)

    def write(self, item: int, *, doomed: bool = False) -> None:
        """Begins a writing; a doomed one cannot be committed."""
        self.core.begin()
        self.core.execute(f"INSERT INTO item VALUES({item}, {'1' if doomed else 'NULL'})")

    def defer(self, item: int, *, doomed: bool = False) -> int:
        self.write(item, doomed=doomed)
        return self.core.defer(version=item)

    @property
    def durable(self) -> list[int]:
        return self.core.committed("SELECT id FROM item ORDER BY id")


@pytest.fixture
def group(tmp_path: Path) -> Group:
    return Group(tmp_path / "group.sqlite")


def test_a_commit_is_durable_at_once(group: Group) -> None:
    group.write(1)
    assert group.core.is_open
    assert group.durable == []
    group.core.commit()
    assert not group.core.is_open
    assert group.durable == [1]


def test_deferred_commits_wait_for_one_flush(group: Group) -> None:
    tickets = [group.defer(item) for item in (1, 2, 3)]
    assert tickets == [1, 2, 3]
    assert group.core.has_waiting
    assert group.durable == []
    assert group.core.flush(tickets[0]) == 3  # the newest version that became durable with it
    assert not group.core.has_waiting
    assert not group.core.is_open
    assert group.durable == [1, 2, 3]
    assert [group.core.flush(ticket) for ticket in tickets] == [0, 0, 0]


def test_a_commit_takes_along_what_waits(group: Group) -> None:
    ticket = group.defer(1)
    group.write(2)
    group.core.commit()
    assert group.durable == [1, 2]
    assert group.core.flush(ticket) == 0


def test_a_rollback_leaves_what_waits(group: Group) -> None:
    ticket = group.defer(1)
    group.write(2)
    group.core.rollback()
    assert group.core.has_waiting
    assert group.core.flush(ticket) == 1
    assert group.durable == [1]


def test_a_rollback_of_the_only_writing_closes_the_transaction(group: Group) -> None:
    group.write(1)
    group.core.rollback()
    assert not group.core.is_open
    assert group.durable == []


def test_a_failing_flush_loses_the_whole_group_and_no_other(group: Group) -> None:
    before = group.defer(1)
    group.core.flush(before)
    lost = [group.defer(2), group.defer(3, doomed=True)]
    with pytest.raises(StorageError, match="FOREIGN KEY"):
        group.core.flush(lost[0])
    assert not group.core.is_open
    for ticket in lost:
        with pytest.raises(StorageError, match="lost when its group"):
            group.core.flush(ticket)
    assert group.core.flush(before) == 0
    after = group.defer(4)
    assert group.core.flush(after) == 4
    with pytest.raises(StorageError, match="lost when its group"):
        group.core.flush(lost[1])
    assert group.durable == [1, 4]


def test_a_failing_commit_loses_what_waited(group: Group) -> None:
    ticket = group.defer(1)
    group.write(2, doomed=True)
    with pytest.raises(StorageError, match="FOREIGN KEY"):
        group.core.commit()
    assert not group.core.is_open
    with pytest.raises(StorageError, match="lost when its group"):
        group.core.flush(ticket)
    assert group.durable == []


def test_a_rollback_by_sqlite_itself_loses_what_waited(group: Group) -> None:
    lost = group.defer(1)
    group.write(2)
    group.core.execute("ROLLBACK")  # as at a full disk
    group.core.rollback()
    assert not group.core.is_open
    assert not group.core.has_waiting
    kept = group.defer(3)
    assert group.core.flush(kept) == 3
    group.core.require_kept(kept)
    with pytest.raises(StorageError, match="lost when its group"):
        group.core.require_kept(lost)
    assert group.durable == [3]


def test_a_failing_commit_alone_loses_no_ticket(group: Group) -> None:
    group.write(1, doomed=True)
    with pytest.raises(StorageError, match="FOREIGN KEY"):
        group.core.commit()
    ticket = group.defer(2)
    assert group.core.flush(ticket) == 2
    assert group.durable == [2]


def test_what_waits_is_written_when_the_file_closes(group: Group) -> None:
    group.defer(1)
    group.core.close()
    assert group.durable == [1]


def test_closing_does_not_fail(group: Group) -> None:
    group.defer(1, doomed=True)
    group.core.close()
    assert not group.core.is_open
    assert group.durable == []
