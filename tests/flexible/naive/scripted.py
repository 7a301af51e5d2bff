"""The recorded conversations of flexible sync, as an observer is told them.

What lives here: a recording taken apart by client file, and the history that a server must have had
to send what it sent. That server followed a script (tests/vectors/wire-flx): its history is made up
from its own messages, so a conversation proves nothing of what a server should have sent, but every
change of it does.
Specification: flexible-sync.md 0, 7.2, 8.2, 9.3.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flexible.naive.history import Commit, History, Undone
from flexible.naive.judging import decoded_key
from flexible.naive.objects import Instruction, Named, schema_only, touched
from flexible.naive.observing import Event, Observer
from flexible.naive.views import Permissions
from realmsync.errors import BadMessageError
from realmsync.inspect import decode_message

Message = dict[str, Any]
FOLDER = Path(__file__).parent.parent.parent / "vectors" / "wire-flx"


@dataclass
class Conversation:
    """One recording: the history, and what happened to each client file."""

    history: History
    events: dict[int, list[Event]]

    def observe(self, file_ident: int, events: list[Event] | None = None) -> Observer:
        """Watches one file. Raises Broken."""
        observer = Observer(self.history, Permissions(), is_judging=False)
        for event in self.events[file_ident] if events is None else events:
            observer.tell(event)
        return observer


@dataclass
class _Upload:
    """A changeset that waits for the message that confirms it."""

    file_ident: int
    entry: Message
    rejected: set[Named] = field(default_factory=set)


class _Reader:
    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self.lines = lines
        self.history = History()
        self.events: dict[int, list[Event]] = {}
        self.bound: dict[tuple[int, int], int] = {}  # files by connection and session
        self.early: dict[tuple[int, int], list[Event]] = {}  # of bindings without a file yet
        self.uploads: list[_Upload] = []
        self.parts: list[Instruction] = []
        self.told: dict[int, set[Named]] = {}  # what 231 named, by version

    def read(self) -> Conversation:
        messages = [
            (line, decoded_message(bytes.fromhex(line["hex"]), from_client=line["t"] == "c2s"))
            for line in self.lines
            if "hex" in line
        ]
        decoded = {id(line): message for line, message in messages}
        self._find_rejections([message for _, message in messages])
        for line in self.lines:
            if id(line) in decoded:
                self._message(line["t"] == "c2s", line["conn"], decoded[id(line)])
            elif line["t"] == "c-close":
                self._close(line["conn"])
        return Conversation(self.history, self.events)

    def _find_rejections(self, messages: list[Message]) -> None:
        """Who is named in 231: the upload that it says, if that is one, and wrote the object; else
        the object's newest before it."""
        newest: dict[Named, Message] = {}
        uploaded: dict[int, Message] = {}
        self.rejected: dict[int, set[Named]] = {}  # by identity of the entry
        for message in messages:
            if message["type"] == "upload":
                for entry in message["entries"]:
                    uploaded[entry["client_version"]] = entry
                    newest |= dict.fromkeys(touched(entry["instructions"]), entry)
            elif message["type"] == "json_error" and message["code"] == 231:
                body = json.loads(message["body"])
                for update in body["rejectedUpdates"]:
                    keys = [key for table, key in newest if table == update["table"]]
                    key = decoded_key(update["pk"], keys)
                    assert key is not None
                    about = (update["table"], key)
                    entry = uploaded.get(body["rejectedClientVersion"], newest[about])
                    if about in touched(entry["instructions"]):
                        self.rejected.setdefault(id(entry), set()).add(about)
                    version = body["compensatingWriteServerVersion"]
                    self.told.setdefault(version, set()).add(about)

    def _message(self, from_client: bool, connection: int, message: Message) -> None:
        if message["type"] in ("log_message", "ping", "pong"):
            return
        place = (connection, message["session"])
        if from_client and message["type"] == "bind":
            self.bound.pop(place, None)
            self.early[place] = []
        if not from_client and message["type"] == "download":
            self._note_versions(self.bound[place], message)
        event = Event(
            "client" if from_client else "server", message, self.history.head, Permissions()
        )
        if message["type"] == "ident":
            self.bound[place] = message["file_ident"]
        if place not in self.bound:
            self.early[place].append(event)
            return
        events = self.events.setdefault(self.bound[place], [])
        events += [*self.early.pop(place, []), event]
        if from_client and message["type"] == "upload":
            self.uploads += [
                _Upload(self.bound[place], entry, self.rejected.get(id(entry), set()))
                for entry in message["entries"]
            ]

    def _close(self, connection: int) -> None:
        for place in [each for each in self.bound if each[0] == connection]:
            event = Event("lost", {}, self.history.head, Permissions())
            self.events[self.bound.pop(place)].append(event)

    # -- the history -------------------------------------------------------------------------------

    def _note_versions(self, file_ident: int, message: Message) -> None:
        position = message["download_server_version"]
        if message.get("batch_state", 2) not in (1, 2):
            self.parts += [i for entry in message["entries"] for i in entry["instructions"]]
            return
        if message.get("batch_state") == 1:
            self.parts += [i for entry in message["entries"] for i in entry["instructions"]]
            while self.history.head < position:
                is_last = self.history.head + 1 == position
                self._commit(instructions=self.parts if is_last else [])
            self.parts = []
            return
        entries: dict[int, list[Instruction]] = {}
        for entry in message["entries"]:
            entries.setdefault(entry["server_version"], []).extend(entry["instructions"])
        own = [
            upload
            for upload in self.uploads
            if upload.file_ident == file_ident
            and upload.entry["client_version"] <= message["download_client_version"]
        ]
        self.uploads = [upload for upload in self.uploads if upload not in own]
        free = [v for v in range(self.history.head + 1, position + 1) if v not in entries]
        of_own = dict(zip(free[len(free) - len(own) :], own, strict=True))
        for version in range(self.history.head + 1, position + 1):
            if version in of_own:
                self._commit_own(of_own[version])
            elif version in self.told and version in entries:
                cv = message["download_client_version"]
                undone = Undone(cv, frozenset(self.told[version]))
                self._commit(addressed_to=file_ident, undoes=(undone,))
            else:
                self._commit(instructions=entries.get(version, []))

    def _commit_own(self, upload: _Upload) -> None:
        entry = upload.entry
        kept = [
            instruction
            for about, instructions in touched(entry["instructions"]).items()
            if about not in upload.rejected
            for instruction in instructions
        ]
        self._commit(
            origin=upload.file_ident,
            client_version=entry["client_version"],
            timestamp=entry["origin_timestamp"],
            instructions=[*schema_only(entry["instructions"]), *kept],
            rejected=frozenset(upload.rejected),
        )

    def _commit(self, **what: Any) -> None:
        self.history.append(Commit(self.history.head + 1, **what))


def decoded_message(data: bytes, *, from_client: bool) -> Message:
    """A message, also one that breaks 5.5 and that the product's codec therefore refuses."""
    try:
        return decode_message(data, from_client=from_client)
    except BadMessageError:
        head = data.split(b"\n")[0].decode().split(" ")
        assert head[0] == "download" and len(head) == 14, head
        names = ("session", *_HEAD)
        numbers = [float(each) if "." in each else int(each) for each in head[1 : len(names) + 1]]
        return {"type": "download", "entries": []} | dict(zip(names, numbers, strict=True))


_HEAD = ("download_server_version", "download_client_version", "latest_server_version")
_HEAD += ("latest_server_version_salt", "upload_client_version", "upload_server_version")
_HEAD += ("query_version", "batch_state", "progress_estimate")


def conversation(name: str) -> Conversation:
    """A recording by its name."""
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return _Reader([json.loads(line) for line in lines]).read()


def changed(event: Event, **fields: Any) -> Event:
    """An event with other fields in its message."""
    return replace(event, message=event.message | fields)
