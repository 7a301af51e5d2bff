"""Subscription sets on their way to the server and back (flexible-sync.md 3.4, 3.7 and 5.8)."""

from __future__ import annotations

import json

import pytest

from client_driver import ACTIVE, CHANGESET, INACTIVE, entry, upload_entries, words
from flexible_client import (
    AWAITING_MARK,
    BOOTSTRAPPING,
    COMPLETE,
    ERROR,
    LAST,
    MORE,
    PENDING,
    STEADY,
    FlexibleClient,
    SubscribedFile,
)
from instructions import add_table, changeset, create

ALL = [(None, "A", "TRUEPREDICATE")]
OLD = [(None, "A", "age > 10"), ("n", "A", "age > 10"), ("m", "B", 'name == "x"')]
OLD_BODY = {"A": "(age > 10)", "B": '(name == "x")'}


@pytest.fixture
def client() -> FlexibleClient:
    return FlexibleClient()


@pytest.fixture
def file(client: FlexibleClient) -> SubscribedFile:
    """A file that is bound, and complete at version 0."""
    file = client.subscribe_file()
    client.connect()
    client.bind_flexible(file, CHANGESET)
    client.take()
    return file


def complete(
    client: FlexibleClient, file: SubscribedFile, version: int, at: int, mark: int
) -> None:
    """The server's whole answer to a QUERY."""
    client.download(version, LAST, version=at, entries=[entry(at, 0, b"")])
    client.receive(f"mark 1 {mark}\n")
    assert file.states()[version] == COMPLETE
    client.take()


def test_the_first_connection(client: FlexibleClient) -> None:
    file = client.subscribe_file()
    assert file.states() == {0: PENDING}
    client.connect()
    bind, *_ = client.take()
    assert bind == b'bind 1 37 0 1 0\n{"schemaVersion":0,"sessionReason":0}'
    client.receive("ident 1 7 99\n")
    assert client.heads() == ["ident 1 7 99 0 0 0 0 0 2", "mark 1 1"]
    client.download(0, LAST, version=1, entries=[entry(1, 0, CHANGESET)])
    assert file.states() == {0: AWAITING_MARK}
    client.receive("mark 1 1\n")
    assert file.states() == {0: COMPLETE}


@pytest.mark.parametrize(("protocol", "size"), [(9, 0), (10, 37), (14, 37)])
def test_bind_by_protocol(client: FlexibleClient, protocol: int, size: int) -> None:
    client.subscribe_file()
    client.connect(protocol)
    assert client.heads() == [f"bind 1 {size} 0 1 0"]


def test_a_protocol_that_knows_too_little(client: FlexibleClient) -> None:
    client.subscribe_file()
    client.connect(8)
    assert client.closed == [1]


def test_a_set_goes_out_and_becomes_complete(client: FlexibleClient, file: SubscribedFile) -> None:
    assert file.subscribe(OLD) == 1
    query, mark = client.take()
    assert words(query)[:3] == ["query", "1", "1"]
    assert json.loads(query.partition(b"\n")[2]) == OLD_BODY
    assert mark == b"mark 1 2\n"
    assert file.states() == {0: COMPLETE, 1: PENDING}
    client.download(1, MORE, version=2, entries=[entry(2, 0, b"")], estimate=0.5)
    assert file.states() == {0: COMPLETE, 1: BOOTSTRAPPING}
    client.download(1, LAST, version=2)
    assert file.states() == {1: AWAITING_MARK}
    client.receive("mark 1 2\n")
    assert file.states() == {1: COMPLETE}


def test_writes_go_out_under_the_set_they_were_made_under(
    client: FlexibleClient, file: SubscribedFile
) -> None:
    """6.2: a write before, the set, a write after; all at once."""
    before = file.commit(changeset(create("A", 1)))
    file.subscribe(ALL)
    after = file.commit(changeset(create("A", 2)))
    file.subscribe(OLD)
    last = file.commit(changeset(create("A", 3)))
    sent = []
    for message in client.take():
        kind = words(message)[0]
        if kind == "upload":
            sent.append([version for version, *_ in upload_entries(message)])
        else:
            sent.append(kind)
    assert sent == [[before], "query", "mark", [after], "query", "mark", [last]]


def test_nothing_before_the_first_mark(client: FlexibleClient) -> None:
    file = client.subscribe_file()
    file.subscribe(ALL)
    client.connect()
    client.take()
    client.receive("ident 1 7 99\n")
    assert client.heads() == ["ident 1 7 99 0 0 0 0 0 2", "mark 1 1"]
    client.download(0, LAST, version=1, entries=[entry(1, 0, CHANGESET)])
    assert client.heads() == []
    client.receive("mark 1 1\n")
    assert client.queries() == [(1, {"A": "(TRUEPREDICATE)"})]


def test_each_set_is_sent_once_per_connection(client: FlexibleClient, file: SubscribedFile) -> None:
    file.subscribe(ALL)
    file.subscribe(OLD)
    assert [version for version, _ in client.queries()] == [1, 2]
    assert client.take() == []
    client.cut()
    client.sleep(2_000)
    client.connect()
    heads = client.heads()
    kinds = [head.split()[0] for head in heads]
    assert kinds == ["bind", "ident", "mark", "query", "mark", "query", "mark"]


def test_overtaken(client: FlexibleClient, file: SubscribedFile) -> None:
    """The server may leave out the bootstrap of a set that another one has overtaken."""
    file.subscribe(ALL)
    file.subscribe(OLD)
    first, second = file.wait(1), file.wait(2)
    client.take()
    complete(client, file, 2, at=2, mark=3)
    assert file.states() == {2: COMPLETE}
    assert file.resolved() == [(first, 0, ""), (second, 0, "")]


def test_rejected(client: FlexibleClient, file: SubscribedFile) -> None:
    file.subscribe(ALL)
    client.take()
    complete(client, file, 1, at=2, mark=2)
    file.subscribe(OLD)
    wait = file.wait(2)
    client.take()
    client.query_error(2, "no such field")
    assert file.sets() == {1: (COMPLETE, ""), 2: (ERROR, "no such field")}
    assert file.resolved() == [(wait, 1016, "no such field")]
    client.receive("mark 1 3\n")
    assert file.states() == {1: COMPLETE, 2: ERROR}
    client.download(1, STEADY, version=3, entries=[entry(3, 0, CHANGESET)])
    file.subscribe(ALL)
    assert client.queries() == [(3, {"A": "(TRUEPREDICATE)"})]
    complete(client, file, 3, at=4, mark=4)
    assert file.states() == {3: COMPLETE}


def test_rejected_is_not_sent_again(client: FlexibleClient, file: SubscribedFile) -> None:
    file.subscribe(ALL)
    client.take()
    client.query_error(1, "no")
    client.cut()
    client.sleep(2_000)
    client.connect()
    client.take()
    assert client.take() == []


@pytest.mark.parametrize(
    ("version", "text"),
    [
        (1, "already-completed query version 1"),
        (7, "Invalid state update for nonexistent query version 7"),
    ],
)
def test_errors_that_no_set_can_have(
    client: FlexibleClient, file: SubscribedFile, version: int, text: str
) -> None:
    """A real client ends its process; this one ends the connection."""
    file.subscribe(ALL)
    client.take()
    complete(client, file, 1, at=2, mark=2)
    client.query_error(version, "late")
    assert client.closed == [1]
    ((facts,),) = file.file.of("error")
    assert facts["code"] == 1038 and text in facts["message"]
    assert file.states() == {1: COMPLETE}


@pytest.mark.parametrize(
    ("version", "text"),
    [
        (2, "query version 2 after receiving the error 'no'"),
        (9, "Received bootstrap for nonexistent query version 9"),
    ],
)
@pytest.mark.parametrize("batch", [MORE, LAST])
def test_bootstraps_that_no_set_can_have(
    client: FlexibleClient, file: SubscribedFile, version: int, text: str, batch: int
) -> None:
    file.subscribe(ALL)
    client.take()
    complete(client, file, 1, at=2, mark=2)
    file.subscribe(OLD)
    client.take()
    client.query_error(2, "no")
    client.download(version, batch, version=3, entries=[entry(3, 0, CHANGESET)])
    assert client.closed == [1]
    ((facts,),) = file.file.of("error")
    assert facts["code"] == 1038 and text in facts["message"]


def test_a_late_bootstrap_of_version_0(client: FlexibleClient) -> None:
    """It becomes complete with the next MARK, not with the one before (facts 16)."""
    file = client.subscribe_file()
    client.connect()
    client.take()
    client.receive("ident 1 7 99\n")
    client.take()
    client.receive("mark 1 1\n")
    assert file.states() == {0: PENDING}
    client.download(0, LAST, version=1, entries=[entry(1, 0, b"")])
    assert file.states() == {0: AWAITING_MARK}
    client.wait(file.file, "download")
    assert client.news() == ["mark 1 2"]
    client.receive("mark 1 2\n")
    assert file.states() == {0: COMPLETE}


def test_set_1_without_a_bootstrap_of_version_0(client: FlexibleClient) -> None:
    file = client.subscribe_file()
    file.subscribe(ALL)
    client.connect()
    client.take()
    client.receive("ident 1 7 99\n")
    client.take()
    client.receive("mark 1 1\n")
    assert [version for version, _ in client.queries()] == [1]
    complete(client, file, 1, at=2, mark=2)
    assert file.states() == {1: COMPLETE}


def test_download_waits_find_their_set_complete(
    client: FlexibleClient, file: SubscribedFile
) -> None:
    file.subscribe(ALL)
    wait = client.wait(file.file, "download")
    client.take()
    client.download(1, LAST, version=2, entries=[entry(2, 0, b"")])
    client.receive("mark 1 3\n")
    assert file.states() == {1: COMPLETE}
    assert file.resolved()[-1] == (wait, 0, "")


def test_waits_for_sets_that_are_there(client: FlexibleClient, file: SubscribedFile) -> None:
    wait = file.wait(0)
    assert file.resolved() == [(wait, 0, "")]
    file.subscribe(ALL)
    client.take()
    complete(client, file, 1, at=2, mark=2)
    old, now = file.wait(0), file.wait(1)
    assert file.resolved()[1:] == [(old, 0, ""), (now, 0, "")]


def test_waits_end_with_the_session(client: FlexibleClient, file: SubscribedFile) -> None:
    file.subscribe(ALL)
    wait = file.wait(1)
    client.runtime.pause(file.file.id)
    client.run()
    assert file.resolved() == [(wait, 1027, "Sync session became inactive")]
    again = file.wait(1)
    client.runtime.resume(file.file.id)
    client.run()
    heads = ["unbind 1", "bind 2 37 0 0 0", "ident 2 7 99 1 0 1 5 0 2", "mark 2 1"]
    assert client.heads()[-4:] == heads
    client.receive("unbound 1\n")
    client.receive("mark 2 1\n")
    assert [version for version, _ in client.queries()] == [1]
    client.download(1, LAST, version=2, entries=[entry(2, 0, b"")], session=2)
    client.receive("mark 2 2\n")
    assert file.resolved()[1:] == [(again, 0, "")]


def test_offline_nothing_is_complete(client: FlexibleClient, file: SubscribedFile) -> None:
    client.cut()
    file.subscribe(ALL)
    wait = file.wait(1)
    client.sleep(500)
    assert file.states() == {0: COMPLETE, 1: PENDING}
    assert file.resolved() == []
    client.runtime.force_close(file.file.id)
    client.run()
    assert file.resolved()[0][:2] == (wait, 1027)


def test_226_stops_the_session_and_leaves_the_sets(
    client: FlexibleClient, file: SubscribedFile
) -> None:
    client.error(1, 226, False, "ApplicationBug")
    ((facts,),) = file.file.of("error")
    assert (facts["code"], facts["is_fatal"]) == (1031, True)
    assert client.runtime.snapshot(file.file.id)[0] == INACTIVE
    assert file.states() == {0: COMPLETE}


@pytest.mark.parametrize(("code", "status"), [(200, None), (230, 1044)])
def test_errors_that_suspend_for_a_second(
    client: FlexibleClient, file: SubscribedFile, code: int, status: int | None
) -> None:
    """No MARK follows the next IDENT (facts 10 and 11)."""
    file.subscribe(OLD)
    client.take()
    complete(client, file, 1, at=2, mark=2)
    if status is None:
        client.error(1, code, True, "Transient")
    else:
        writes = [{"table": "A", "pk": "AQE=", "reason": "no"}]
        client.error(1, code, True, "Warning", rejectedUpdates=writes, rejectedClientVersion=3)
    assert client.heads() == ["unbind 1"]
    assert [facts["code"] for (facts,) in file.file.of("error")] == ([status] if status else [])
    client.sleep(900)
    assert client.take() == []
    client.sleep(400)
    bind, ident, *rest = client.take()
    assert all(message.startswith(b"upload 1 0 0 ") for message in rest)
    assert words(bind) == ["bind", "1", "37", "0", "0", "0"]
    assert words(ident)[:4] == ["ident", "1", "7", "99"] and words(ident)[-2] == "1"
    assert json.loads(ident.partition(b"\n")[2]) == OLD_BODY
    assert file.states() == {1: COMPLETE}
    assert client.runtime.snapshot(file.file.id)[0] == ACTIVE


def test_after_a_restart_what_is_pending_is_sent(client: FlexibleClient) -> None:
    file = client.subscribe_file()
    client.connect()
    client.bind_flexible(file, changeset(add_table("A")))
    file.subscribe(ALL)
    client.take()
    client.download(1, MORE, version=2, entries=[entry(2, 0, b"")], estimate=0.1)
    assert file.states() == {0: COMPLETE, 1: BOOTSTRAPPING}
    client = FlexibleClient()
    again = client.subscribe_file(file.store.reopen())
    assert again.states() == {0: COMPLETE, 1: PENDING}
    client.connect()
    assert client.heads() == ["bind 1 37 0 0 0", "ident 1 7 99 1 0 1 5 0 2", "mark 1 1"]
    client.receive("mark 1 1\n")
    assert [version for version, _ in client.queries()] == [1]
