"""Sync messages by the thousand at a real server: what any user may send, more often or larger than
any client does. A victim is measured meanwhile. HTTP and frames are test_floods.py's matter, single
uploads test_strangers.py's."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache

import pytest
from websockets.exceptions import ConnectionClosed

from instructions import DOG, add_column, add_table, changeset, create, insert, on, update
from raw_peer import LONGEST, MIB, RawPeer, Refused, Victim, attackers, disk_use, peak_memory
from realmsync.testing import ServerProcess

pytestmark = pytest.mark.no_asan

ATTACKERS = 4
MEMORY = 512  # MiB that the process has at most
# Beside four bytes for each that was uploaded: a write-ahead log of 64 MiB, and what is small.
DISK = 96 * MIB


# An attack sends over a connection of a user of its own, and gives the bytes that it uploaded.
Attack = Callable[[RawPeer, int], int]


def bind(session: int, partition: bytes, *, ident: int = 1) -> bytes:
    return b"bind %d %d 0 %d 0\n%s" % (session, len(partition), ident, partition)


def unread(peer: RawPeer, message: bytes, times: int) -> None:
    """Sends the same again and again, and reads nothing until all is sent."""
    for _ in range(times):
        peer.send(message)


def read_all(peer: RawPeer) -> None:
    """Until the server has said nothing for a while."""
    with suppress(TimeoutError):
        while True:
            peer.socket.recv(timeout=0.2)


def binds_of_new_partitions(peer: RawPeer, scale: int) -> int:
    for n in range(1000 * scale):
        peer.send(bind(n % 1000 + 1, b'"%s-%d"' % (os.urandom(4).hex().encode(), n)))
        if n % 1000 == 999:
            for session in range(1, 1001):
                peer.send(b"unbind %d\n" % session)
    read_all(peer)
    return 0


def client_files_of_one_partition(peer: RawPeer, scale: int) -> int:
    for _ in range(1000 * scale):
        peer.send(bind(1, b'"own"'))
        peer.until("ident")
        peer.send(b"unbind 1\n")
        peer.until("unbound")
    return 0


def idents_that_nobody_has(peer: RawPeer, scale: int) -> int:
    words = (b"1 1 0 0 0 0", b"%d %d 0 0 0 0" % (2**63 - 1, 2**63 - 1), b"7 0 9 9 9 9")
    for n in range(300 * scale):
        with suppress(Refused):
            peer.send(bind(1, b'"own"', ident=0))
            peer.send(b"ident 1 %s\n" % words[n % len(words)])
            peer.until("download")
        peer.send(b"unbind 1\n")
    read_all(peer)
    return 0


def cursors_ahead_of_the_history(peer: RawPeer, scale: int) -> int:
    """Each is a client that the server has to reset."""
    peer.send(bind(1, b'"own"'))
    ident = peer.until("ident")
    file = (ident["file_ident"], ident["file_ident_salt"])
    for n in range(300 * scale):
        peer.send(b"unbind 1\n")
        peer.send(bind(1, b'"own"', ident=0))
        peer.send(b"ident 1 %d %d %d 0 %d 7\n" % (*file, n + 5, n + 5))
        with suppress(Refused):
            peer.until("download")
    return 0


def marks(peer: RawPeer, scale: int) -> int:
    peer.open(1, "own")
    for n in range(20_000 * scale):
        peer.send(b"mark 1 %d\n" % (n + 1))
    read_all(peer)
    return 0


def pings(peer: RawPeer, scale: int) -> int:
    unread(peer, b"ping 1 0\n", 20_000 * scale)
    read_all(peer)
    return 0


def uploads_of_nothing(peer: RawPeer, scale: int) -> int:
    peer.open(1, "own")
    unread(peer, b"upload 1 0 0 0 1 0 0\n", 20_000 * scale)
    read_all(peer)
    return 0


def uploads_for_sessions_that_are_none(peer: RawPeer, scale: int) -> int:
    peer.open(1, "own")
    peer.send(b"unbind 1\n")
    body = bytes(100_000)
    unread(peer, b"upload 1 0 %d 0 1 0 0\n%s" % (len(body), body), 30 * scale)
    return 0


def partition_values_that_are_large(peer: RawPeer, scale: int) -> int:
    values = (b'"%s"' % bytes(MIB).replace(b"\0", b"x"), b"[" * MIB, b'{"a":' * 100_000)
    for n in range(10 * scale):
        peer.send(bind(n + 1, values[n % len(values)]))
    read_all(peer)
    return 0


def bombs(peer: RawPeer, scale: int) -> int:
    """Bodies that say less, or more, than they inflate to."""
    peer.open(1, "own")
    packed = zlib.compress(bytes(60 * MIB), 9)
    for size in (60 * MIB, 10, 64 * MIB, 1 << 62)[: 4 * scale]:
        with suppress(Refused):
            peer.send(b"upload 1 1 %d %d 2 0 0\n%s" % (size, len(packed), packed))
            peer.until("download")
            break
        peer.send(b"unbind 1\n")
        peer.send(bind(1, b'"own"'))
        read_all(peer)
    return 60 * MIB


def changesets_one_by_one(peer: RawPeer, scale: int) -> int:
    peer.open(1, "own")
    sent = peer.upload(1, changeset(*DOG))
    for n in range(2000 * scale):
        sent += peer.upload(1, changeset(create("Dog", n)))
    peer.acknowledged(1)
    return sent


def the_same_object_again_and_again(peer: RawPeer, scale: int) -> int:
    peer.open(1, "own")
    sent = peer.upload(1, changeset(*DOG))
    turn = changeset(*(i for _ in range(10_000) for i in (create("Dog", 1), on_erase(1))))
    for _ in range(4 * scale):
        sent += peer.upload(1, turn)
    peer.acknowledged(1)
    return sent


def on_erase(key: int) -> dict[str, object]:
    return on("EraseObject", "Dog", key)


def classes_that_come_and_go(peer: RawPeer, scale: int) -> int:
    peer.open(1, "own")
    erase = {"op": "EraseTable", "table": "C"}
    columns = [add_column("C", f"p{i}") for i in range(50)]
    sent = 0
    with suppress(Refused):
        for _ in range(50 * scale):
            sent += peer.upload(1, changeset(add_table("C"), *columns, create("C", 1), erase))
        peer.acknowledged(1)
    return sent


def lists_that_are_cleared(peer: RawPeer, scale: int) -> int:
    peer.open(1, "own")
    sent = peer.upload(1, changeset(*DOG, create("Dog", 1)))
    fill = [insert("Dog", 1, "tags", i, f"t{i}", i) for i in range(5000)]
    for _ in range(10 * scale):
        clear = on("Clear", "Dog", 1, "tags") | {"collection": 1}
        sent += peer.upload(1, changeset(*fill, clear))
    with suppress(Refused):
        peer.acknowledged(1)
    return sent


def texts_that_grow(peer: RawPeer, scale: int) -> int:
    peer.open(1, "own")
    sent = peer.upload(1, changeset(*DOG, *(create("Dog", n) for n in range(50))))
    for turn in range(4 * scale):
        names = (update("Dog", n, "name", f"{turn}" * (200_000 + n)) for n in range(50))
        sent += peer.upload(1, changeset(*names))
    with suppress(Refused):
        peer.acknowledged(1)
    return sent


ONE_AT_A_TIME = threading.Lock()  # makes what all of them send


@cache
def hundred_thousand(turn: int) -> bytes:
    return changeset(*(create("Dog", turn * 100_000 + n) for n in range(100_000)))


def a_hundred_thousand_objects(peer: RawPeer, scale: int) -> int:
    """Honest, but large."""
    peer.open(1, "own")
    sent = peer.upload(1, changeset(*DOG))
    for turn in range(scale):
        with ONE_AT_A_TIME:
            objects = hundred_thousand(turn)
        sent += peer.upload(1, objects, level=1)
    peer.acknowledged(1)
    return sent


ATTACKS: list[Attack] = [
    binds_of_new_partitions,
    client_files_of_one_partition,
    idents_that_nobody_has,
    cursors_ahead_of_the_history,
    marks,
    pings,
    uploads_of_nothing,
    uploads_for_sessions_that_are_none,
    partition_values_that_are_large,
    bombs,
    changesets_one_by_one,
    the_same_object_again_and_again,
    classes_that_come_and_go,
    lists_that_are_cleared,
    texts_that_grow,
    a_hundred_thousand_objects,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_message_floods(server: ServerProcess, attack: Attack, scale: int) -> None:
    before = disk_use(server)
    uploaded = [0] * ATTACKERS
    with Victim(server.url) as victim:

        def run(number: int) -> None:
            # They may be refused, or thrown out.
            with suppress(Refused, ConnectionClosed, OSError), RawPeer(server.url) as peer:
                uploaded[number] = attack(peer, scale)

        with attackers(ATTACKERS, run):
            pass
        victim.goes_on()
    victim.check(LONGEST)
    assert peak_memory(server) < MEMORY
    assert disk_use(server) - before < 4 * sum(uploaded) + DISK
