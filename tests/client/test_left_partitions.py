"""The session of a migrated file that a program of flexible sync takes over: what belongs to the
partition goes up before the sentinel, and the rest behind it (flexible-sync.md 15.5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from client_driver import CHANGESET, INACTIVE, entry, upload_entries, words
from flexible_client import COMPLETE, LAST, STEADY, FlexibleClient, SubscribedFile
from instructions import changeset, create
from realmsync import _core, _testbed

QUERY = 'team == "red"'
RED = '"red"'


class Leaving:
    """A migrated file with nothing but its class and set 1, the sentinel, which is not complete."""

    def __init__(self, folder: Path) -> None:
        file = _core.RealmFile.open(str(folder / "a.realm"))
        file.claim_partition(RED)
        fresh = _core.RealmFile.open(str(folder / "b.realm"))
        _core.claim_flexible(fresh)
        _testbed.commit_changeset(fresh, CHANGESET, 1)
        file.reset(fresh, "discardUnsyncedChanges", action="MigrateToFLX", partition_query=QUERY)
        file.forget_reset()
        before = max(v for v in range(9) if _core.subscription_set(file, v) is not None)
        _testbed.commit_changeset(file, changeset(create("A", 1)), 1)  # of the partition
        _core.claim_flexible(file)
        self.sentinel = before + 1
        _testbed.commit_changeset(file, changeset(create("A", 2)), 1)  # of nobody's
        self.client = FlexibleClient()
        self.file = SubscribedFile(self.client, file)
        self.file.file = self.client.open(RED, store=file, flexible=True)
        self.session, self.mark, self.uploaded = 1, "", 0
        self.taken: list[bytes] = []

    def bind(self) -> dict[str, Any]:
        """BIND up to where uploads may begin; what BIND says."""
        messages = self.client.take()
        if messages[0].startswith(b"unbind "):
            self.client.receive(f"unbound {self.session}\n")
            messages = messages[1:] + self.client.take()
        bind, *messages = messages
        self.session = int(words(bind)[1])
        said: dict[str, Any] = json.loads(bind.partition(b"\n")[2])
        if words(bind)[4] == "1":
            self.client.receive(f"ident {self.session} 7 99\n")
            messages = self.client.take()
        ident, mark, *self.taken = messages
        version = max(1, int(words(ident)[4]))
        active = max(v for v, state in self.file.states().items() if state == COMPLETE)
        self.client.download(
            active,
            STEADY,
            version=version,
            acknowledged=(self.uploaded, 0),
            session=self.session,
        )
        self.client.receive(f"mark {self.session} {words(mark)[2]}\n")
        return said

    def sent(self) -> list[Any]:
        """What is to be sent now: numbers of changesets, and queries."""
        found: list[Any] = []
        for message in self.taken + self.client.take():
            kind, _, *rest = words(message)
            if kind == "upload":
                self.uploaded = int(rest[3])
                found += [count] if (count := len(upload_entries(message))) else []
            elif kind == "query":
                found.append(f"query {rest[0]}")
            else:
                assert kind == "mark"
                self.mark = rest[0]
        self.taken = []
        return found

    def complete(self) -> None:
        self.client.download(
            self.sentinel,
            LAST,
            version=2,
            entries=[entry(2, 0, b"")],
            acknowledged=(self.uploaded, 0),
            session=self.session,
        )
        self.client.receive(f"mark {self.session} {self.mark}\n")

    @property
    def realm_file(self) -> _core.RealmFile:
        return self.file.realm_file


@pytest.fixture
def leaving(tmp_path: Path) -> Leaving:
    leaving = Leaving(tmp_path)
    leaving.client.connect()
    return leaving


def test_it_leaves_with_the_sentinel(leaving: Leaving) -> None:
    assert leaving.bind()["migratedPartition"] == RED
    assert leaving.sent() == [1, f"query {leaving.sentinel}"]
    leaving.file.commit(changeset(create("A", 3)))
    later = leaving.file.subscribe([(None, "A", "TRUEPREDICATE")])
    assert leaving.sent() == []  # before it is complete
    leaving.complete()
    assert not leaving.realm_file.is_migrated and leaving.realm_file.partition() is None
    assert "migratedPartition" not in leaving.bind()
    assert leaving.sent() == [2, f"query {later}"]


def test_a_lost_connection_changes_nothing(leaving: Leaving) -> None:
    leaving.bind()
    leaving.sent()
    leaving.client.cut()
    leaving.client.sleep(60_000)
    leaving.client.connect()
    assert leaving.bind()["migratedPartition"] == RED
    assert leaving.sent() == [1, f"query {leaving.sentinel}"]  # nobody has acknowledged it


def test_a_server_that_refuses_the_sentinel_does_not_hold_it_up(leaving: Leaving) -> None:
    leaving.bind()
    leaving.sent()
    leaving.client.query_error(leaving.sentinel, "told so")
    assert leaving.realm_file.partition() is None
    assert "migratedPartition" not in leaving.bind()


def test_it_does_not_go_back_by_itself(leaving: Leaving) -> None:
    """234 is no answer to a program of flexible sync; one that knows of the partition follows."""
    leaving.bind()
    leaving.client.error(leaving.session, 234, True, "RevertToPBS")
    assert leaving.client.runtime.snapshot(leaving.file.file.id)[0] == INACTIVE
    assert leaving.file.file.of("reset_required") == []
    assert leaving.realm_file.claim_partition(RED) == RED and leaving.realm_file.is_migrated


def test_a_reset_that_discards_the_sentinel_does_not_hold_it_up(
    leaving: Leaving, tmp_path: Path
) -> None:
    fresh = _core.RealmFile.open(str(tmp_path / "c.realm"))
    _core.claim_flexible(fresh)
    _testbed.commit_changeset(fresh, CHANGESET, 1)
    leaving.realm_file.reset(fresh, "discardUnsyncedChanges")
    assert not leaving.realm_file.is_migrated
