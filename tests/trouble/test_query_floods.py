"""Query sets by the thousand at a real server of flexible sync, and queries built to be slow:
another user goes on, memory is bounded. One by one they are test_query_storms.py's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from instructions import changeset, create, update
from raw_peer import FlexiblePeer, RawPeer, Refused, Victim, attackers, peak_memory
from realmsync.testing import ServerProcess

pytestmark = pytest.mark.no_asan

ATTACKERS = 4
MEMORY = 700  # MiB that the process has at most
OBJECTS = 5_000
ATTACKED = 1_000_000  # the first key of objects that are not the victim's
ALL = "TRUEPREDICATE"
STARS = "name LIKE '" + "*a*b" * 40 + "*c'"

Attack = Callable[[FlexiblePeer, int], None]


class FlexibleVictim(Victim):
    """The same in flexible sync, where it writes what others have asked for."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._peer.query(1, 1, Person=f"_id < {ATTACKED}")

    @staticmethod
    def _open(url: str) -> RawPeer:
        peer = FlexiblePeer(url)
        peer.open_flexible(1)
        return peer


def objects(keys: Iterable[int], name: str) -> Iterator[dict[str, object]]:
    for key in keys:
        yield create("Person", key)
        yield update("Person", key, "name", name)


def read_on(peer: FlexiblePeer, seconds: float = 5) -> None:
    """While the victim goes on, as something may come of it without end."""
    end = time.monotonic() + seconds
    with suppress(TimeoutError):
        while (left := end - time.monotonic()) > 0:
            peer.socket.recv(timeout=left)


def small_sets(peer: FlexiblePeer, scale: int) -> None:
    peer.open_flexible(1)
    for version in range(1, 2_000 * scale):
        peer.query(1, version, Person=f"_id > {version % 7}")
    read_on(peer)


def sets_as_they_are_answered(peer: FlexiblePeer, scale: int) -> None:
    peer.open_flexible(1)
    for version in range(1, 100 * scale):
        peer.query(1, version, Person=f"_id >= {version % 7}")
        while peer.until("download")["query_version"] != version:
            pass


def large_sets(peer: FlexiblePeer, scale: int) -> None:
    for turn in range(3 * scale):
        peer.open_flexible(turn + 1)
        for version in range(1, 12):
            terms = (f"_id == {ATTACKED + n * version}" for n in range(5_000))
            peer.query(turn + 1, version, Person=" or ".join(terms))
    read_on(peer)


def slow_sets(peer: FlexiblePeer, scale: int) -> None:
    for turn in range(10 * scale):
        peer.open_flexible(turn + 1)
        peer.query(turn + 1, 1, Person=f"({STARS}) or _id == {ATTACKED + turn}")
        with suppress(Refused):
            while peer.until("download")["query_version"] != 1:
                pass


def slow_sets_and_writes_for_them(peer: FlexiblePeer, scale: int) -> None:
    peer.open_flexible(1, Person=f"_id >= {ATTACKED} or {STARS}")
    for turn in range(10 * scale):
        keys = [ATTACKED + 100_000 + turn]
        peer.upload(1, changeset(*objects(keys, "ab" * 40_000)))
    peer.acknowledged(1)


def everything_in_many_sessions(peer: FlexiblePeer, scale: int) -> None:
    for session in range(1, 15 * scale):
        peer.open_flexible(session)
        peer.query(session, 1, Person=ALL)
    read_on(peer)


def everything_that_nobody_reads(peer: FlexiblePeer, scale: int) -> None:
    for session in range(1, 50 * scale):
        peer.open_flexible(session)
    for session in range(1, 50 * scale):
        peer.query(session, 1, Person=ALL)
    for _ in range(20 * scale):
        peer.socket.recv(timeout=10)


def bootstraps_that_are_begun(peer: FlexiblePeer, scale: int) -> None:
    for _ in range(50 * scale):
        peer.open_flexible(1)
        peer.query(1, 1, Person=ALL)
        peer.until("download")
        peer.send(b"unbind 1\n")
        peer.until("unbound")


ATTACKS: list[Attack] = [
    small_sets,
    sets_as_they_are_answered,
    large_sets,
    slow_sets,
    slow_sets_and_writes_for_them,
    everything_in_many_sessions,
    everything_that_nobody_reads,
    bootstraps_that_are_begun,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_query_floods(server: ServerProcess, attack: Attack, scale: int) -> None:
    with FlexibleVictim(server.url) as victim:
        with FlexiblePeer(server.url) as peer:
            peer.open_flexible(1, Person=ALL)
            peer.upload(1, changeset(*objects(range(ATTACKED, ATTACKED + OBJECTS), "n" * 100)))
            peer.acknowledged(1)

        def run(_: int) -> None:
            # They may be refused, or thrown out.
            with suppress(Refused, ConnectionClosed, OSError), FlexiblePeer(server.url) as peer:
                attack(peer, scale)

        with attackers(ATTACKERS, run):
            victim.goes_on()
        victim.goes_on()
    assert victim.failure is None, repr(victim.failure)
    assert peak_memory(server) < MEMORY
