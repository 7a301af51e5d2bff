"""Progress reports of whole sessions, partition-based sync: the gate, what reports count over
reconnections and restarts, and the facts of client-session.md 6.3 to 6.7."""

from __future__ import annotations

import pytest

from client_driver import CHANGESET, Client, File, download, entry, idle_changeset, online

UP, DOWN = "upload", "download"
SIZE = len(CHANGESET)


def reports(file: File, token: int) -> list[tuple[int, int]]:
    """Transferred and transferable, as a notifier was told."""
    return [call[:2] for number, call in file.of("progress") if number == token]


def lose(client: Client) -> None:
    """The connection breaks, and stands again."""
    client.runtime.closed(client.socket, 1006, "gone", client.now)
    client.run()
    client.sleep(2_000)
    client.connect()


@pytest.mark.parametrize("direction", [UP, DOWN])
def test_a_one_shot_of_what_is_done_is_over_in_its_registration(direction: str) -> None:
    client, file = online()
    token, call = client.runtime.add_notifier(file.id, direction, False)
    assert token == 0 and call is not None
    transferred, transferable, *_ = call
    assert transferred >= transferable
    file.commit(CHANGESET, 1)
    client.run()
    assert file.of("progress") == []


def test_a_fresh_session_reports_nothing_of_nothing() -> None:
    client = Client()
    file = client.open()
    up, first = client.runtime.add_notifier(file.id, UP, True)
    down, _ = client.runtime.add_notifier(file.id, DOWN, True)
    assert first is None
    client.connect()
    client.take()
    client.receive("ident 1 7 99\n")
    client.take()
    assert file.of("progress") == []  # nothing before the first DOWNLOAD
    client.receive(download(1))
    assert reports(file, up) == reports(file, down) == [(0, 0)]


def test_a_lost_connection_leaves_the_gate_open() -> None:
    client, file = online()
    token, _ = client.runtime.add_notifier(file.id, UP, True)
    client.runtime.closed(client.socket, 1006, "gone", client.now)
    client.run()
    before = reports(file, token)
    file.commit(CHANGESET, 1)
    client.run()
    assert reports(file, token)[len(before) :] == [(0, SIZE)]


def test_the_same_numbers_after_a_reconnection_are_not_told_again() -> None:
    client, file = online()
    token, _ = client.runtime.add_notifier(file.id, UP, True)
    version = file.commit(CHANGESET, 1)
    client.run()
    client.take()
    client.receive(download(1, dsv=1, dcv=version, ucv=version))
    before = reports(file, token)
    assert before[-1] == (SIZE, SIZE)
    lose(client)
    client.take()
    client.receive(download(1, dsv=1, dcv=version, ucv=version))
    assert reports(file, token) == before


def test_the_numbers_of_a_file_outlast_its_session() -> None:
    client, file = online()
    version = file.commit(CHANGESET, 1)
    client.run()
    client.take()
    body = entry(1, 0, CHANGESET)
    client.receive(download(1, dsv=1, dcv=version, ucv=version, body=body))
    client.runtime.force_close(file.id)
    client.run()
    client.runtime.remove_session(file.id)

    again = client.open(store=file.store)
    up, first = client.runtime.add_notifier(again.id, UP, True)
    down, _ = client.runtime.add_notifier(again.id, DOWN, True)
    assert first is None
    if len(client.sockets) > 1:
        client.connect()
    client.take()
    client.receive(download(2, dsv=1, dcv=version, ucv=version))
    assert reports(again, up) == reports(again, down) == [(SIZE, SIZE)]


def test_two_large_changesets() -> None:
    """The counts of 6.7, of smaller ones: three reports at the writer, two at the reader."""
    sizes = (500, 1_000)
    client, writer = online()
    up, _ = client.runtime.add_notifier(writer.id, UP, True)
    before = len(reports(writer, up))
    for size in sizes:
        version = writer.commit(idle_changeset(size), 1)
    client.run()
    client.take()
    client.receive(download(1, dsv=1, dcv=version, ucv=version))
    told = reports(writer, up)[before:]
    assert told[-1] == (sum(sizes), sum(sizes))
    assert sorted({transferable for _, transferable in told}) == [sizes[0], sum(sizes)]
    assert len(told) == 3

    client, reader = online()
    down, _ = client.runtime.add_notifier(reader.id, DOWN, True)
    before = len(reports(reader, down))
    first, second = (idle_changeset(size) for size in sizes)
    client.receive(download(1, dsv=1, lsv=2, remaining=sizes[1], body=entry(1, 0, first)))
    client.receive(download(1, dsv=2, body=entry(2, 0, second)))
    assert reports(reader, down)[before:] == [(sizes[0], sum(sizes)), (sum(sizes), sum(sizes))]
