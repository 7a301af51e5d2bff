"""Thousands of sessions on one connection: who shares it, what one of them costs, and what a full
one means (client-session.md 8). Work is counted, not timed: sessions that were looked at because
all were, and what was told and sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from client_driver import CHANGESET, Client, File, download, words
from realmsync._testbed import connection_count, visits

MANY = 1_000


def bound(count: int) -> tuple[Client, list[File]]:
    """Sessions with idents 1 to `count`, everything downloaded, nothing to send."""
    client = Client()
    files = [client.open(f'"{n}"') for n in range(count)]
    client.connect()
    client.take()
    for ident in range(1, count + 1):
        client.receive(f"ident {ident} {ident + 10} 99\n")
    client.take()
    for ident in range(1, count + 1):
        client.receive(download(ident))
        client.receive(f"mark {ident} 1\n")
    assert client.take() == []
    return client, files


def commit(client: Client, files: list[File]) -> None:
    files[1].commit(CHANGESET, 1)
    client.run()


def pause(client: Client, files: list[File]) -> None:
    client.runtime.pause(files[1].id)
    client.run()


def pause_and_resume(client: Client, files: list[File]) -> None:
    client.runtime.pause(files[1].id)
    client.runtime.resume(files[1].id)
    client.run()


def wait(client: Client, files: list[File]) -> None:
    client.wait(files[1], "upload")
    client.wait(files[1], "download")


def receive(client: Client, files: list[File]) -> None:
    client.receive(download(2, dsv=5))


def session_error(client: Client, files: list[File]) -> None:
    body = (
        '{"message":"later","logURL":"","shouldClientReset":false,'
        '"isRecoveryModeDisabled":false,"tryAgain":true,"action":"Transient"}'
    )
    client.receive(f"json_error 200 {len(body)} 2\n{body}")
    client.sleep(2_000)


def progress(client: Client, files: list[File]) -> None:
    client.runtime.add_notifier(files[1].id, "upload", True)
    commit(client, files)


def open_another(client: Client, files: list[File]) -> None:
    client.open('"new"')


def close(client: Client, files: list[File]) -> None:
    client.runtime.close_session(files[1].id)
    client.run()


EVENTS = (
    commit,
    pause,
    pause_and_resume,
    wait,
    receive,
    session_error,
    progress,
    open_another,
    close,
)


@pytest.mark.parametrize("happen", EVENTS)
def test_what_one_does_costs_the_same_among_many(
    happen: Callable[[Client, list[File]], None],
) -> None:
    """Nobody else is looked at, told anything or made to send."""
    costs = []
    for count in (3, 300):
        client, files = bound(count)
        told = sum(len(file.events) for file in client.files.values())
        looked_at, others = visits(client.runtime), len(client.other)
        happen(client, files)
        sent = [words(message)[0] for message in client.take()]
        told = sum(len(file.events) for file in client.files.values()) - told
        costs.append((visits(client.runtime) - looked_at, told, len(client.other) - others, sent))
    assert costs[0] == costs[1]
    assert costs[1][0] == 0


def test_a_lost_connection_is_told_to_each_once() -> None:
    """The opposite: what concerns all of them is one look at each, and one event."""
    client, files = bound(300)
    looked_at = visits(client.runtime)
    before = [len(file.of("connection")) for file in files]
    client.runtime.closed(client.socket, None, "gone", client.now)
    client.run()
    assert visits(client.runtime) - looked_at <= 6 * len(files)
    after = [file.of("connection")[at:] for file, at in zip(files, before, strict=True)]
    assert all(changes[0] == ("disconnected", "connected") for changes in after)
    assert all(changes == after[0] for changes in after)


def test_many_share_a_connection_and_take_turns() -> None:
    client, files = bound(MANY)
    assert connection_count(client.runtime) == 1 and len(client.sockets) == 1
    for _ in range(3):
        for file in files:
            file.commit(CHANGESET, 1)
    client.run()
    sent = [int(words(message)[1]) for message in client.take()]
    assert sent[:MANY] == list(range(1, MANY + 1)), "everybody sends once before one sends twice"


def test_beyond_the_limit_there_is_another_connection() -> None:
    client = Client(sessions_per_connection=2)
    files = [client.open(f'"{n}"') for n in range(5)]
    assert len(client.sockets) == 3 and connection_count(client.runtime) == 3
    for socket in client.sockets:
        client.runtime.connected(socket, "com.mongodb.realm-sync#14", client.now)
    client.run()
    sent = [
        [words(message)[:2] for message in iter(lambda s=socket: client.next(s), None)]
        for socket in client.sockets
    ]
    binds = [["bind", str(n)] for n in range(1, 6)]
    assert sent == [binds[:2], binds[2:4], binds[4:]]
    # Who leaves makes room.
    client.runtime.close_session(files[0].id)
    client.run()
    assert client.next(client.sockets[0]) == b"unbind 1\n"
    client.runtime.receive(client.sockets[0], b"unbound 1\n", client.now)
    client.open('"new"')
    assert len(client.sockets) == 3
    message = client.next(client.sockets[0])
    assert message is not None and words(message)[:2] == ["bind", "6"]


def test_who_goes_on_stays_where_he_unbinds() -> None:
    """On another connection BIND could come before UNBIND, and the server would take the file from
    the first connection, with all of its sessions."""
    client = Client(sessions_per_connection=2)
    first, _, _ = (client.open(f'"{n}"') for n in range(3))
    client.connect()
    client.runtime.connected(client.sockets[0], "com.mongodb.realm-sync#14", client.now)
    client.run()
    while client.next(client.sockets[0]) is not None:
        pass
    client.runtime.pause(first.id)
    client.runtime.resume(first.id)
    client.run()
    sent = [words(m)[:2] for m in iter(lambda: client.next(client.sockets[0]), None)]
    assert sent == [["unbind", "1"], ["bind", "4"]]


def test_sessions_end_one_by_one() -> None:
    client, files = bound(MANY)
    looked_at = visits(client.runtime)
    for file in files:
        client.runtime.close_session(file.id)
    client.run()
    for message in client.take():
        assert words(message)[0] == "unbind"
        client.receive(b"unbound " + words(message)[1].encode() + b"\n")
    client.run()
    assert visits(client.runtime) == looked_at
    assert all(file.of("released") for file in files)
    client.sleep(30_000)
    assert connection_count(client.runtime) == 0
