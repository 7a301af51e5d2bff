"""Clients and a server of flexible sync, and the steps that happen to them.

What lives here: `World`, whose server and links a driver of real engines fills in, and
`NaiveWorld`, which fills them with the naive ones. Links are queues; a message is taken when a step
lets it travel.

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
from flexible.naive.history import Broken, History
from flexible.naive.intents import Intent, written
from flexible.naive.objects import Instruction
from flexible.naive.observing import Event
from flexible.naive.serving import Server, Session
from flexible.naive.views import Permissions


class World(ABC):
    """What steps of a history do to a server and its clients. Clients are numbers from 0, each of
    them the device of one user; there may be devices that no step happens to."""

    def __init__(self, users: list[str], devices: int) -> None:
        self.users = users
        self.devices = [Device() for _ in range(devices)]
        self.events: list[list[Event]] = [[] for _ in self.devices]
        self.clock = 1000

    def tick(self) -> int:
        """Milliseconds; every call is later."""
        self.clock += 1
        return self.clock

    # -- steps -------------------------------------------------------------------------------------

    def upload(self, client: int, intents: list[Intent]) -> None:
        """One transaction of a client's application; it travels when it can."""
        device = self.devices[client]
        instructions = written(device.copy.state, intents, device.sets[-1].body)
        if instructions:
            device.write(instructions, self.tick())

    def query(self, client: int, body: str) -> None:
        """A new subscription set; `body` as it travels."""
        self.devices[client].subscribe(body)

    def connect(self, client: int, *, is_fast: bool) -> None:
        """A client without a connection makes one. A fast one does not delay uploads."""
        if not self._is_connected(client):
            self._open(client)
            device = self.devices[client]
            device.connect(is_fast=is_fast and device.file_ident != 0)

    def cut(self, client: int) -> None:
        """The connection is lost, with what travels on it."""
        if self._is_connected(client):
            self._close(client)
            self.devices[client].lose()
            self._note(client, "lost")

    def crash_client(self, client: int) -> None:
        """The process dies; the file stays."""
        self._close(client)
        self.devices[client].die()
        self._note(client, "restarted")

    @abstractmethod
    def crash_server(self) -> None:
        """The process dies; what it stored stays."""

    @abstractmethod
    def change_role(self, user: str, permissions: Permissions) -> None:
        """The user may other things from now on."""

    def advance(self, client: int, sent: int, received: int) -> None:
        """Lets so many messages of a client reach the server, and then so many the client."""
        for _ in range(sent):
            if not self._send(client):
                break
        self._turn(client)
        for _ in range(received):
            if not self._receive(client):
                break

    def settle(self) -> None:
        """Connects everybody and lets everything travel until nothing is left to say."""
        for _ in range(200):
            before = self.history.head
            is_busy = False
            for client in range(len(self.users)):
                self.connect(client, is_fast=False)
                while self._send(client):
                    is_busy = True
                self._turn(client)
                while self._receive(client):
                    is_busy = True
            if not is_busy and before == self.history.head:
                return
        raise Broken("settle", "it never becomes quiet")

    # -- what has come of it -----------------------------------------------------------------------

    @property
    @abstractmethod
    def history(self) -> History:
        """The server's history, as far as it goes."""

    def messages(self, client: int) -> list[Event]:
        """What has happened to a client file since the last call."""
        told, self.events[client] = self.events[client], []
        return told

    def objects(self, client: int) -> Any:
        """What its application sees: a State."""
        return self.devices[client].copy.state

    def _note(self, client: int, kind: str, message: Any = None) -> None:
        permissions = self._permissions(self.users[client])
        self.events[client].append(Event(kind, message, self.history.head, permissions))

    # -- of the server and the links to it ---------------------------------------------------------

    @abstractmethod
    def _permissions(self, user: str) -> Permissions:
        """What the user may now."""

    @abstractmethod
    def _is_connected(self, client: int) -> bool:
        """Whether there is a connection."""

    @abstractmethod
    def _open(self, client: int) -> None:
        """Makes one."""

    @abstractmethod
    def _close(self, client: int) -> None:
        """There is none any more, if there was one."""

    @abstractmethod
    def _send(self, client: int) -> bool:
        """One message to the server; False: there is none."""

    @abstractmethod
    def _turn(self, client: int) -> None:
        """The server looks after a client."""

    @abstractmethod
    def _receive(self, client: int) -> bool:
        """One message to the client; False: there is none."""


class NaiveWorld(World):
    """The naive engines. `make_server`: a Server, or one with a planted bug."""

    def __init__(
        self,
        schema: list[Instruction],
        users: list[str],
        permissions: dict[str, Permissions],
        make_server: Callable[[list[Instruction], dict[str, Permissions]], Server] = Server,
    ) -> None:
        super().__init__(users, len(users))
        self.server = make_server(schema, permissions)
        self.sessions: list[Session | None] = [None] * len(users)
        self.is_connected = [False] * len(users)
        for device in self.devices:
            device.write(list(schema), self.tick())

    @property
    def history(self) -> History:
        return self.server.history

    def tick(self) -> int:
        now = super().tick()
        self.server.now = max(self.server.now, now)
        return now

    def crash_server(self) -> None:
        for client in range(len(self.users)):
            self.cut(client)
            self._note(client, "server_crashed")
        self.server.crash()

    def change_role(self, user: str, permissions: Permissions) -> None:
        live = [session for session in self.sessions if session is not None]
        self.server.change_permissions(user, permissions, live)

    def _permissions(self, user: str) -> Permissions:
        return self.server.permissions[user]

    def _is_connected(self, client: int) -> bool:
        return self.is_connected[client]

    def _open(self, client: int) -> None:
        self.is_connected[client] = True

    def _close(self, client: int) -> None:
        self.is_connected[client], self.sessions[client] = False, None

    def _turn(self, client: int) -> None:
        session = self.sessions[client]
        if session is not None:
            self.server.turn(session)

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
