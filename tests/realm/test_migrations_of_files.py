"""Files that a client reset takes over to flexible sync, and back: what they are then, and what
they subscribe to (flexible-sync.md 15.2, 15.4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import realmsync
from instructions import add_column, add_table, changeset, create, update
from realmsync import _core, _testbed
from realmsync.errors import MismatchedConfigError

STRING, COMPLETE, PENDING = 3, 3, 1
QUERY = 'team == "red"'
CLASSES = [
    add_table("Note"),
    add_column("Note", "team", STRING),
    add_table("Tag"),  # knows of no teams
    add_table("Meter", asymmetric=True),
    add_column("Meter", "team", STRING),
]
TASK = {"name": "Task", "primaryKey": "_id", "properties": {"_id": "int", "team": "string"}}


def partitioned(path: Path, *instructions: Any) -> _core.RealmFile:
    file = _core.RealmFile.open(str(path))
    assert file.claim_partition('"red"') == '"red"'
    _testbed.commit_changeset(file, changeset(*instructions), 1)
    return file


def fresh_flexible(path: Path) -> _core.RealmFile:
    """What the server has, and the subscriptions to it."""
    file = _core.RealmFile.open(str(path))
    _core.claim_flexible(file)
    note = [create("Note", 1), update("Note", 1, "team", "red")]
    _testbed.commit_changeset(file, changeset(*CLASSES, *note), 1)
    assert _core.subscribe_to_all(file, QUERY, 1) == 1
    return file


def migrated(tmp_path: Path) -> _core.RealmFile:
    file = partitioned(tmp_path / "a.realm", *CLASSES[:2], create("Note", 2))
    reset(file, fresh_flexible(tmp_path / "b.realm"), "MigrateToFLX")
    return file


def reset(file: _core.RealmFile, fresh: _core.RealmFile, action: str) -> None:
    mode = "recoverUnsyncedChanges"
    assert file.reset(fresh, mode, action=action, partition_query=QUERY) == (True, False)
    file.forget_reset()


def sets(file: _core.RealmFile) -> list[tuple[int, int, list[tuple[str, str, str]]]]:
    """Version, state, and name, class and query of the subscriptions of each set."""
    found = [_core.subscription_set(file, version) for version in range(5)]
    return [
        (each[0], each[1], [item[3:6] for item in each[3].items()])
        for each in found
        if each is not None
    ]


NOTES = ("flx_migrated_Note", "Note", QUERY)


def test_a_copy_subscribes_to_each_class_that_can_be_asked(tmp_path: Path) -> None:
    file = fresh_flexible(tmp_path / "b.realm")
    assert sets(file)[-1] == (1, PENDING, [NOTES])
    assert _core.subscribe_to_all(file, QUERY, 1) == 1, "they are there"


def test_a_migrated_file_is_flexible_and_keeps_its_partition(tmp_path: Path) -> None:
    file = migrated(tmp_path)
    assert file.is_migrated and _core.is_flexible(file)
    # The copy has not got its set from a server here: it is asked for.
    assert sets(file) == [(1, COMPLETE, []), (2, PENDING, [NOTES])]
    assert len(_testbed.objects(file)["Note"]) == 2


def test_it_is_so_in_the_next_run(tmp_path: Path) -> None:
    file = migrated(tmp_path)
    path = str(file.path)
    del file
    again = _core.RealmFile.open(path)
    assert again.claim_partition('"blue"') == '"red"'
    assert again.is_migrated


def test_classes_that_come_are_subscribed_to(tmp_path: Path) -> None:
    file = migrated(tmp_path)
    with realmsync.Realm(path=file.path, schema=[TASK]) as realm:
        realm.write(lambda: realm.create("Task", {"_id": 1, "team": "red"}))
    tasks = ("flx_migrated_Task", "Task", QUERY)
    assert sets(file)[2:] == [(3, PENDING, [NOTES, tasks])]


def test_back_to_its_partition(tmp_path: Path) -> None:
    file = migrated(tmp_path)
    fresh = partitioned(tmp_path / "c.realm", *CLASSES, create("Note", 7))
    reset(file, fresh, "RevertToPBS")
    assert not file.is_migrated and not _core.is_flexible(file)
    assert file.claim_partition('"red"') == '"red"' and not file.is_migrated
    with realmsync.Realm(path=file.path, schema=[TASK]) as realm:  # that asks for no subscription
        realm.write(lambda: realm.create("Task", {"_id": 1, "team": "red"}))


def test_a_program_of_flexible_sync_takes_it_over(tmp_path: Path) -> None:
    """15.5: by a set with the same subscriptions, once, however often it is opened so."""
    file = migrated(tmp_path)
    for _ in range(2):
        _core.claim_flexible(file)
        assert file.is_migrated and file.partition() == '"red"'
        assert sets(file)[2:] == [(3, PENDING, [NOTES])]
    with realmsync.Realm(path=file.path, schema=[TASK]):  # which it is to subscribe to itself
        assert len(sets(file)) == 3


def test_who_knows_of_the_partition_after_all_keeps_it(tmp_path: Path) -> None:
    """And whoever takes it over later does so from then on."""
    file = migrated(tmp_path)
    _core.claim_flexible(file)
    assert file.claim_partition('"blue"') == '"red"'
    _core.claim_flexible(file)
    assert [version for version, *_ in sets(file)] == [1, 2, 3, 4]


def test_a_file_of_a_partition_is_not_taken_over(tmp_path: Path) -> None:
    file = partitioned(tmp_path / "a.realm", *CLASSES)
    with pytest.raises(MismatchedConfigError):
        _core.claim_flexible(file)
