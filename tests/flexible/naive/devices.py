"""A client of flexible sync, straight from its specification: one file, one session at a time.

What lives here: what it keeps, in which order it sends, what it does with each message. Merging is
`merging`'s. Its application only sees the copy.
Specification: flexible-sync.md 3, 5.8, 7.3 to 7.6; client-session.md 13 to 15;
wire-protocol.md 11.3.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from flexible.naive.merging import Change, Copy, encoded
from flexible.naive.objects import Instruction

Message = dict[str, Any]
_CURSORS = ("download_server_version", "download_client_version", "latest_server_version")


@dataclass
class SubscriptionSet:
    """One version of the subscriptions. States as 3.3 names them."""

    version: int
    body: str
    snapshot: int  # version of the file in which it was made
    base: int = 0  # newest server version there
    state: str = "pending"
    error: str = ""


@dataclass
class Binding:
    """What a session forgets when its connection ends."""

    has_bind: bool = False
    has_ident: bool = False
    mark_sent: int = 0
    is_delayed: bool = True  # uploads wait for a MARK (13.6)
    query_sent: int = 0
    upload_sent: tuple[int, int] = (0, 0)
    must_unbind: bool = False
    is_over: bool = False


@dataclass
class Local:
    """A transaction that the server has not confirmed, as it was made."""

    version: int
    base: int
    timestamp: int
    instructions: list[Instruction] = field(default_factory=list)


class Device:
    """One client file and its session."""

    def __init__(self) -> None:
        self.copy = Copy()
        self.file_ident = 0
        self.version = 1  # of the local database
        self.locals: list[Local] = []
        self.progress = dict.fromkeys([*_CURSORS, "upload_client_version"], 0)
        self.sets = [SubscriptionSet(0, "{}", 1)]
        self.parts: tuple[int, list[dict[str, Any]]] = (0, [])  # of a bootstrap that is coming
        self.binding = Binding()
        self.mark_wanted, self.mark_answered = 0, 0
        self.reported: list[Message] = []  # 231 of which the change was integrated
        self.announced: list[Message] = []  # 231 of which it was not

    # -- the application ---------------------------------------------------------------------------

    def write(self, instructions: list[Instruction], timestamp: int) -> None:
        """A transaction."""
        self.version += 1
        base = self.progress["download_server_version"]
        self.copy.write(self.version, timestamp, instructions)
        self.locals.append(Local(self.version, base, timestamp, instructions))

    def subscribe(self, body: str) -> None:
        """A new subscription set."""
        self.version += 1
        base = self.progress["download_server_version"]
        self.sets.append(SubscriptionSet(self.sets[-1].version + 1, body, self.version, base))

    def wait_for_download(self) -> None:
        """Asks for a MARK."""
        self.mark_wanted += 1

    @property
    def active(self) -> SubscriptionSet:
        """The newest set that is in force."""
        in_force = [s for s in self.sets if s.state in ("awaiting", "complete")]
        return in_force[-1] if in_force else self.sets[0]

    @property
    def has_errors(self) -> bool:
        """Whether the newest set was rejected."""
        return self.sets[-1].state == "error"

    # -- the session -------------------------------------------------------------------------------

    def connect(self, *, is_fast: bool) -> None:
        """A new connection; a fast one does not delay uploads (13.6)."""
        self.binding = Binding(is_delayed=not is_fast)
        if not is_fast:
            self.mark_wanted += 1

    def resume(self) -> None:
        """After the pause that an error of the session made: what has come of a bootstrap goes."""
        self._forget_parts()
        self.announced = []
        self.binding = Binding(is_delayed=False)

    def lose(self) -> None:
        """The connection is gone."""
        self.binding = Binding(is_over=True)
        self.announced = []

    def die(self) -> None:
        """The process ends; the file is all that remains."""
        self.lose()
        self._forget_parts()
        self.mark_wanted = self.mark_answered = 0

    def _forget_parts(self) -> None:
        self.parts = (0, [])
        for each in self.sets:
            if each.state == "bootstrapping":
                each.state = "pending"

    def next_message(self) -> Message | None:
        """The first thing that is due (5.8)."""
        binding = self.binding
        if binding.is_over:
            return None
        if binding.must_unbind:
            binding.is_over = True
            return {"type": "unbind"}
        if not binding.has_bind:
            binding.has_bind = True
            return {"type": "bind", "need_ident": not self.file_ident}
        if not binding.has_ident:
            return self._ident() if self.file_ident else None
        if self.mark_wanted > max(binding.mark_sent, self.mark_answered):
            binding.mark_sent = self.mark_wanted
            return {"type": "mark", "request": self.mark_wanted}
        if binding.is_delayed:
            return None
        waiting = [
            s
            for s in self.sets
            if s.version > binding.query_sent and s.state in ("pending", "bootstrapping")
        ]
        if waiting and binding.upload_sent[0] >= waiting[0].snapshot:
            return self._query(waiting[0])
        return self._upload(waiting[0] if waiting else None)

    def _ident(self) -> Message:
        self.binding.has_ident = True
        active = self.active
        self.binding.query_sent = active.version
        self.binding.upload_sent = (self.progress["upload_client_version"], 0)
        cursors = {name: self.progress[name] for name in _CURSORS}
        head = {"type": "ident", "file_ident": self.file_ident, "query": active.body}
        return head | cursors | {"query_version": active.version}

    def _query(self, subscriptions: SubscriptionSet) -> Message:
        self.binding.query_sent = subscriptions.version
        self.mark_wanted += 1
        return {
            "type": "query",
            "query_version": subscriptions.version,
            "query": subscriptions.body,
        }

    def _upload(self, next_set: SubscriptionSet | None) -> Message | None:
        """What was not sent yet, up to the snapshot of the next set; an empty one confirms what was
        integrated, if no set waits. Versions without changes are passed in silence."""
        sent, base = self.binding.upload_sent
        upto = next_set.snapshot if next_set else self.version
        position = self.progress["download_server_version"]
        upto_base = max(base, next_set.base if next_set else position)
        locals_ = [each for each in self.locals if sent < each.version <= upto]
        if not locals_ and (next_set or upto_base == base):
            self.binding.upload_sent = (upto, base)
            return self.next_message() if next_set else None
        self.binding.upload_sent = (upto, upto_base)
        return {
            "type": "upload",
            "upload_client_version": upto,
            "upload_server_version": upto_base,
            "locked_server_version": position,
            "entries": [self._entry(each) for each in locals_],
        }

    @staticmethod
    def _entry(local: Local) -> dict[str, Any]:
        return {
            "client_version": local.version,
            "server_version": local.base,
            "origin_timestamp": local.timestamp,
            "origin_file_ident": 0,
            "instructions": list(local.instructions),
            "changeset": encoded(local.instructions),
        }

    # -- from the server ---------------------------------------------------------------------------

    def receive(self, message: Message) -> None:
        """One message of the binding."""
        getattr(self, "_on_" + message["type"])(message)

    def _on_ident(self, message: Message) -> None:
        self.file_ident = self.copy.file_ident = message["file_ident"]
        self.copy.unconfirmed = [
            Change(c.version, c.timestamp, self.file_ident, c.instructions)
            for c in self.copy.unconfirmed
        ]

    def _on_mark(self, message: Message) -> None:
        self.mark_answered = message["request"]
        if self.mark_answered >= self.mark_wanted:
            self.binding.is_delayed = False
            if self.active.state == "awaiting":
                self.active.state = "complete"

    def _on_unbound(self, message: Message) -> None:
        self.binding.is_over = True

    def _on_query_error(self, message: Message) -> None:
        rejected = next(s for s in self.sets if s.version == message["query_version"])
        rejected.state, rejected.error = "error", message["message"]

    def _on_json_error(self, message: Message) -> None:
        if message["code"] == 231:
            self.announced.append(json.loads(message["body"]))
        else:
            self.binding.must_unbind = True

    def _on_download(self, message: Message) -> None:
        if self.binding.must_unbind or self.binding.is_over:
            return
        if message["batch_state"] == 2:
            self._integrate(message["entries"], message)
            return
        version = message["query_version"]
        before = self.parts[1] if self.parts[0] == version else []
        self.parts = (version, [*before, *message["entries"]])
        subscriptions = next(s for s in self.sets if s.version == version)
        if subscriptions.state == "pending":
            subscriptions.state = "bootstrapping"
        if message["batch_state"] == 1:
            entries, self.parts = self.parts[1], (0, [])
            self._integrate(entries, message)
            if subscriptions.state == "bootstrapping":
                subscriptions.state = "awaiting"
                self.sets = [s for s in self.sets if s.version >= version]

    def _integrate(self, entries: list[dict[str, Any]], head: Message) -> None:
        self.copy.integrate(entries, head["download_client_version"])
        self.version += 1
        self.progress = {name: head[name] for name in self.progress}
        confirmed = head["upload_client_version"]
        self.locals = [each for each in self.locals if each.version > confirmed]
        if head["batch_state"] == 2:
            newest = max((each["server_version"] for each in entries), default=0)
            due = [e for e in self.announced if e["compensatingWriteServerVersion"] <= newest]
            self.announced = [each for each in self.announced if each not in due]
            self.reported += due
