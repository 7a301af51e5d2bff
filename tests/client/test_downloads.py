"""What waits for the store, and what is too large to be taken (client-session.md 10.6,
wire-protocol.md 5.6). Workers run within calls, but nobody hears of them before `run`: what comes
until then finds two DOWNLOADs at the store."""

from __future__ import annotations

import zlib

import pytest

from client_driver import ACTIVE, CHANGESET, INACTIVE, Client, File, download, entry, online, words

INVARIANT = 1038


def receive(client: Client, *messages: bytes) -> None:
    """In one go, without hearing of any outcome."""
    for message in messages:
        client.runtime.receive(client.socket, message, client.now)


def reading(client: Client) -> list[str]:
    """How it was paused and resumed."""
    return [event[0] for event in client.other if event[0].endswith("_reading")]


def test_empty_downloads_in_a_row_are_one() -> None:
    client, file = online()
    before = file.state()["version"]
    receive(client, *(download(1, dsv=n) for n in range(1, 1001)))
    client.run()
    assert file.state()["download"] == (1000, 0)
    assert file.state()["version"] == before + 3  # two that did not wait, and the others


def test_what_has_content_stays_by_itself() -> None:
    client, file = online()
    bodies = (entry(n, 0, b"") if n in (5, 6, 9) else b"" for n in range(1, 11))
    receive(client, *(download(1, dsv=n, body=body) for n, body in enumerate(bodies, 1)))
    client.run()
    assert file.state()["download"] == (10, 0)
    assert client.runtime.snapshot(file.id)[0] == ACTIVE


def test_an_acknowledgement_in_an_empty_download_counts() -> None:
    client, file = online()
    version = file.commit(CHANGESET, 1)
    wait = client.wait(file, "upload")
    client.run()
    assert words(client.take()[0])[0] == "upload"
    receive(client, *(download(1, dsv=n, ucv=version if n > 500 else 0) for n in range(1, 1001)))
    client.run()
    assert file.of("wait")[0][:2] == (wait, 0)
    assert file.state()["upload"][0] == version


def test_messages_count_beside_their_bodies() -> None:
    """However small they are."""
    for messages, expected in ((11, []), (12, ["pause_reading", "resume_reading"])):
        client, _ = online(download_backlog_bytes=10_000, download_overhead_bytes=1_000)
        receive(
            client,
            *(download(1, dsv=n, body=entry(n, 0, b"")) for n in range(1, messages + 1)),
        )
        client.run()
        assert reading(client) == expected


def test_reading_goes_on_when_what_waits_is_of_nobody_any_more() -> None:
    """The session ends while what it received is at the store or waits for it."""
    client, file = online(download_backlog_bytes=4)
    body = '{"message":"","logURL":"","shouldClientReset":false,"tryAgain":true,"action":"Warning",'
    body += '"isRecoveryModeDisabled":false}'
    receive(
        client,
        *(download(1, dsv=n, body=entry(n, 0, b"")) for n in range(1, 10)),
        f"json_error 200 {len(body)} 1\n{body}".encode(),
    )
    client.runtime.pause(file.id)
    assert client.heads() == ["unbind 1"]
    client.run()
    assert reading(client) == ["pause_reading", "resume_reading"]


def bound_twice(**tuning: int) -> tuple[Client, File, File]:
    """Two files on one connection."""
    client, first = online(**tuning)
    second = client.open('"q"')
    client.take()
    client.receive("ident 2 8 99\n")
    client.take()
    client.receive(download(2))
    client.receive("mark 2 1\n")
    client.take()
    return client, first, second


def ended(client: Client, file: File, text: str) -> None:
    """It has ended for good and says why, which is no client reset."""
    [(error,)] = file.of("error")
    assert (error["code"], error["is_fatal"], error["client_reset"]) == (INVARIANT, True, False)
    assert error["action"] == "ProtocolViolation"
    assert text in error["message"]
    assert client.runtime.snapshot(file.id)[0] == INACTIVE
    assert client.runtime.end(file.id) == (INVARIANT, error["message"])


@pytest.mark.parametrize("compressed", [False, True])
def test_a_download_beyond_the_limit_ends_its_session_alone(compressed: bool) -> None:
    client, victim, sibling = bound_twice(download_limit_bytes=1_000)
    wait = client.wait(victim, "download")
    body = entry(1, 0, bytes(1_000))
    packed = zlib.compress(body) if compressed else body
    sizes = (1, len(body), len(packed)) if compressed else (0, len(body), 0)
    client.receive(b"download 1 1 0 1 5 0 0 0 %d %d %d\n" % sizes + packed)
    ended(client, victim, f"Message too large: {len(body)}, and this client takes at most 1000")
    assert [event[:2] for event in victim.of("wait")] == [(wait, INVARIANT)]
    assert "unbind 1" in client.heads()
    assert client.closed == [] and sibling.of("error") == []
    assert client.runtime.snapshot(sibling.id)[:2] == (ACTIVE, "connected")
    client.receive("unbound 1\n")
    client.runtime.resume(victim.id)
    client.run()
    assert client.heads()[0].startswith("bind 3 ")


def test_a_message_that_was_not_taken_in_ends_its_session_alone() -> None:
    client, victim, sibling = bound_twice()
    first_bytes = b"download 1 9 0 9 5 0 0 0 0 2000000000 0\n" + bytes(200)
    client.runtime.refuse(client.socket, first_bytes, 2_000_000_000, client.now)
    client.run()
    ended(client, victim, "Message too large: 2000000000, ")
    assert client.closed == [1]  # the rest of the message stands in the way
    assert sibling.of("error") == []
    client.sleep(1_000)
    client.connect()
    assert [head.split()[:2] for head in client.heads()] == [["bind", "2"], ["ident", "2"]]


@pytest.mark.parametrize("first_bytes", [b"", b"json_error 200 2000000000 1\n", b"download 9 "])
def test_a_message_of_nobody_that_was_not_taken_in(first_bytes: bytes) -> None:
    client, *files = bound_twice()
    client.runtime.refuse(client.socket, first_bytes, 2_000_000_000, client.now)
    client.run()
    for file in files:
        ended(client, file, "Message too large: 2000000000, ")
    assert client.closed == [1]


def test_a_body_is_integrated_in_parts() -> None:
    client, file = online(download_part_bytes=1)
    before = file.state()["version"]
    body = b"".join(entry(n, 0, CHANGESET) for n in (2, 4, 6))
    client.receive(download(1, dsv=7, lsv=9, body=body))
    assert file.state()["version"] == before + 3
    assert file.state()["download"] == (7, 0)
    assert [version for version, *_ in file.store.received()] == [2, 4, 6]
    client.receive(download(1, dsv=9, body=entry(8, 0, CHANGESET)))
    assert file.state()["download"] == (9, 0) and file.of("error") == []


def test_a_body_is_checked_as_a_whole_before_its_first_part() -> None:
    client, file = online(download_part_bytes=1)
    client.receive(download(1, dsv=7, body=entry(2, 0, CHANGESET) + entry(2, 0, CHANGESET)))
    [(error,)] = file.of("error")
    assert (error["code"], error["action"]) == (INVARIANT, "ProtocolViolation")
    assert file.state()["download"] == (0, 0)


def test_the_parts_before_a_bad_one_stay() -> None:
    """And the next binding begins behind them."""
    client, file = online(download_part_bytes=1)
    body = entry(2, 0, CHANGESET) + entry(4, 0, b"\x3f\x00\x05ab") + entry(6, 0, CHANGESET)
    client.receive(download(1, dsv=7, body=body))
    assert file.state()["download"] == (2, 0)
    assert words(client.take()[0])[:2] == ["json_error", "212"]
    client.error(1, 200, True, "Transient")
    client.take()
    client.sleep(1_000)
    assert client.heads()[:2] == ["bind 1 3 0 0 0", "ident 1 7 99 2 0 7 5"]


def test_a_bomb_of_instructions_ends_its_session() -> None:
    client, victim, sibling = bound_twice(download_parsed_bytes=64_000)
    bomb = b"\x3f\x00\x01T" + b"\x01\x00" * 100_000  # EraseTable
    client.receive(download(1, dsv=1, body=entry(1, 0, bomb)))
    ended(client, victim, "Message too large: more than 1000 instructions")
    assert client.closed == [] and sibling.of("error") == []


def test_limits_count_a_changeset_by_itself() -> None:
    client, file = online(download_parsed_bytes=64_000, download_part_bytes=1_000)
    body = b"".join(entry(n, 0, CHANGESET) for n in range(1, 2_001))
    client.receive(download(1, dsv=2_000, body=body))
    assert file.of("error") == [] and file.state()["download"] == (2_000, 0)


def test_closing_ends_what_is_being_integrated() -> None:
    """At one of its steps, and leaves nothing. Here closing comes just before the first."""
    client, file = online()
    client.runtime.close()
    client.receive(download(1, dsv=1, body=entry(1, 0, CHANGESET)))
    assert file.state()["download"] == (0, 0)
