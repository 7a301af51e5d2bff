"""One protocol session: binding, what it sends when, what it may receive, waits, suspension
(client-session.md 5 and 10, wire-protocol.md 11)."""

from __future__ import annotations

import json

import pytest

from client_driver import (
    ACTIVE,
    CHANGESET,
    INACTIVE,
    Client,
    download,
    entry,
    idle_changeset,
    online,
    upload_entries,
    words,
)


def violated(client: Client) -> bool:
    file = next(iter(client.files.values()))
    errors = file.of("error")
    if not errors:
        return False
    facts = errors[-1][0]
    assert facts["code"] == 1038 and facts["is_fatal"]
    assert facts["action"] == "ProtocolViolation"
    assert client.runtime.snapshot(file.id)[:2] == (INACTIVE, "disconnected")
    assert client.closed == [client.socket]
    return True


def test_new_file() -> None:
    client, file = online()
    assert client.runtime.snapshot(file.id) == (ACTIVE, "connected", 7)
    version = file.commit(CHANGESET, 11)
    client.run()
    (upload,) = client.take()
    assert upload_entries(upload) == [(version, 0, 11, CHANGESET)]
    client.receive(download(1, dsv=1, dcv=version, ucv=version))
    assert client.heads() == [f"upload 1 0 0 0 {version + 1} 1 1"]  # acknowledges version 1
    client.receive(download(1, dsv=1, dcv=version, ucv=version + 1, usv=1))
    assert client.heads() == []


def test_changes_before_the_first_ident_are_uploaded() -> None:
    client = Client()
    file = client.open()
    file.commit(CHANGESET, 5)
    client.connect()
    client.bind(file)
    (upload,) = client.take()
    assert [e[0] for e in upload_entries(upload)] == [2]


def test_uploads_wait_for_the_first_mark() -> None:
    client = Client()
    file = client.open()
    client.connect()
    client.take()
    client.receive("ident 1 7 99\n")
    client.take()
    file.commit(CHANGESET, 5)
    client.run()
    assert client.heads() == []
    client.receive(download(1))
    assert client.heads() == []
    client.receive("mark 1 1\n")
    assert [words(m)[0] for m in client.take()] == ["upload"]


def test_upload_limits_split_messages() -> None:
    client, file = online(upload_soft_bytes=10, upload_hard_bytes=100)
    client.runtime.pause(file.id)
    client.take()
    client.receive("unbound 1\n")
    for size in (4, 4, 4, 96, 200, 3):
        file.commit(idle_changeset(size), 1)
    client.runtime.resume(file.id)
    client.run()
    client.take()
    client.receive(download(2))
    client.receive("mark 2 1\n")
    uploads = [[len(e[3]) for e in upload_entries(m)] for m in client.take()]
    assert uploads == [[4, 4, 4], [96], [200], [3]]


def test_empty_uploads_only_acknowledge() -> None:
    client, file = online()
    file.commit(b"", 1)
    client.run()
    assert client.heads() == []
    assert file.state()["uploaded_version"] == file.state()["version"]


BOUND_ONLY = [
    ("mark 1 1\n", "before IDENT"),
    (download(1), "before IDENT"),
    ("unbound 1\n", "no UNBIND"),
    ("ident 1 0 9\n", "ident 0"),
    ("ident 1 7 0\n", "salt 0"),
    ("ident 2 7 9\n", "unknown session"),
    ("pong 5\n", "no PING"),
    ("query_error 226 1 1 1\nx", "PBS"),
    (b"\xff\x00garbage", "no message"),
    ("ident 1 7", "no newline"),
    ("mark 1 99999999999999999999999\n", "overflow"),
]


@pytest.mark.parametrize(("message", "_why"), BOUND_ONLY)
def test_illegal_after_bind(message: str | bytes, _why: str) -> None:
    client = Client()
    client.open()
    client.connect()
    client.take()
    client.receive(message)
    assert violated(client)


IDENTIFIED = [
    "ident 1 7 99\n",
    "mark 1 0\n",
    "mark 1 1\n",  # a second time
    "mark 1 2\n",  # never sent
    "mark 9 1\n",
    "unbound 1\n",
    download(1, dsv=2, lsv=1),
    download(1, dcv=3),
    download(1, ucv=50),
    download(1, ucv=1, usv=1),
    download(1, dsv=1, body=entry(2, 0, CHANGESET)),
    download(1, dsv=1, body=entry(0, 0, CHANGESET)),
    download(1, dsv=2, body=entry(2, 0, CHANGESET) + entry(2, 0, CHANGESET)),
    download(1, dsv=1, body=entry(1, 1, CHANGESET)),
    download(1, dsv=1, body=entry(1, 0, CHANGESET, origin=7)),
    download(1, dsv=1, body=entry(1, 0, CHANGESET, origin=0)),
    download(1, dsv=1, body=b"1 0 1 3 5 500 x"),
    b"download 1 1 0 1 5 0 0 0 1 100 4\nabcd",  # no zlib stream
    b"download 1 1 0 1 5 0 0 0 1 4000000000 4\nabcd",  # a bomb, by its own account
    "json_error 102 2 1\n{}",
    "json_error 226 2 0\n{}",
]


@pytest.mark.parametrize("message", IDENTIFIED)
def test_illegal_when_bound(message: str | bytes) -> None:
    client, _ = online()
    client.receive(message)
    assert violated(client)


def test_progress_must_not_decrease() -> None:
    client, _ = online()
    client.receive(download(1, dsv=5))
    client.receive(download(1, dsv=4, lsv=5))
    assert violated(client)


def test_violation_spares_other_connections() -> None:
    client = Client()
    client.open(user="a")
    client.connect()
    other = client.open('"q"', user="b")
    client.connect()
    first = client.sockets[0]
    client.runtime.receive(first, b"nonsense", client.now)
    client.run()
    assert client.closed == [first]
    assert client.runtime.snapshot(other.id)[:2] == (ACTIVE, "connected")


@pytest.mark.parametrize(("kind", "code"), [("bad_changeset", 212), ("bad_progress", 233)])
def test_integration_failure(kind: str, code: int) -> None:
    client, file = online()
    file.store.fail_integration(kind)
    client.receive(download(1, dsv=1, body=entry(1, 0, CHANGESET)))
    client.receive(download(1, dsv=2, body=entry(2, 0, CHANGESET)))  # ignored: there is a gap
    (message,) = client.take()
    assert words(message)[:2] == ["json_error", str(code)]
    assert json.loads(message.partition(b"\n")[2])["message"]
    assert file.of("error")[0][0]["action"] == "Warning"
    assert file.state()["download"] == (0, 0)
    file.commit(CHANGESET, 1)
    client.wait(file, "download")
    assert client.heads() == []  # nothing until the server ends the binding
    client.error(1, 200, True, "Transient")
    assert client.heads() == ["unbind 1"]
    client.sleep(1_000)
    assert client.heads()[0] == "bind 1 3 0 0 0"


def test_malformed_changeset_is_an_integration_failure() -> None:
    client, file = online()
    client.receive(download(1, dsv=1, body=entry(1, 0, b"\x3f\x00\x05ab")))
    assert words(client.take()[0])[:2] == ["json_error", "212"]
    assert client.runtime.snapshot(file.id)[0] == ACTIVE


# waits


def test_waits_registered_offline() -> None:
    client = Client()
    file = client.open()
    client.runtime.pause(file.id)
    waits = [client.wait(file, d) for d in ("upload", "download", "upload", "download")]
    assert file.of("wait") == []
    client.runtime.resume(file.id)
    client.run()
    assert [w[0] for w in file.of("wait")] == [waits[2], waits[0]]  # nothing unsent
    client.connect()
    client.take()
    client.receive("ident 2 7 99\n")
    assert client.heads() == ["ident 2 7 99 0 0 0 0", "mark 2 3"]
    client.receive(download(2))
    client.receive("mark 2 3\n")
    assert [w[:2] for w in file.of("wait")] == [
        (waits[2], 0),
        (waits[0], 0),
        (waits[3], 0),
        (waits[1], 0),
    ]


def test_upload_wait_needs_the_acknowledgement() -> None:
    client, file = online()
    version = file.commit(CHANGESET, 1)
    wait = client.wait(file, "upload")
    client.take()
    assert file.of("wait") == []
    client.receive(download(1, dsv=1, dcv=version, ucv=version))
    assert file.of("wait") == [(wait, 0, "")]


def test_newer_upload_wait_delays_the_older() -> None:
    client, file = online()
    first = file.commit(CHANGESET, 1)
    old = client.wait(file, "upload")
    client.take()
    second = file.commit(CHANGESET, 2)
    new = client.wait(file, "upload")
    client.take()
    client.receive(download(1, dsv=1, dcv=first, ucv=first))
    assert file.of("wait") == []
    client.receive(download(1, dsv=2, dcv=second, ucv=second))
    assert [w[0] for w in file.of("wait")] == [new, old]


def test_download_wait_covers_what_came_before_the_mark() -> None:
    client, file = online()
    wait = client.wait(file, "download")
    assert client.heads() == ["mark 1 2"]
    client.receive(download(1, dsv=1, body=entry(1, 0, CHANGESET)))
    assert file.of("wait") == []
    client.receive("mark 1 2\n")
    assert file.of("wait") == [(wait, 0, "")]
    assert file.store.received() == [(1, 0, 3, 1)]


def test_progress_precedes_the_completion() -> None:
    client, file = online()
    client.runtime.add_notifier(file.id, "upload", True)
    version = file.commit(CHANGESET, 1)
    client.wait(file, "upload")
    client.take()
    client.receive(download(1, dsv=1, dcv=version, ucv=version))
    kinds = [event[0] for event in file.events if event[0] in ("progress", "wait")]
    assert kinds == ["progress", "progress", "wait"]
    assert file.of("progress")[-1][1][:3] == (len(CHANGESET), len(CHANGESET), 1.0)


def test_empty_commits_make_no_report() -> None:
    client, file = online()
    client.runtime.add_notifier(file.id, "upload", True)
    file.commit(b"", 1)
    client.run()
    assert file.of("progress") == []


# suspension


def test_error_that_may_be_tried_again() -> None:
    client, file = online()
    client.error(1, 200, True, "Transient")
    assert file.of("connection")[-1] == ("disconnected", "connected")
    assert file.of("error") == []
    assert client.heads() == ["unbind 1"]
    client.sleep(999)
    assert client.heads() == []
    client.sleep(1)
    assert client.heads() == ["bind 1 3 0 0 0", "ident 1 7 99 0 0 0 0"]
    assert [c[0] for c in file.of("connection")[-2:]] == ["connecting", "connected"]


def test_error_and_unbind_crossing() -> None:
    client, file = online()
    client.runtime.pause(file.id)
    assert client.heads() == ["unbind 1"]
    client.error(1, 206, False, "ApplicationBug")
    assert file.of("error") == []  # never while paused
    client.receive("unbound 1\n")  # after an ERROR this is one too many: the session is gone
    assert client.closed == [client.socket]


def test_fatal_error_ends_the_session() -> None:
    client, file = online()
    wait = client.wait(file, "download")
    client.take()
    client.error(1, 206, False, "ApplicationBug")
    assert file.of("wait") == [(wait, 1037, "told so")]
    assert file.of("error")[0][0]["code"] == 1037
    assert client.runtime.snapshot(file.id)[0] == INACTIVE
    assert client.heads() == ["unbind 1"]


def test_suspended_for_good_until_a_reconnect_request() -> None:
    client, file = online()
    client.error(1, 206, False, "Warning")
    client.take()
    client.sleep(400_000)
    assert client.runtime.snapshot(file.id)[0] == ACTIVE
    client.runtime.reconnect(file.id)
    client.run()
    if len(client.sockets) == 2:  # the idle socket lingered and was closed meanwhile
        client.connect()
    assert "bind 1 3 0 0 0" in client.heads()


def test_suspended_session_binds_after_a_lost_connection() -> None:
    client, file = online()
    client.error(1, 201, True, "Transient")
    client.take()
    client.runtime.closed(client.socket, None, "", client.now)
    client.run()
    client.sleep(2_000)
    client.connect()
    assert "bind 1 3 0 0 0" in client.heads()
    assert client.runtime.snapshot(file.id)[1] == "connected"


def test_server_defined_delays() -> None:
    client, _ = online(reconnect_jitter_divisor=0)
    body = (
        '{"message":"","logURL":"","shouldClientReset":false,"isRecoveryModeDisabled":false,'
        '"tryAgain":true,"action":"Transient","backoffIntervalSec":7,"backoffMaxDelaySec":9,'
        '"backoffMultiplier":2}'
    )
    for delay in (7_000, 9_000, 9_000):
        client.receive(f"json_error 201 {len(body)} 1\n{body}")
        assert client.heads() == ["unbind 1"]
        client.sleep(delay - 1)
        assert client.heads() == []
        client.sleep(1)
        assert client.heads()[0] == "bind 1 3 0 0 0"


def test_manual_client_reset() -> None:
    client = Client()
    file = client.open(manual_reset=True)
    client.connect()
    client.bind(file)
    client.error(1, 208, False, "ClientReset")
    (facts,) = file.of("error")[0]
    assert facts["client_reset"] and facts["code"] == 1032
    assert facts["file_action"] == "back_up_then_remove"
    assert client.runtime.snapshot(file.id)[0] == INACTIVE
