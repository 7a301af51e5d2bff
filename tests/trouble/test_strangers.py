"""What one user may do to others at a real server: nothing. Each attack is one that once held the
writer for a minute, filled the memory or ended the process; a victim in the same app is measured
meanwhile. The promise is 2 s on a machine of the server's own (docs/guides/run-the-server.md); the
machine that runs tests does other things, too."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from instructions import Instruction, add_column, add_table, changeset, create, insert, update
from raw_peer import LONGEST, MIB, RawPeer, Refused, Victim, disk_use, log_in, peak_memory
from realmsync.inspect import encode_changeset
from realmsync.testing import ServerProcess

pytestmark = pytest.mark.no_asan

MEMORY = 400  # MiB that the process has at most, whatever is done to it
NEVER = 201  # the session is told to stay away, and its client keeps its data


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", "--log-level", "error", durability="process") as server:
        yield server
    with sqlite3.connect(tmp_path / "data" / "sync" / "partitions.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


LIST = (add_table("L"), add_column("L", "l", 1, collection=1), create("L", 1))
TEXTS = (add_table("B"), *(add_column("B", f"c{i}", 3) for i in range(20)), create("B", 1))
BIG = 15 * MIB  # of a text


def front_of_a_list(peer: RawPeer) -> None:
    inserts = (insert("L", 1, "l", 0, 7, i) for i in range(200_000))
    peer.upload(1, changeset(*LIST, *inserts))


def a_thousand_properties(peer: RawPeer) -> None:
    peer.upload(1, changeset(add_table("C"), create("C", 1)))
    for n in range(20):
        peer.upload(1, changeset(*(add_column("C", f"p{n}-{i}") for i in range(100))))


def many_small_instructions(peer: RawPeer) -> None:
    erase = changeset({"op": "EraseTable", "table": "T"})
    peer.upload(1, erase[:-2] + erase[-2:] * (31 * MIB))


def an_object_beyond_all_limits(peer: RawPeer) -> None:
    peer.upload(1, changeset(*TEXTS))
    for n in range(5):
        texts = (update("B", 1, f"c{4 * n + k}", "a" * BIG) for k in range(4))
        peer.upload(1, changeset(*texts))


def changes_of_large_objects(peer: RawPeer) -> None:
    for n in range(1, 5):
        peer.upload(1, changeset(*TEXTS[:-1], create("B", n), update("B", n, "c0", "a" * BIG)))
        peer.acknowledged(1)
    for turn in range(5):
        small = (update("B", n, "c1", f"{turn}") for n in range(1, 5))
        peer.upload(1, changeset(*small))


def a_million_empty_changesets(peer: RawPeer) -> None:
    peer.upload(1, b"", count=1_000_000)


ATTACKS: list[tuple[Callable[[RawPeer], None], bool]] = [
    (front_of_a_list, False),
    (a_thousand_properties, True),
    (many_small_instructions, True),
    (an_object_beyond_all_limits, True),
    (changes_of_large_objects, False),
    (a_million_empty_changesets, False),
]


@pytest.mark.parametrize(
    ("attack", "refused"), ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS]
)
def test_one_upload(
    server: ServerProcess, attack: Callable[[RawPeer], None], refused: bool
) -> None:
    with Victim(server.url) as victim, RawPeer(server.url) as peer:
        peer.open(1, "own")
        attack(peer)
        if refused:
            with pytest.raises(Refused) as error:
                peer.acknowledged(1)
            assert error.value.code == NEVER
            assert error.value.body["tryAgain"] is False
            assert error.value.body["shouldClientReset"] is False
        else:
            peer.acknowledged(1)
        victim.goes_on(times=5)
    victim.check(LONGEST)
    assert peak_memory(server) < MEMORY


def test_merges_of_the_same_list(server: ServerProcess) -> None:
    token = log_in(server.url)
    with (
        Victim(server.url) as victim,
        RawPeer(server.url, token) as one,
        RawPeer(server.url, token) as two,
    ):
        one.open(1, "own")
        one.upload(1, changeset(*LIST))
        one.acknowledged(1)
        base = two.open(1, "own")
        inserts = changeset(*(insert("L", 1, "l", i, 7, i) for i in range(10_000)))
        one.upload(1, inserts)
        one.acknowledged(1)
        two.upload(1, inserts, base=base)
        with pytest.raises(Refused, match="download it first") as error:
            two.acknowledged(1)
        assert error.value.body["tryAgain"] is True
    victim.check(LONGEST)


def test_more_uploads_than_can_wait(server: ServerProcess) -> None:
    """A few KiB of many users stand for gigabytes: their senders have to wait, and nobody else."""
    with ExitStack() as stack:
        victim = stack.enter_context(Victim(server.url))
        peers = [stack.enter_context(RawPeer(server.url)) for _ in range(12)]
        objects = [create("B", n) for n in range(1, 5)]
        for peer in peers:
            peer.open(1, peer.token)
            peer.upload(1, changeset(*TEXTS[:-1], *objects))
            peer.acknowledged(1)
        texts = changeset(*(update("B", n, "c0", "a" * BIG) for n in range(1, 5)))
        for _ in range(2):
            for peer in peers:
                peer.upload(1, texts)
        before = len(victim.waits)
        while len(victim.waits) < before + 20 and victim.failure is None:
            time.sleep(0.01)
    victim.check(LONGEST)
    assert peak_memory(server) < MEMORY


def test_a_new_client_while_the_writer_is_busy(server: ServerProcess) -> None:
    with RawPeer(server.url) as peer:
        peer.open(1, "own")
        for n in range(3):
            objects = (create("O", n * 150_000 + i) for i in range(150_000))
            peer.upload(1, encode_changeset([add_table("O"), *objects]))
        start = time.monotonic()
        with RawPeer(server.url) as other:
            other.open(1, "other")
        assert time.monotonic() - start < LONGEST
        peer.acknowledged(1)


def test_a_stop_while_the_writer_is_busy(server: ServerProcess) -> None:
    with RawPeer(server.url) as peer:
        peer.open(1, "own")
        front_of_a_list(peer)
        start = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - start < LONGEST


def test_a_class_that_somebody_fills_up(tmp_path: Path) -> None:
    task = (add_table("Task"), add_column("Task", "title", 3), add_column("Task", "done", 1))
    with ServerProcess(
        tmp_path / "data", "--open-app", "alpha", "--open-app", "beta", durability="process"
    ) as server:
        for _ in range(3):
            with RawPeer(server.url, app="alpha") as peer:
                peer.open(1, f"own-{peer.token[-8:]}")
                junk = os.urandom(4).hex()
                columns = (add_column("Task", f"{junk}-{i}") for i in range(980))
                peer.upload(1, changeset(add_table("Task"), *columns))
                with suppress(Refused):  # the first one passes
                    peer.acknowledged(1)
        for app in ("alpha", "beta"):
            with RawPeer(server.url, app=app) as honest:
                honest.open(1, "honest")
                honest.upload(1, changeset(*task, create("Task", 1)))
                honest.acknowledged(1)
        names = sorted(path.name for path in (tmp_path / "data" / "sync" / "apps").iterdir())
        assert names == ["alpha", "beta"]


def test_disk_that_empty_changesets_take(server: ServerProcess) -> None:
    with RawPeer(server.url) as peer:
        peer.open(1, "own")
        before = disk_use(server)
        bytes_sent = sum(peer.upload(1, b"", count=100_000) for _ in range(3))
        peer.acknowledged(1)
        assert disk_use(server) - before < 4 * bytes_sent + 10 * MIB


def test_readers_that_do_not_read(server: ServerProcess) -> None:
    with Victim(server.url) as victim, RawPeer(server.url) as writer:
        writer.open(1, "own")
        writer.upload(1, changeset(*TEXTS))
        for _ in range(10):  # random: what is sent must be large, too
            writer.upload(1, changeset(update("B", 1, "c0", os.urandom(4 * MIB).hex())))
            writer.acknowledged(1)
        peers = [RawPeer(server.url, writer.token) for _ in range(20)]
        for peer in peers:
            for session in range(1, 9):
                data = b'"own"'
                peer.send(b"bind %d %d 0 1 0\n%s" % (session, len(data), data))
                ident = peer.until("ident")
                file = (ident["file_ident"], ident["file_ident_salt"])
                peer.send(b"ident %d %d %d 0 0 0 0\n" % (session, *file))
        victim.goes_on(times=100)
        for peer in peers:
            peer.socket.close_socket()
    victim.check(LONGEST)
    assert peak_memory(server) < MEMORY + 300


def test_killed_while_it_refuses(server: ServerProcess) -> None:
    with RawPeer(server.url) as peer:
        peer.open(1, "own")
        front_of_a_list(peer)
        server.kill()
    server.start()
    with RawPeer(server.url) as peer:
        peer.open(1, "own")
        schema: tuple[Instruction, ...] = LIST
        peer.upload(1, changeset(*schema))
        peer.acknowledged(1)
