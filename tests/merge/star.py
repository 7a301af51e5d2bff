"""One server and its clients, driven step by step: commits, partial uploads and downloads, clocks.
The one runner of all merge tests; the engine behind the peers is a parameter. What happens in a
random run is decided in runs.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from instructions import Instruction
from merge.places import State
from merge.stories import by_id
from realmsync.errors import RealmError
from realmsync.inspect import ReceivedChangeset, encode_changeset

SERVER = 1


class UnfitCommitError(Exception):
    """A transaction that does not fit the state of the peer that makes it: no SDK writes it."""


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
        try:
            version = client.peer.commit(changeset, timestamp)
        except RealmError as error:
            raise UnfitCommitError(str(error)) from error
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


class Action(NamedTuple):
    """One step of a run. `count`: changesets to upload or download, None for all."""

    kind: str  # commit, upload, download
    ident: int
    instructions: list[Instruction]
    timestamp: int
    count: int | None

    def play(self, star: Star) -> None:
        match self.kind:
            case "commit":
                star.commit(self.ident, self.instructions, self.timestamp)
            case "upload":
                star.upload(self.ident, self.count or 1)
            case "download":
                star.download(self.ident, self.count)
