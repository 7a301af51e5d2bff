"""Clients and a server of flexible sync, and the steps that happen to them.

What lives here: `World`, the interface that a driver of real engines fills in, and `NaiveWorld`,
which fills it with the naive ones. Links are queues; a message is taken when a step lets it travel.

A driver of real engines takes its events apart with `realmsync.inspect.decode_message`, and gives
a `History` with every version of its server: an upload of which nothing is left is a version of its
own that changes nothing, and `rejected` names what of it was; what undoes that is `addressed_to`
the file and changes nothing either, since the state that all share never had it. `Event.head` and
`Event.permissions` are those of the moment: a MARK covers what was committed when it came.
Specification: flexible-sync.md 6, 7.5, 10.3; wire-protocol.md 13.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from flexible.naive.devices import Device
from flexible.naive.history import History
from flexible.naive.intents import Intent, written
from flexible.naive.objects import Instruction
from flexible.naive.observing import Event
from flexible.naive.serving import Server, Session
from flexible.naive.views import Permissions


class World(ABC):
    """What steps of a history do to a server and its clients. Clients are numbers from 0."""

    @property
    @abstractmethod
    def history(self) -> History:
        """The server's history, as far as it goes."""

    @abstractmethod
    def upload(self, client: int, intents: list[Intent]) -> None:
        """One transaction of a client's application; it travels when it can."""

    @abstractmethod
    def query(self, client: int, body: str) -> None:
        """A new subscription set; `body` as it travels."""

    @abstractmethod
    def connect(self, client: int, *, is_fast: bool) -> None:
        """A client without a connection makes one. A fast one does not delay uploads."""

    @abstractmethod
    def cut(self, client: int) -> None:
        """The connection is lost, with what travels on it."""

    @abstractmethod
    def crash_client(self, client: int) -> None:
        """The process dies; the file stays."""

    @abstractmethod
    def crash_server(self) -> None:
        """The process dies; what it stored stays."""

    @abstractmethod
    def change_role(self, user: str, permissions: Permissions) -> None:
        """The user may other things from now on."""

    @abstractmethod
    def advance(self, client: int, sent: int, received: int) -> None:
        """Lets so many messages of a client reach the server, and then so many the client."""

    @abstractmethod
    def settle(self) -> None:
        """Connects everybody and lets everything travel until nothing is left to say."""

    @abstractmethod
    def messages(self, client: int) -> list[Event]:
        """What has happened to a client file since the last call."""

    @abstractmethod
    def objects(self, client: int) -> Any:
        """What its application sees: a State."""


class NaiveWorld(World):
    """The naive engines. `make_server`: a Server, or one with a planted bug."""

    def __init__(
        self,
        schema: list[Instruction],
        users: list[str],
        permissions: dict[str, Permissions],
        make_server: Callable[[list[Instruction], dict[str, Permissions]], Server] = Server,
    ) -> None:
        self.schema, self.users = schema, users
        self.server = make_server(schema, permissions)
        self.devices = [Device() for _ in users]
        self.sessions: list[Session | None] = [None] * len(users)
        self.is_connected = [False] * len(users)
        self.events: list[list[Event]] = [[] for _ in users]
        self.clock = 1000
        for device in self.devices:
            device.write(list(schema), self.tick())

    @property
    def history(self) -> History:
        return self.server.history

    def tick(self) -> int:
        """Milliseconds; every call is later."""
        self.clock += 1
        self.server.now = max(self.server.now, self.clock)
        return self.clock

    def objects(self, client: int) -> Any:
        return self.devices[client].copy.state

    def upload(self, client: int, intents: list[Intent]) -> None:
        device = self.devices[client]
        instructions = written(device.copy.state, intents, device.sets[-1].body)
        if instructions:
            device.write(instructions, self.tick())

    def query(self, client: int, body: str) -> None:
        self.devices[client].subscribe(body)

    def connect(self, client: int, *, is_fast: bool) -> None:
        device = self.devices[client]
        if self.is_connected[client]:
            return
        self.is_connected[client] = True
        device.connect(is_fast=is_fast and device.file_ident != 0)

    def cut(self, client: int) -> None:
        if self.is_connected[client]:
            self.is_connected[client], self.sessions[client] = False, None
            self.devices[client].lose()
            self._note(client, "lost")

    def crash_client(self, client: int) -> None:
        self.is_connected[client], self.sessions[client] = False, None
        self.devices[client].die()
        self._note(client, "restarted")

    def crash_server(self) -> None:
        for client in range(len(self.users)):
            self.cut(client)
            self._note(client, "server_crashed")
        self.server.crash()

    def change_role(self, user: str, permissions: Permissions) -> None:
        live = [session for session in self.sessions if session is not None]
        self.server.change_permissions(user, permissions, live)

    def advance(self, client: int, sent: int, received: int) -> None:
        for _ in range(sent):
            if not self._send(client):
                break
        session = self.sessions[client]
        if session is not None:
            self.server.turn(session)
        for _ in range(received):
            if not self._receive(client):
                break

    def settle(self) -> None:
        for _ in range(200):
            before = self.server.history.head
            is_busy = False
            for client in range(len(self.users)):
                self.connect(client, is_fast=False)
                while self._send(client):
                    is_busy = True
                session = self.sessions[client]
                if session is not None:
                    self.server.turn(session)
                while self._receive(client):
                    is_busy = True
            if not is_busy and before == self.server.history.head:
                return
        raise AssertionError("it never becomes quiet")

    def messages(self, client: int) -> list[Event]:
        told, self.events[client] = self.events[client], []
        return told

    # -- one message -------------------------------------------------------------------------------

    def _send(self, client: int) -> bool:
        if not self.is_connected[client]:
            return False
        device = self.devices[client]
        message = device.next_message()
        if message is None:
            return False
        self._note(client, "client", message)
        if message["type"] == "bind":
            session = self.server.open(self.users[client], device.file_ident)
            self.sessions[client] = session
            if message["need_ident"]:
                ident = {"type": "ident", "file_ident": session.file.ident}
                session.out.append(ident)
            return True
        current = self.sessions[client]
        assert current is not None
        if message["type"] == "unbind" and current.is_closing:
            self.sessions[client] = None  # an error ended it: no UNBOUND
            device.resume()
        else:
            self.server.receive(current, message)
        return True

    def _receive(self, client: int) -> bool:
        session = self.sessions[client]
        if session is None or not session.out:
            return False
        message = session.out.pop(0)
        self._note(client, "server", message)
        self.devices[client].receive(message)
        return True

    def _note(self, client: int, kind: str, message: Any = None) -> None:
        permissions = self.server.permissions[self.users[client]]
        self.events[client].append(Event(kind, message, self.history.head, permissions))
