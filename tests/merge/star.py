"""One server and its clients, driven step by step: commits, partial uploads and downloads, clocks.
The one runner of all merge tests; the engine behind the peers is a parameter. The random actions of
a run are those of a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from instructions import Instruction
from merge.generator import Generator, Topic
from merge.places import SCHEMA, State
from merge.stories import by_id
from realmsync.inspect import ReceivedChangeset, encode_changeset

SERVER = 1


class PeerLike(Protocol):
    """What the runner needs of a peer."""

    def commit(self, changeset: bytes, timestamp: int) -> int: ...
    def integrate(self, remote_file_ident: int, changesets: Sequence[Any]) -> bytes: ...
    def state(self) -> State: ...


MakePeer = Callable[[int, str], PeerLike]  # file ident and profile


class Sent(NamedTuple):
    """An entry of the server's history, as downloads need it."""

    source: int  # file it was received from
    client_version: int
    base: int  # server version that the client had seen
    timestamp: int
    origin: int
    original: bytes
    changeset: bytes  # as it was stored


@dataclass
class Client:
    """A client and its cursors."""

    ident: int
    peer: PeerLike
    clock: int = 10
    cursor: int = 1  # server version up to which everything was downloaded
    acknowledged: int = 0  # own version that the server had integrated there
    pending: list[ReceivedChangeset] = field(default_factory=list)  # commits not uploaded yet


class Star:
    """`profiles`: the server's and the clients'."""

    def __init__(
        self, make: MakePeer, clients: int = 2, profiles: tuple[str, str] = ("strict", "strict")
    ) -> None:
        self.server = make(SERVER, profiles[0])
        self.clients = {
            n: Client(n, make(n, profiles[1])) for n in range(SERVER + 1, SERVER + 1 + clients)
        }
        self.history: list[Sent] = []  # version 2 and on
        self.results: list[bytes] = []  # of every integration, in order

    @property
    def version(self) -> int:
        """The server's."""
        return len(self.history) + 1

    def seed(self, instructions: list[Instruction]) -> None:
        """What every peer has from the beginning, made by the server."""
        changeset = encode_changeset(instructions)
        self.server.commit(changeset, 1)
        self.history.append(Sent(SERVER, 0, self.version, 1, SERVER, changeset, changeset))
        for ident in self.clients:
            self.download(ident)

    def commit(self, ident: int, instructions: list[Instruction], timestamp: int) -> None:
        client = self.clients[ident]
        changeset = encode_changeset(instructions)
        version = client.peer.commit(changeset, timestamp)
        client.pending.append(
            ReceivedChangeset(version, client.cursor, timestamp, ident, changeset)
        )

    def upload(self, ident: int, count: int = 1) -> None:
        """The next changesets, each integrated by itself."""
        client = self.clients[ident]
        for received in client.pending[:count]:
            stored = self.server.integrate(ident, [received])
            self.results.append(stored)
            version, base, timestamp, _, original = received
            self.history.append(Sent(ident, version, base, timestamp, ident, original, stored))
        del client.pending[:count]

    def download(self, ident: int, count: int | None = None) -> None:
        """The next `count` changesets of others, or all, integrated together."""
        client = self.clients[ident]
        received: list[ReceivedChangeset] = []
        while client.cursor < self.version and (count is None or len(received) < count):
            sent = self.history[client.cursor - 1]
            client.cursor += 1
            if sent.source == ident:
                client.acknowledged = sent.client_version
            elif sent.changeset:
                received.append(
                    ReceivedChangeset(
                        client.cursor,
                        client.acknowledged,
                        sent.timestamp,
                        sent.origin,
                        sent.changeset,
                    )
                )
        if received:
            self.results.append(client.peer.integrate(SERVER, received))

    def settle(self) -> None:
        """Everything to everybody."""
        for ident, client in self.clients.items():
            self.upload(ident, len(client.pending))
        for ident in self.clients:
            self.download(ident)

    def states(self) -> list[Any]:
        """The server's and every client's, comparable."""
        return [by_id(p.state()) for p in (self.server, *(c.peer for c in self.clients.values()))]

    def assert_converged(self) -> None:
        server, *clients = self.states()
        for ident, state in zip(self.clients, clients, strict=True):
            assert state == server, f"client {ident} has another state than the server"


class RandomRun:
    """A star under random actions: commit, upload, download one to all, one as likely as the other.

    Clocks step forward, now and then back; with `equal_clocks` the file ident alone decides.
    """

    def __init__(
        self,
        make: MakePeer,
        seed: int,
        *,
        clients: int = 3,
        profiles: tuple[str, str] = ("strict", "strict"),
        reach: frozenset[str] = frozenset(),
        equal_clocks: bool = False,
    ) -> None:
        self.rng = random.Random(seed)
        self.star = Star(make, clients, profiles)
        topic = Topic.random(self.rng, reach)
        self.generators = {n: Generator(self.rng, n, topic) for n in self.star.clients}
        self.equal_clocks = equal_clocks
        self.operations = 0  # instructions committed
        self.star.seed(SCHEMA)

    def timestamp(self, client: Client) -> int:
        if not self.equal_clocks:
            back = self.rng.random() < 1 / 16
            client.clock += self.rng.randint(-16, -1) if back else self.rng.randint(1, 5)
            client.clock = max(client.clock, 1)
        return client.clock

    def step(self) -> None:
        client = self.rng.choice(list(self.star.clients.values()))
        match self.rng.randrange(3):
            case 0:
                instructions = self.generators[client.ident].transaction(client.peer.state())
                self.operations += len(instructions)
                self.star.commit(client.ident, instructions, self.timestamp(client))
            case 1:
                self.star.upload(client.ident)
            case 2:
                count = self.rng.choice((1, 1, 2, 3, None))
                self.star.download(client.ident, count)

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()
        self.star.settle()
        self.star.assert_converged()
