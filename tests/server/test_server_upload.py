"""UPLOADs: each requirement of server-behaviour.md 7.2 violated alone, repetitions, bodies that do
not inflate or parse, and failures of the store."""

from __future__ import annotations

import zlib

import pytest

from instructions import DOG, changeset, create
from server_driver import Connection, Server, upload_body

PROPER = bytes.fromhex("3f0001413f01035f6964000000010100")


@pytest.fixture
def client(server: Server) -> Connection:
    """Bound, with own version 3 and 5 (threshold) integrated as versions 1 and 2, in a session
    that has been sent version 2."""
    connection = server.connect()
    connection.open(1)
    connection.upload(1, (5, 0), [(3, 0, 9, b""), (5, 0, 9, b"")])
    connection.take_all()
    file, latest = connection.bindings[1].file, connection.bindings[1].latest
    assert file is not None
    connection.unbind(1)
    connection.bind(2, need_ident=False)
    connection.bindings[2].newest_client_version = 5
    connection.ident(2, file, (2, 5), latest)
    connection.take_all()
    return connection


E = b""  # an empty changeset
REFUSED = {
    "U3 progress goes back": ([((7, 0), []), ((6, 0), [])], 210),
    "U4 version never sent": ([((7, 3), [])], 209),
    "U5 inconsistent": ([((0, 1), [])], 209),
    "U6 against the threshold": ([((5, 1), [])], 209),
    "U7 against the message before": ([((7, 2), []), ((8, 1), [])], 209),
    "U10 not increasing": ([((9, 0), [(7, 0, 1, E), (7, 0, 1, E)])], 210),
    "U10 below the progress before": ([((7, 0), []), ((9, 0), [(7, 0, 1, E)])], 210),
    "U12 base goes back": ([((9, 2), [(7, 2, 1, E), (8, 1, 1, E)])], 209),
    "U13 against the threshold": ([((9, 1), [(4, 1, 1, E), (9, 1, 1, E)])], 209),
    "U15 beyond the progress": ([((7, 0), [(8, 0, 1, E)])], 210),
    "U16 against the progress": ([((9, 0), [(8, 1, 1, E)])], 209),
    "changeset does not parse": ([((7, 0), [(7, 0, 1, b"\xff")])], 212),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(server: Server, client: Connection, case: str) -> None:
    messages, code = REFUSED[case]
    for progress, entries in messages:
        client.upload(2, progress, entries, locked=0)
    errors = [m for m in client.answers() if m.type == "json_error"]
    assert [m.fields for m in errors] == [[code, 2]]
    assert errors[0].json["action"] == "ClientReset"
    assert len(server.store.entries("app", '"p"')) == 2
    assert client.open(3, "other").downloads == 1, "the connection goes on"


@pytest.mark.parametrize("locked", [3, 0], ids=["U9 never sent", "U8 goes back"])
def test_locked_version(client: Connection, locked: int) -> None:
    client.upload(2, (6, 0), locked=2)
    client.upload(2, (7, 0), locked=locked)
    assert [m.fields for m in client.answers()] == [[209, 2]]


def test_foreign_origin(client: Connection) -> None:
    client.upload(2, (7, 0), [(7, 0, 1, E)], origin=3)
    (answer,) = client.answers()
    assert answer.fields == [216, 2] and answer.json["action"] == "ProtocolViolation"


def test_duplicates_are_dropped(server: Server, client: Connection) -> None:
    client.upload(2, (8, 0), [(3, 0, 9, E), (5, 0, 9, E), (8, 0, 9, E)])
    client.upload(2, (8, 0))
    answers = client.answers()
    assert [(m.type, m.fields[5:7]) for m in answers] == [("download", [8, 0])]
    assert [e[1] for e in server.store.entries("app", '"p"')] == [3, 5, 8]


def test_pure_repetition_stores_nothing(server: Server, client: Connection) -> None:
    commits = server.runtime.stats()["commits"]
    client.upload(2, (5, 0))
    assert client.answers() == []
    assert server.runtime.stats()["commits"] == commits


def stored(server: Server) -> tuple[int, int, int]:
    """Upload cursor and locked version of the one client file."""
    (progress,) = server.store.files("app", '"p"').values()
    assert len(progress) == 3
    return progress


def test_progress_alone_is_stored_and_not_answered(server: Server, client: Connection) -> None:
    client.upload(2, (9, 2))
    server.advance(1_000)
    assert client.answers() == []
    assert stored(server) == (9, 2, 2)


def test_progress_alone_shares_a_commit(server: Server, client: Connection) -> None:
    commits = server.runtime.stats()["commits"]
    for version in range(6, 20):
        client.upload(2, (version, 2))
        server.advance(10)
    server.advance(1_000)
    assert server.runtime.stats()["commits"] == commits + 1
    assert stored(server) == (19, 2, 2)


def test_an_upload_makes_the_progress_before_it(server: Server, client: Connection) -> None:
    commits = server.runtime.stats()["commits"]
    client.upload(2, (8, 1))
    client.upload(2, (10, 2), [(9, 1, 9, E)])
    client.take_all()
    server.advance(5_000)
    assert server.runtime.stats()["commits"] == commits + 1
    assert stored(server) == (10, 2, 2)


def test_locked_version_is_not_lost_to_a_repetition(server: Server, client: Connection) -> None:
    client.upload(2, (0, 0), locked=2)
    client.upload(2, (5, 0), [(3, 0, 9, E), (5, 0, 9, E)], locked=2)
    server.advance(1_000)
    assert stored(server) == (5, 0, 2)


@pytest.mark.parametrize("end", ["unbind", "close", "shutdown", "error"])
def test_progress_alone_is_stored_at_the_end(server: Server, client: Connection, end: str) -> None:
    client.upload(2, (9, 2))
    if end == "unbind":
        client.unbind(2)
    elif end == "close":
        client.close()
    elif end == "shutdown":
        server.runtime.shutdown(server.now)
    else:
        client.upload(2, (8, 2))  # U3
    server.run()
    assert stored(server) == (9, 2, 2)


def test_progress_alone_does_not_get_behind_another_bind(
    server: Server, client: Connection
) -> None:
    newer = server.connect()
    file, latest = client.bindings[2].file, client.bindings[2].latest
    assert file is not None
    client.upload(2, (9, 2))
    newer.bind(1, need_ident=False)
    newer.bindings[1].newest_client_version = 5
    newer.ident(1, file, (2, 5), latest)
    newer.take_all()
    server.advance(1_000)
    assert client.gone and stored(server) == (5, 0, 0)
    newer.upload(1, (6, 2), [(6, 2, 9, E)])
    newer.take_all()
    assert newer.error is None and stored(server) == (6, 2, 2)


def test_nothing_after_a_refused_upload_is_integrated(server: Server, client: Connection) -> None:
    client.upload(2, (7, 0), [(7, 0, 1, b"\xff")])
    client.upload(2, (9, 0), [(9, 0, 1, E)])
    client.take_all()
    assert [e[1] for e in server.store.entries("app", '"p"')] == [3, 5]


def compressed(plain: bytes, declared: int | None = None) -> bytes:
    packed = zlib.compress(plain, 1)
    size = len(plain) if declared is None else declared
    return b"upload 2 1 %d %d 900 0 0\n" % (size, len(packed)) + packed


MANY = upload_body([(n, 0, 1, E) for n in range(6, 300)])
BODIES = {
    "inflates to more": (compressed(MANY, len(MANY) - 1), 110),
    "inflates to less": (compressed(MANY, len(MANY) + 1), 110),
    "no zlib": (b"upload 2 1 2000 4 900 0 0\nabcd", 110),
    "bomb": (compressed(bytes(100 << 20), 60 << 20), 110),
    "declared beyond what deflate can": (compressed(MANY, 60 << 20), 110),
    "entry header": (b"upload 2 0 8 0 9 0 0\n7 0 1 x ", 111),
    "entry size": (b"upload 2 0 12 0 9 0 0\n7 0 1 0 99 a", 112),
    "body cut": (b"upload 2 0 100 0 9 0 0\n7 0 1 0 0 ", 103),
    "overflow": (b"upload 2 0 0 0 99999999999999999999 0 0\n", 103),
}


@pytest.mark.parametrize("case", BODIES)
def test_bad_body_ends_the_connection_only(server: Server, client: Connection, case: str) -> None:
    sibling = server.connect()
    sibling.open(1)
    raw, code = BODIES[case]
    client.send(raw)
    client.take_all()
    assert client.error is not None and client.error.fields == [code, 0]
    sibling.mark(1, 1)
    assert [m.type for m in sibling.answers()] == ["mark"]
    assert len(server.store.entries("app", '"p"')) == 2


def test_compressed_body(server: Server, client: Connection) -> None:
    client.bindings[2].newest_client_version = 900
    client.send(compressed(MANY))
    assert [m.fields[5] for m in client.answers()] == [900]
    # Of empty changesets in turn the 16th stands for all that follow.
    assert len(server.store.entries("app", '"p"')) == 2 + 16


def test_backlog_pauses_then_ends() -> None:
    server = Server(tuning={"user_backlog_bytes": 10_000})
    client = server.connect()
    client.open(1)
    client.upload(1, (2, 0), [(2, 0, 1, bytes(11_000))])
    client.upload(1, (3, 0), [(3, 0, 1, bytes(8_000))])
    assert server.runtime.stats()["backlog_bytes"] > 19_000
    client.upload(1, (4, 0), [(4, 0, 1, bytes(2_000))])
    client.take_all()
    assert client.error is not None and client.error.fields == [100, 0]
    assert (client.error.json["tryAgain"], client.error.json["action"]) == (True, "Transient")
    assert ("pause_reading", client.id) in server.events
    assert server.runtime.stats()["backlog_bytes"] == 0


def test_backlog_resumes() -> None:
    server = Server(tuning={"user_backlog_bytes": 1_000})
    client = server.connect()
    client.open(1)
    client.upload(1, (2, 0), [(2, 0, 1, E)] * 1, body=None)
    client.upload(1, (300, 0), [(n, 0, 1, E) for n in range(3, 100)])
    client.take_all()
    names = [e[0] for e in server.events if e[0].endswith("reading")]
    assert names == ["pause_reading", "resume_reading"]
    assert client.error is None and client.bindings[1].upload == (300, 0)


def test_backlogs_are_their_users_own() -> None:
    """In the same partition: who sends little is read, whatever the others have sent."""
    server = Server(tuning={"user_backlog_bytes": 10_000, "process_backlog_bytes": 20_000})
    heavy, other, light = (server.connect(user) for user in ("eve", "bob", "ada"))
    for client in (heavy, other, light):
        client.open(1)
    for client in (heavy, other):
        client.upload(1, (2, 0), [(2, 0, 1, bytes(9_500))])
    light.upload(1, (2, 0), [(2, 0, 1, bytes(2_000))])  # all of them have too much now, he has not
    heavy.upload(1, (3, 0), [(3, 0, 1, bytes(500))])
    light.upload(1, (3, 0), [(3, 0, 1, bytes(500))])
    server.run()
    paused = [event[1] for event in server.events if event[0] == "pause_reading"]
    assert paused == [heavy.id]
    resumed = [event[1] for event in server.events if event[0] == "resume_reading"]
    assert resumed == paused and server.runtime.stats()["backlog_bytes"] == 0
    assert light.error is None


def test_who_is_too_far_behind_downloads_first() -> None:
    """A merge that takes too long is not for the server, and not for ever."""
    server = Server(tuning={"light_work": 1_000_000, "upload_work": 1_000_000})
    writer, late = server.connect("ada"), server.connect("bob")
    writer.open(1)
    late.open(1)
    for n in range(2, 802):
        writer.upload(1, (n, 0), [(n, 0, 1, changeset(*DOG) if n == 2 else dog(n))])
        server.run()
    late.upload(1, (2, 0), [(2, 0, 1, changeset(*DOG, create("Dog", 1)))])
    error = late.error_answer()
    assert error.fields == [200, 1]
    assert error.json["tryAgain"] and error.json["backoffIntervalSec"] == 5
    assert "download it first" in error.json["message"]
    before = late.bindings[1]
    assert before.file is not None
    late.unbind(1)
    late.take_all()
    late.bind(1, need_ident=False)
    late.ident(1, before.file, before.download, before.latest)
    late.take_all()
    assert late.bindings[1].download == (800, 0)
    late.upload(1, (2, 800), [(2, 800, 1, changeset(*DOG, create("Dog", 1)))])
    late.take_all()
    assert late.bindings[1].upload == (2, 800)


def dog(number: int) -> bytes:
    return changeset(create("Dog", number))


@pytest.mark.parametrize("stored", [False, True], ids=["lost", "unanswered"])
def test_failed_commit(server: Server, client: Connection, stored: bool) -> None:
    """Nobody is told anything; everybody of the partition comes back and reads the truth."""
    other = server.connect()
    other.open(1, "elsewhere")
    file, latest = client.bindings[2].file, client.bindings[2].latest
    assert file is not None
    server.store.fail_commit(stored)
    client.upload(2, (7, 0), [(7, 0, 1, E)])
    assert [m.type for m in client.answers()] == ["json_error"]
    assert client.error is not None and client.error.fields == [101, 0]
    assert any(e[0] == "storage_failed" for e in server.events)
    assert other.error is None
    again = server.connect()
    again.bind(1, need_ident=False)
    again.bindings[1].newest_client_version = 7
    again.ident(1, file, (2, 5), latest)
    again.upload(1, (7, 0), [(7, 0, 1, E)])
    again.take_all()
    assert again.error is None and again.bindings[1].upload == (7, 0)
    assert [e[1] for e in server.store.entries("app", '"p"')] == [3, 5, 7]


def test_a_job_that_throws_fails_alone(server: Server) -> None:
    one, two = server.connect(), server.connect()
    one.open(1, "a")
    two.open(1, "b")
    server.store.fail_append()
    one.upload(1, (2, 0), [(2, 0, 1, E)])
    two.upload(1, (2, 0), [(2, 0, 1, E)])
    assert [m.type for m in two.answers()] == ["download"]
    one.take_all()
    assert one.error is None and one.bindings[1].upload == (2, 0), "it succeeds when repeated"


def test_unreadable_page(server: Server, client: Connection) -> None:
    server.store.fail_page()
    client.upload(2, (7, 0), [(7, 0, 1, E)])
    client.take_all()
    assert client.error is not None and client.error.fields == [101, 0]


def test_large_history_comes_in_pages() -> None:
    server = Server(tuning={"page_bytes": 100, "shared_page_bytes": 100})
    writer, reader = server.connect(), server.connect()
    writer.open(1)
    writer.upload(1, (30, 0), [(n, 0, n, PROPER) for n in range(2, 30)])
    writer.take_all()
    reader.open(1)
    binding = reader.bindings[1]
    # Equal schemas vanish: the first is the only one that others get.
    assert len(binding.received) == len([e for e in server.store.entries("app", '"p"') if e[2]])
    assert binding.download[0] == 28 and binding.downloads > 1
