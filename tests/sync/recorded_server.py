"""A server that answers with what the recorded one sent in one conversation of both modes, session
by session: the k-th BIND that comes has the answers of the k-th recorded one. MARK and UNBIND are
answered as they come. What an operator's script sent is sent when the test says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.server import ServerConnection

from realmsync.inspect import decode_message
from scripted_server import Message, ScriptedServer

Said = tuple[Any, ...]


def meaning(message: Message) -> Said | None:
    """What a client's message says, without numbers of its versions; None of those that depend on
    timing, or on which classes a client brings."""
    match message["type"]:
        case "bind":
            data = message["data"]
            return "bind", json.loads(data) if data else None, bool(message["need_ident"])
        case "ident":
            query = json.loads(message.get("query", "null"))
            return "ident", message["file_ident"], query
        case "query":
            return "query", json.loads(message["query"])
        case "upload" if message["entries"]:
            instructions = [i for entry in message["entries"] for i in entry["instructions"]]
            created = [i["pk"]["v"] for i in instructions if i["op"] == "CreateObject"]
            return ("upload", created) if created else None
    return None


@dataclass
class Recorded:
    """A session: what the client said, and after how much of that the server's answers came."""

    said: list[Said] = field(default_factory=list)
    answers: list[tuple[int, bool, bytes]] = field(default_factory=list)  # bool: a script's


def sessions_of(path: Path) -> list[Recorded]:
    """In the order of their BINDs."""
    found: dict[int, Recorded] = {}
    is_scripted = False
    for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        if line["t"] == "script":
            is_scripted = line["op"] == "jerr"
        if "hex" not in line:
            continue
        data = bytes.fromhex(line["hex"])
        message = decode_message(data, from_client=line["t"] == "c2s")
        session = found.setdefault(message.get("session", 0), Recorded())
        if line["t"] == "c2s":
            if (said := meaning(message)) is not None:
                session.said.append(said)
        elif message["type"] in ("ident", "download", "json_error"):
            session.answers.append((len(session.said), is_scripted, data))
            is_scripted = False
    found.pop(0, None)
    return list(found.values())


class _Session:
    def __init__(self, socket: ServerConnection, ident: int, recorded: Recorded) -> None:
        self.socket, self.ident = socket, ident
        self.answers = list(recorded.answers)
        self.said: list[Said] = []
        self.file = 0
        self.is_over = False


class RecordedServer(ScriptedServer):
    """All sessions of one recording."""

    def __init__(self, path: Path) -> None:
        self.recorded = sessions_of(path)
        self.sessions: list[_Session] = []
        self.held: set[int] = set()  # sessions by number that get no answer for now
        self._uploaded: dict[int, tuple[int, int]] = {}  # by file
        super().__init__("com.mongodb.realm-sync#14", "com.mongodb.realm-query-sync#14")

    def release(self, number: int) -> None:
        """A session is answered from now on."""
        with self._lock:
            self.held.discard(number)
            if number < len(self.sessions):
                self._answer(self.sessions[number])

    def act(self) -> None:
        """Sends what the script of the recording sent next, in the newest session."""
        with self._lock:
            self._answer(self.sessions[-1], is_script_due=True)

    def said(self) -> list[list[Said]]:
        """By session."""
        with self._lock:
            return [session.said for session in self.sessions]

    def _answers(self, socket: ServerConnection, message: Message) -> Iterator[bytes]:
        kind = message["type"]
        at = message["session"]
        if kind == "bind":
            self.sessions.append(_Session(socket, at, self.recorded[len(self.sessions)]))
        session = next(s for s in self.sessions if s.socket is socket and s.ident == at)
        if kind == "ident":
            session.file = message["file_ident"]
        if kind == "upload":
            cursor = (message["upload_client_version"], message["upload_server_version"])
            self._uploaded[session.file] = cursor
        if (said := meaning(message)) is not None:
            session.said.append(said)
            self._answer(session)
        is_held = self.sessions.index(session) in self.held
        if kind == "mark" and not session.is_over and not is_held:
            yield b"mark %d %d\n" % (at, message["request"])
        if kind == "unbind" and not session.is_over:
            session.is_over = True
            yield b"unbound %d\n" % at

    def _answer(self, session: _Session, *, is_script_due: bool = False) -> None:
        if self.sessions.index(session) in self.held:
            return
        while session.answers and not session.is_over:
            after, is_scripted, data = session.answers[0]
            if after > len(session.said) or (is_scripted and not is_script_due):
                return
            is_script_due = False
            del session.answers[0]
            session.is_over = data.startswith(b"json_error")
            session.socket.send(self._addressed(session, data))

    def _addressed(self, session: _Session, data: bytes) -> bytes:
        """With the session's number, and what it has uploaded, in the place of the recorded."""
        head, _, body = data.partition(b"\n")
        words = head.decode().split(" ")
        words[3 if words[0] == "json_error" else 1] = str(session.ident)
        if words[0] == "download":
            client, server = map(str, self._uploaded.get(session.file, (0, 0)))
            words[3], words[6], words[7] = client, client, server
            body = b"".join(
                b"%d %s %d %d %d %d " % (*_numbers(e, client), len(e["changeset"])) + e["changeset"]
                for e in decode_message(data, from_client=False)["entries"]
            )
            words[-2] = str(len(body))
        return " ".join(words).encode() + b"\n" + body


def _numbers(entry: Message, client: str) -> tuple[Any, ...]:
    origin = entry["origin_timestamp"], entry["origin_file_ident"], entry["original_size"]
    return entry["server_version"], client.encode(), *origin
