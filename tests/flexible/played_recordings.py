"""Recorded conversations of flexible sync, their client's side played to the real server.

What lives here: `Play`, one conversation; a server that answers for roles; what the recording's own
server made the client hold, beside what ours does. What both have to agree on is the test's.
The recorded server followed a script. What that brought of its own accord (objects, their changes
and ends) another client, the author, uploads to ours: before the QUERY or IDENT whose bootstrap
brought it there, or else when the recording sent it. Views are ours alone: no erasure of a
bootstrap is played, and of others those only that our server has not sent by then.
Specification: flexible-sync.md 5 to 9, 18.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flexible.naive.merging import Copy
from flexible.naive.objects import Instruction, named, schema_only
from flexible.naive.scripted import decoded_message
from flexible_peer import SESSION, FlexibleClient
from realmsync import _core
from realmsync.inspect import decode_changeset
from ruled_server import Ruled
from server_driver import APP, Server

Message = dict[str, Any]
MORE, LAST, STEADY = 0, 1, 2
AUTHOR = "author"
Rejected = tuple[str, bytes]  # class, and key as 231 has it


class Answering(Ruled):
    """Every session has the same roles, but for the author's, who may do everything."""

    def __init__(self, tuning: dict[str, int]) -> None:
        super().__init__(tuning)
        self.clients: list[FlexibleClient] = []

    def roles_of(self, connection: int) -> _core.SessionRoles:
        (user,) = [c.user for c in self.clients if c.connection == connection]
        return _core.SessionRoles.everything() if user == AUTHOR else self.roles

    def change_roles(self, roles: _core.SessionRoles) -> None:
        """Of everybody but the author, at once."""
        self.roles = roles
        for client in self.clients:
            if client.connection is not None:
                self.runtime.reauthorize(client.connection, self.now)
        self.run()

    def limit_queries(self, queryable: dict[str, list[str]]) -> None:
        """What subscriptions may ask about, by class."""
        self.runtime.configure_app(
            APP,
            sync_mode="flexible",
            development_mode=False,
            queryable_by_class=queryable,
            now_ms=self.now,
        )


def rejected(info: dict[str, Any]) -> dict[Rejected, str]:
    """The objects that an error names, and why."""
    updates = info["rejected_updates"] or ()
    return {(update["table"], update["key"]): update["reason"] for update in updates}


def instructions_of(message: Message, undone: Iterable[int] = ()) -> list[Instruction]:
    """Of a DOWNLOAD, but for those of versions that undo something."""
    return [
        instruction
        for entry in message["entries"]
        if entry["server_version"] not in undone
        for instruction in entry["instructions"]
    ]


@dataclass
class Outcome:
    """What a client has of its server's answers, as far as that may not depend on timing."""

    copy: Copy
    active: int = 0  # query version
    body: str = "{}"  # of that
    refused: set[int] = field(default_factory=set)
    taken_back: dict[Rejected, str] = field(default_factory=dict)  # what 231 and 230 say
    errors: list[int] = field(default_factory=list)  # that ended the session


class Recorded:
    """The recorded client file, as the recorded server's messages leave it."""

    def __init__(self, refused: set[int], unasked: set[int]) -> None:
        self.outcome = Outcome(Copy())
        self.written = 0  # newest version of the file
        self.parts: tuple[int, list[Message]] = (0, [])
        self.asked = {0: "{}"}
        self.marks, self.answered = 0, 0
        self.refused, self.unasked = refused, unasked

    @property
    def is_quiet(self) -> bool:
        """Whether everything that was asked is answered."""
        newest = max(self.asked)
        is_settled = newest == self.outcome.active or newest in self.outcome.refused
        return is_settled and self.marks == self.answered

    def hear(self, message: Message) -> None:
        match message["type"]:
            case "ident":
                self.outcome.copy.file_ident = message["file_ident"]
            case "mark":
                self.answered = message["request"]
            case "query_error":
                if message["query_version"] in self.asked.keys() - {self.outcome.active}:
                    self.outcome.refused.add(message["query_version"])
            case "json_error":
                info = _core.decode_error_body(message["body"].encode(), message["code"])
                self.outcome.taken_back |= rejected(info)
                if message["code"] not in self.unasked | {231}:
                    self.outcome.errors.append(message["code"])
            case "download":
                self._hear_download(message)

    def _hear_download(self, message: Message) -> None:
        version, state = message["query_version"], message["batch_state"]
        confirmed = message["download_client_version"]
        if state == STEADY:
            self.outcome.copy.integrate(message["entries"], confirmed)
        elif version in self.refused:
            self.outcome.refused.add(version)
        elif version in self.asked and state in (MORE, LAST):
            before = self.parts[1] if self.parts[0] == version else []
            self.parts = (version, [*before, *message["entries"]])
            if state == LAST:
                self.outcome.copy.integrate(self.parts[1], confirmed)
                self.outcome.active, self.outcome.body = version, self.asked[version]
                self.parts = (0, [])

    def write(self, entry: Message) -> bool:
        """A transaction of the application; False: it is known, and only sent again."""
        version = entry["client_version"]
        if version <= self.written:
            return False
        self.written = version
        self.outcome.copy.write(version, entry["origin_timestamp"], entry["instructions"])
        return True


class Played(FlexibleClient):
    """Our server's client, which sends what the recorded one did."""

    def __init__(self, server: Server, user: str) -> None:
        super().__init__(server, user)
        self.copy = Copy()

    def say(self, message: Message, recorded: Recorded) -> None:
        kind = message["type"]
        if kind == "ident":
            self.uploaded = self.upload_cursor[0]
            self.ident()
        elif kind == "upload":
            self._upload(message["entries"], recorded)
        elif message.get("query_version") in self.completed:
            pass  # there was more of its bootstrap in a message than in the recording
        elif kind != "unbind" or self.errors or not recorded.unasked:
            self._note(message, recorded)
            fields = {n: v.encode() if isinstance(v, str) else v for n, v in message.items()}
            self.send(**fields | {"type": kind, "session": SESSION})

    def _note(self, message: Message, recorded: Recorded) -> None:
        match message["type"]:
            case "query":
                recorded.asked[message["query_version"]] = message["query"]
                self.asked[message["query_version"]] = message["query"].encode()
            case "mark":
                recorded.marks = self.last_mark = message["request"]
            case "unbind":
                self.bound = False
                self.pending, recorded.parts = None, (0, [])

    def _upload(self, entries: list[Message], recorded: Recorded) -> None:
        for entry in entries:
            if recorded.write(entry):
                instructions, timestamp = entry["instructions"], entry["origin_timestamp"]
                self.write(*instructions, timestamp=timestamp)
                self.copy.write(self.local[-1][0], timestamp, instructions)
        if entries:
            self.upload()
        elif self.peer is not None and self.peer.version > self.uploaded:
            self.uploaded = self.peer.version
            self.send_upload([], base=self.base)

    def integrate(self, entries: list[Message]) -> None:
        super().integrate(entries)
        assert self.file is not None
        self.copy.file_ident = self.file[0]
        decoded = [e | {"instructions": decode_changeset(e["changeset"])} for e in entries]
        self.copy.integrate(decoded, self.upload_cursor[0])

    def take_error_that_comes(self) -> None:
        """And what precedes it."""
        told = self.errors[:], self.rejections[:]
        while (self.errors, self.rejections) == told:
            taken = len(self.log)
            self.run(1)
            if len(self.log) == taken:
                return

    def has(self, instruction: Instruction) -> bool:
        """The object that it is about."""
        about = named(instruction)
        return about is not None and self.copy.state.raw(about) is not None

    def outcome(self) -> Outcome:
        told = [info for _, info in self.errors]
        told += [{"rejected_updates": one.updates} for one in self.rejections]
        return Outcome(
            self.copy,
            self.active[0],
            self.active[1].decode(),
            set(self.refused),
            {about: reason for info in told for about, reason in rejected(info).items()},
            [code for code, _ in self.errors],
        )


class Author(FlexibleClient):
    """Brings to our server what the recorded one brought of its own accord."""

    def start(self, schema: list[Instruction]) -> None:
        """Declares the classes and subscribes to all objects."""
        self.connect()
        self.mark()
        self.run()
        self.commit(schema)
        shown = [
            i["table"] for i in schema if i["op"] == "AddTable" and i.get("asymmetric") is False
        ]
        self.query(1, dict.fromkeys(shown, "TRUEPREDICATE"))
        self.run()

    def commit(self, instructions: list[Instruction]) -> None:
        """Writes and uploads them, and takes what has happened meanwhile."""
        if instructions:
            self.write(*instructions)
            self.upload()
        self.run()


class Play:
    """One recording. `actions`: what is done with our server where the script of the recorded one
    had it do something, by the number of that line among the script's. `refused`: query versions
    that our server must refuse. `unasked`: errors that nothing but the script called for."""

    def __init__(
        self,
        path: Path,
        *,
        actions: dict[int, Callable[[Play], None]],
        refused: set[int],
        unasked: set[int],
        tuning: dict[str, int],
    ) -> None:
        self.lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        self.actions = actions
        self.refused, self.unasked = refused, unasked
        self.scripted = 0  # lines of the script so far
        self.server = Answering(tuning)
        self.clients: dict[str, tuple[Played, Recorded]] = {}  # by app
        self.bound: dict[int, tuple[Played, Recorded]] = {}  # by connection
        self.messages = {
            at: decoded_message(bytes.fromhex(line["hex"]), from_client=line["t"] == "c2s")
            for at, line in enumerate(self.lines)
            if "hex" in line
        }
        self.brought = self._what_is_brought()
        self.author = Author(self.server, AUTHOR)
        self.server.clients.append(self.author)
        self.author.start(self._first_schema())

    def _first_schema(self) -> list[Instruction]:
        for message in self.messages.values():
            if message["type"] == "download" and message.get("batch_state") == LAST:
                return schema_only(instructions_of(message))
        return []

    def _what_is_brought(self) -> dict[int, list[Instruction]]:
        """By line: of the QUERY or IDENT that a bootstrap answers, or of the message itself."""
        asked: dict[tuple[int, int], int] = {}  # lines, by connection and query version
        undone: set[int] = set()
        brought: dict[int, list[Instruction]] = {}
        for at, message in self.messages.items():
            if message["type"] in ("query", "ident") and "query_version" in message:
                asked[self.lines[at]["conn"], message["query_version"]] = at
            elif message["type"] == "json_error" and message["code"] == 231:
                body = json.loads(message["body"])
                undone.add(body["compensatingWriteServerVersion"])
            elif message["type"] == "download" and "query_version" in message:
                instructions = [
                    i for i in instructions_of(message, undone) if not i["op"].startswith("Add")
                ]
                place = at
                question = self.lines[at]["conn"], message["query_version"]
                if message["batch_state"] != STEADY and question in asked:
                    instructions = [i for i in instructions if i["op"] != "EraseObject"]
                    place = asked[question]
                    if message["batch_state"] == LAST:
                        del asked[question]
                brought.setdefault(place, []).extend(instructions)
        return brought

    def run(self) -> Iterator[tuple[str, Outcome, Outcome]]:
        """Where in the recording everything that was asked is answered: a name for the place, and
        what the recorded client and ours have."""
        for at, line in enumerate(self.lines):
            self._step(at, line)
            pair = self.bound.get(line.get("conn", 0))
            if pair is None or self.messages.get(at, {}).get("type") != "mark":
                continue
            client, recorded = pair
            if line["t"] == "s2c" and recorded.is_quiet:
                client.run()
                assert client.marks[-1] == recorded.answered
                yield f"MARK {recorded.answered}", recorded.outcome, client.outcome()
        for app, (client, recorded) in self.clients.items():
            if client.connection is not None:
                client.run()
            yield f"the end of {app}", recorded.outcome, client.outcome()

    def _step(self, at: int, line: dict[str, Any]) -> None:
        if line["t"] == "script":
            self.scripted += 1
            self.actions.get(self.scripted, lambda play: None)(self)
        elif line["t"] == "ws-open":
            if "realm-query-sync#" in str(line["headers"]):
                self._open(line["conn"], line["path"].split("/")[5])
        elif line.get("conn") in self.bound:
            client, recorded = self.bound[line["conn"]]
            if line["t"] in ("c-close", "s-close"):
                client.cut()
            elif line["t"] == "c2s" and client.connection is not None:
                self.author.commit(self.brought.get(at, []))
                if self.messages[at]["type"] not in ("ping", "json_error"):
                    client.say(self.messages[at], recorded)
            elif line["t"] == "s2c" and client.connection is not None:
                self._hear(client, recorded, self.messages[at], self.brought.get(at, []))

    def _open(self, conn: int, app: str) -> None:
        if app not in self.clients:
            self.clients[app] = (
                Played(self.server, app),
                Recorded(self.refused, self.unasked),
            )
            self.server.clients.append(self.clients[app][0])
        self.bound[conn] = self.clients[app]
        self.clients[app][0].open()

    def _hear(
        self, client: Played, recorded: Recorded, message: Message, brought: list[Instruction]
    ) -> None:
        """What our client takes with a message of the recording: about as much."""
        if brought:
            client.run()
            self.author.commit([i for i in brought if client.has(i) or i["op"] != "EraseObject"])
        recorded.hear(message)
        if message["type"] == "json_error":
            client.take_error_that_comes()
        elif message["type"] == "download" and message["batch_state"] == MORE:
            client.run(1)
        elif message["type"] != "download" or message["entries"]:  # no mere confirmation
            client.run()
