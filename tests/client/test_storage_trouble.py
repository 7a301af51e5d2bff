"""Trouble with the realm file is the client's own: it tries again, and the server is told nothing.

Full disks and failing writes below the real store; that a changeset cannot be integrated, which the
server is told, is in test_session.py.
"""

from __future__ import annotations

import pytest

from client_driver import ACTIVE, CHANGESET, Client, File, download, entry, idle_changeset, online

LARGE = entry(1, 0, idle_changeset(1_500))


def fill_disk(file: File) -> None:
    file.store.limit(file.store.used() + 1)


def meet_full_disk() -> tuple[Client, File]:
    """A bound client whose disk was full when a download came; it has given the binding up."""
    client, file = online()
    fill_disk(file)
    client.receive(download(1, dsv=1, body=LARGE))
    assert client.heads() == ["unbind 1"]
    client.receive("unbound 1\n")
    return client, file


def bind_again(client: Client) -> None:
    assert client.heads()[0] == "bind 1 3 0 0 0"


def test_a_full_disk_is_told_to_the_application_and_not_to_the_server() -> None:
    client, file = meet_full_disk()
    ((error,),) = file.of("error")
    assert error["message"].startswith("cannot access the realm file: ")
    assert error["action"] == "Warning"
    assert (error["is_fatal"], error["client_reset"], error["file_action"]) == (
        False,
        False,
        "none",
    )
    assert client.runtime.snapshot(file.id)[0] == ACTIVE
    assert client.heads() == []
    assert file.state()["download"] == (0, 0)


def test_a_waiting_download_goes_on_when_there_is_space_again() -> None:
    client, file = online()
    wait = client.wait(file, "download")
    assert client.heads() == ["mark 1 2"]
    fill_disk(file)
    client.receive(download(1, dsv=1, body=LARGE))
    client.receive("mark 1 2\n")  # crosses with the UNBIND
    assert client.heads() == ["unbind 1"]
    client.receive("unbound 1\n")
    assert file.of("wait") == []
    file.store.limit(0)
    client.sleep(1_000)
    assert client.heads() == ["bind 1 3 0 0 0", "ident 1 7 99 0 0 0 0", "mark 1 2"]
    client.receive(download(1, dsv=1, body=LARGE))
    client.receive("mark 1 2\n")
    assert [w[:2] for w in file.of("wait")] == [(wait, 0)]
    assert file.state()["download"] == (1, 0)


def test_delays_grow_while_the_trouble_lasts_and_begin_anew_after_it() -> None:
    client, file = meet_full_disk()
    for delay in (1_000, 2_000, 4_000):
        client.sleep(delay * 3 // 4 - 1)
        assert client.heads() == []
        client.sleep(delay // 4 + 1)
        bind_again(client)
        client.receive(download(1, dsv=1, body=LARGE))
        assert client.heads() == ["unbind 1"]
        client.receive("unbound 1\n")
    assert len(file.of("error")) == 1  # told once
    file.store.limit(0)
    client.sleep(8_000)
    bind_again(client)
    client.receive(download(1, dsv=1, body=LARGE))
    fill_disk(file)
    client.receive(download(1, dsv=2, body=entry(2, 0, idle_changeset(1_500))))
    assert client.heads() == ["unbind 1"]
    client.receive("unbound 1\n")
    client.sleep(1_000)
    bind_again(client)
    assert len(file.of("error")) == 2  # another trouble


@pytest.mark.parametrize("how", ["reconnect", "resume"])
def test_the_application_ends_the_delay(how: str) -> None:
    client, file = meet_full_disk()
    file.store.limit(0)
    getattr(client.runtime, how)(file.id)
    client.run()
    assert "bind 1 3 0 0 0" in client.heads()


def test_what_came_behind_a_failed_download_is_dropped() -> None:
    client, file = online()
    fill_disk(file)
    client.receive(download(1, dsv=1, body=LARGE))
    client.receive(download(1, dsv=2, body=entry(2, 0, CHANGESET)))
    file.store.limit(0)
    client.receive(download(1, dsv=3, body=entry(3, 0, CHANGESET)))
    assert file.state()["download"] == (0, 0)
    assert len(file.of("error")) == 1


def test_a_lost_connection_does_not_shorten_the_delay() -> None:
    client, file = online()
    fill_disk(file)
    client.receive(download(1, dsv=1, body=LARGE))
    client.runtime.closed(client.socket, 1000, "gone", client.now)
    client.run()
    file.store.limit(0)
    assert len(client.sockets) == 1  # nobody is there to connect for
    client.sleep(2_000)
    assert len(client.sockets) == 2
    client.connect()
    bind_again(client)


def test_siblings_on_the_connection_go_on() -> None:
    client, file = meet_full_disk()
    sibling = client.open('"q"')
    assert client.heads() == ["bind 2 3 0 1 0"]
    client.receive("ident 2 8 98\n")
    client.take()
    client.receive(download(2, dsv=1, body=entry(1, 0, CHANGESET)))
    assert sibling.state()["download"] == (1, 0)
    assert file.state()["download"] == (0, 0)


@pytest.mark.parametrize("fault", ["fail_write", "fail_sync"])
def test_an_ident_that_cannot_be_stored_is_asked_for_again(fault: str) -> None:
    client = Client()
    file = client.open()
    client.connect()
    assert client.heads() == ["bind 1 3 0 1 0"]
    getattr(file.store, fault)()
    client.receive("ident 1 7 99\n")
    assert client.heads() == ["unbind 1"]
    client.receive("unbound 1\n")
    client.sleep(1_000)
    assert client.heads() == ["bind 1 3 0 1 0"]
    client.receive("ident 1 8 98\n")
    assert client.heads()[0] == "ident 1 8 98 0 0 0 0"


def test_a_session_that_ends_in_trouble_is_released() -> None:
    client, file = meet_full_disk()
    client.runtime.force_close(file.id)
    client.run()
    assert file.of("released") == [()]
