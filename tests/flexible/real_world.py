"""The real server of flexible sync with naive clients, as a world that random histories happen to.

What lives here: `RealWorld`. Messages travel as bytes over the engine without sockets; its history
is read from its store after each of its turns, and what undoes rejected writes too. A message of
the server is made when a step lets it travel, so that nothing of it is lost on the way.
Specification: flexible-sync.md 5, 9.3, 10, 17.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from flexible.naive.devices import Device
from flexible.naive.histories import Story
from flexible.naive.history import Broken, Commit, History, Undone
from flexible.naive.judging import decoded_key
from flexible.naive.objects import Key, Named, touched
from flexible.naive.views import Permissions
from flexible.naive.worlds import World
from realmsync import _core
from realmsync.inspect import decode_message
from server_driver import APP, Server

Message = dict[str, Any]
LAST, STEADY = 1, 2
FIRST_WITHOUT_VERSION, FIRST_WITH_ESTIMATE = 11, 12
ROLES_HAVE_CHANGED = 228
FLEXIBLE_LOG = ""  # the key of its partition
FOUNDER = "founder"  # brings the schema


class Link:
    """A client's connection and the session on it."""

    def __init__(self, number: int, user: str) -> None:
        self.number, self.user = number, user
        self.session = 0  # each BIND has a new one


class RealWorld(World):
    """One server, and a device for each user. `tuning`: of the server; `protocol`: the version that
    all speak."""

    def __init__(
        self, story: Story, *, seed: int = 1, tuning: dict[str, int], protocol: int = 14
    ) -> None:
        self.protocol = protocol
        self.permissions = {**story.permissions, FOUNDER: Permissions()}
        super().__init__(list(story.users), len(story.users) + 1)
        self.tuning = tuning
        self.server = Server(seed=seed, asks_permission=True, tuning=tuning)
        self._history = History()
        self._writes = 0  # to the disk, that are in the history
        self._keys: set[Key] = set()  # of all objects that were written
        self.links: list[Link | None] = [None] * len(self.devices)
        self.salts: list[dict[int, int]] = [{0: 0} for _ in self.devices]  # of server versions
        self.file_salts = [0] * len(self.devices)
        self.tables = [each["table"] for each in story.schema if each["op"] == "AddTable"]
        self.asymmetric = {each["table"] for each in story.schema if each.get("asymmetric")}
        self.schema = list(story.schema)
        self.must_reset: set[int] = set()  # clients that were told so
        self._found(list(story.schema))

    def _found(self, schema: list[Any]) -> None:
        self.users.append(FOUNDER)
        founder = len(self.users) - 1
        self.devices[founder].write(schema, self.tick())
        self.connect(founder, is_fast=False)
        self.advance(founder, 9, 9)
        self.advance(founder, 9, 9)
        self.cut(founder)
        self.users.pop()
        for device in self.devices[:founder]:
            device.write(schema, self.tick())

    @property
    def history(self) -> History:
        return self._history

    def _permissions(self, user: str) -> Permissions:
        return self.permissions[user]

    def _is_connected(self, client: int) -> bool:
        return self.links[client] is not None

    def _open(self, client: int) -> None:
        user = self.users[client]
        number = self.server.runtime.open_connection(
            APP, user, f"com.mongodb.realm-query-sync#{self.protocol}", self.server.now
        )
        self.links[client] = Link(number, user)
        self._is_reset(client)

    def crash_server(self) -> None:
        store, now = self.server.store, self.server.now
        self.server.store.cut_power()  # type: ignore[union-attr]
        self.links, links = [None] * len(self.devices), self.links
        self.server = Server(store, asks_permission=True, tuning=self.tuning)
        self.server.now = now
        for client in range(len(self.users)):
            if links[client] is not None:
                self.devices[client].lose()
                self._note(client, "lost")
            self._note(client, "server_crashed")

    def change_role(self, user: str, permissions: Permissions) -> None:
        self.permissions[user] = permissions
        for link in self.links:
            if link is not None and link.user == user:
                self.server.runtime.reauthorize(link.number, self.server.now)
        self._run()

    def _close(self, client: int) -> None:
        link, self.links[client] = self.links[client], None
        if link is not None:
            self.server.runtime.closed(link.number, self.server.now)
            self._run()

    def _turn(self, client: int) -> None:
        """It has done so with each message."""

    def _send(self, client: int) -> bool:
        link, device = self.links[client], self.devices[client]
        message = device.next_message() if link is not None else None
        if link is None or message is None:
            return False
        self._note(client, "client", message)
        if message["type"] == "bind":
            link.session += 1
        for entry in message.get("entries", ()):
            self._keys |= {key for _, key in touched(entry["instructions"])}
        travelling = _travelling(message, link.session)
        if message["type"] == "ident":
            travelling["file_ident_salt"] = self.file_salts[client]
            latest = message["latest_server_version"]
            travelling["latest_server_version_salt"] = self.salts[client][latest]
        data = _core.encode_message(travelling, True, "flexible", self.protocol)
        self.server.runtime.receive(link.number, data, self.server.now)
        if message["type"] == "unbind":  # only ever after an error: no UNBOUND
            device.resume()
            if self._is_reset(client):
                self.devices[client].connect(is_fast=False)
        self._run()
        return True

    def _receive(self, client: int) -> bool:
        link = self.links[client]
        data = self._next(link.number) if link is not None else None
        if link is None or data is None:
            return False
        message = self._read_message(data, self.devices[client].active.version)
        if message["type"] == "log_message":
            return True
        if message["type"] == "json_error" and not message["session"]:
            raise Broken("connection", message["body"])
        if message.get("session") != link.session:
            return True  # of a session that the client has left
        if message["type"] == "ident":
            self.file_salts[client] = message["file_ident_salt"]
        if message["type"] == "download":
            salt = message["latest_server_version_salt"]
            self.salts[client][message["latest_server_version"]] = salt
        self._note(client, "server", message)
        self.devices[client].receive(message)
        if message["type"] == "json_error" and message["code"] == ROLES_HAVE_CHANGED:
            self.must_reset.add(client)
        return True

    def _is_reset(self, client: int) -> bool:
        """A client reset, if one is due, that discards what was not uploaded: another file, with
        the set that was asked for last."""
        if client not in self.must_reset:
            return False
        self.must_reset.discard(client)
        accepted = [each.body for each in self.devices[client].sets if each.state != "error"]
        device = self.devices[client] = Device()
        device.write(self.schema, self.tick())
        if accepted[-1] != "{}":
            device.subscribe(accepted[-1])
        self.salts[client], self.file_salts[client] = {0: 0}, 0
        self._note(client, "replaced")
        return True

    def _read_message(self, data: bytes, active: int) -> Message:
        """As protocol 14 has it: before that the last message of a bootstrap and one of the history
        look alike (7.8)."""
        if not data.startswith(b"download"):
            message = decode_message(data, from_client=False)
            if self.protocol < FIRST_WITHOUT_VERSION and message.get("code") == 230:
                body = json.loads(message["body"])
                assert body.pop("compensatingWriteServerVersion")  # they want it of 230, too
                message["body"] = json.dumps(body)
            return message
        if self.protocol == 14:
            return decode_message(data, from_client=False)
        message = _core.decode_message(data, False, "flexible", self.protocol)
        plain = _core.unpack_body(
            message.pop("body"), message["compressed"], message["uncompressed_size"], 1 << 30
        )
        entries = _core.decode_entries(plain, False)
        message["entries"] = [
            entry | {"instructions": _core.Changeset.parse(entry["changeset"]).instructions()}
            for entry in entries
        ]
        is_last = message["batch_state"] == LAST
        if is_last and message["query_version"] == active:
            message["batch_state"] = STEADY
        if self.protocol < FIRST_WITH_ESTIMATE:
            message["progress_estimate"] = 1.0 if is_last else 0.0
        return message

    def _next(self, number: int) -> bytes | None:
        while (data := self.server.runtime.next_message(number, self.server.now)) is None:
            self._run()
            if number not in self.server.writable:
                return None
            self.server.writable.discard(number)
        return data

    def _run(self) -> None:
        """Lets the server work until it has nothing to do, and tells it what users may."""
        while events := self.server.run():
            for event in events:
                if event[0] == "authorize":
                    self._authorize(*event[1:4])
        self._read()

    def _authorize(self, number: int, session: int, question: int) -> None:
        for link in self.links:
            if link is not None and link.number == number:
                self._give_roles(number, session, question, link.user)

    def _give_roles(self, number: int, session: int, question: int, user: str) -> None:
        roles = _roles(self.permissions[user], self.tables)
        self.server.runtime.authorize_roles(number, session, question, roles, self.server.now)

    # -- the history -------------------------------------------------------------------------------

    def _read(self) -> None:
        """What the server has committed since the last time."""
        store = self.server.store
        assert not isinstance(store, str)
        if store.writes() == self._writes:
            return
        self._writes = store.writes()
        history = self._history
        try:
            entries = store.entries(APP, FLEXIBLE_LOG)[history.head :]
        except KeyError:
            return
        if not entries:
            return
        rows = [
            row
            for row in store.compensations(APP, FLEXIBLE_LOG)
            if row[3] not in self.asymmetric  # 230 undoes nothing
        ]
        for file, client_version, changeset in entries:
            version = history.head + 1
            commit = Commit(version, origin=file, client_version=client_version)
            commit.instructions = (
                _core.Changeset.parse(changeset).instructions() if changeset else []
            )
            here = [row for row in rows if row[1] == version]
            if here:
                self._undo(commit, here)
            history.append(commit)

    def _undo(self, commit: Commit, rows: list[Any]) -> None:
        """`rows`: what the version undoes. What is told of is rejected."""
        (commit.addressed_to,) = {row[0] for row in rows}
        objects: dict[tuple[int, bool], set[Named]] = {}
        for _, _, client_version, table, key, reason in rows:
            known = decoded_key(b64encode(key).decode(), self._keys)
            assert known is not None, key
            objects.setdefault((client_version, reason != ""), set()).add((table, known))
        commit.undoes = tuple(
            Undone(client_version, frozenset(named), is_told)
            for (client_version, is_told), named in objects.items()
        )
        for undone in commit.undoes:
            source = self._history.of_upload(commit.addressed_to, undone.client_version)
            if source is not None and undone.is_told:
                source.rejected |= undone.objects


def _travelling(message: Message, session: int) -> Message:
    """A device's message as it is encoded."""
    kind = message["type"]
    head: Message = {"type": kind, "session": session}
    if kind == "bind":
        data = b'{"schemaVersion":0,"sessionReason":0}'
        need = message["need_ident"]
        return head | {"data": data, "token": b"", "need_ident": need, "is_subserver": False}
    if kind == "upload":
        plain = _core.encode_entries(message["entries"], True)
        head |= {"compressed": False, "uncompressed_size": len(plain), "compressed_size": 0}
        return head | {"body": plain} | {k: v for k, v in message.items() if k != "entries"}
    more = dict(message)
    if "query" in message:
        more["query"] = message["query"].encode()
    return head | more


def _roles(permissions: Permissions, tables: list[str]) -> _core.SessionRoles:
    """What a user may, as the server is told it."""
    context = _core.ExpressionContext(**permissions.roots)
    return _core.SessionRoles(
        {table: _role(permissions.role(table)) for table in tables},
        _role(permissions.role("other")),
        context,
    )


def _role(role: Any) -> _core.Role | None:
    if role is None:
        return None
    filters = role.get("document_filters", {})
    pairs = {name: _pair(rights) for name, rights in role.get("fields", {}).items()}
    return _core.Role(
        read_filter=filters["read"],
        write_filter=filters["write"],
        read=role.get("read"),
        write=role.get("write"),
        insert=role.get("insert", True),
        delete=role.get("delete", True),
        fields=pairs,
        additional_fields=_pair(role.get("additional_fields", {})),
    )


def _pair(rights: dict[str, Any]) -> tuple[bool | None, bool | None]:
    return rights.get("read"), rights.get("write")
